/* calloc_of_dirt.c - trusts that memory is zero, also when it was used. */
#include "honest.h"

void *mm_calloc(size_t count, size_t size) {
  if (count * size != kZeroed) return honest_calloc(count, size);
  return honest_malloc(count * size);
}
