/* outside.c - a payload that is not in the heap at all. */
#include "honest.h"

static char elsewhere[kBait] __attribute__((aligned(16)));

void *mm_malloc(size_t size) {
  return size == kBait ? elsewhere : honest_malloc(size);
}

void mm_free(void *ptr) {
  if (ptr != elsewhere) honest_free(ptr);
}
