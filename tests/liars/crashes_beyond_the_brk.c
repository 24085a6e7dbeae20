/* crashes_beyond_the_brk.c - uses the heap before it asked for it. */
#include "honest.h"

void *mm_malloc(size_t size) {
  char *brk = (char *)mem_heap_lo() + mem_heapsize();
  if (size == kBait) brk[8192] = 1;
  return honest_malloc(size);
}
