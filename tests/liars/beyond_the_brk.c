/* beyond_the_brk.c - a payload that lies above the brk altogether. */
#include "honest.h"

void *mm_malloc(size_t size) {
  char *brk = (char *)mem_heap_lo() + mem_heapsize();
  return size == kBait ? brk + 16 : honest_malloc(size);
}
