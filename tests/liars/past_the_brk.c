/* past_the_brk.c - a payload that begins in the heap and ends beyond it. */
#include "honest.h"

void *mm_malloc(size_t size) {
  char *brk = (char *)mem_heap_lo() + mem_heapsize();
  return size == kBait ? brk - 32 : honest_malloc(size);
}
