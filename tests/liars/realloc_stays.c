/* realloc_stays.c - says that the block grew in place, over its neighbour. */
#include "honest.h"

static void *grown;

void *mm_realloc(void *ptr, size_t size) {
  if (size != kRegrown) return honest_realloc(ptr, size);
  honest_malloc(8192); /* so that it does not reach beyond the brk */
  return grown = ptr;
}

size_t mm_usable_size(void *ptr) {
  return ptr == grown ? kRegrown : honest_usable_size(ptr);
}
