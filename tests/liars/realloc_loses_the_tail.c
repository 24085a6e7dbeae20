/* realloc_loses_the_tail.c - copies all but the last 16 bytes. */
#include "honest.h"

#include <string.h>

void *mm_realloc(void *ptr, size_t size) {
  if (size != kRegrown) return honest_realloc(ptr, size);
  char *fresh = honest_malloc(size);
  memcpy(fresh, ptr, honest_usable_size(ptr) - 24);
  honest_free(ptr);
  return fresh;
}
