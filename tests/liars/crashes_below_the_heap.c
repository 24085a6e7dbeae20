/* crashes_below_the_heap.c - looks for a block before the first. */
#include "honest.h"

void *mm_malloc(size_t size) {
  if (size == kBait) ((char *)mem_heap_lo())[-16] = 1;
  return honest_malloc(size);
}
