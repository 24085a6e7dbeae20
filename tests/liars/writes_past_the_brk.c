/* writes_past_the_brk.c - a right payload, and 64 bytes written where no heap
 * is. */
#include "honest.h"

#include <string.h>

void *mm_malloc(size_t size) {
  char *brk = (char *)mem_heap_lo() + mem_heapsize();
  if (size == kBait) memset(brk, 0, 64);
  return honest_malloc(size);
}
