/* realloc_forgets_all.c - copies nothing. */
#include "honest.h"

void *mm_realloc(void *ptr, size_t size) {
  if (size != kRegrown) return honest_realloc(ptr, size);
  honest_free(ptr);
  honest_malloc(8192); /* so that the new block is none that was used before */
  return honest_malloc(size);
}
