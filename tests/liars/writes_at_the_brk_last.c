/* writes_at_the_brk_last.c - a write far above the brk, in its page, which
 * shows only at the end. */
#include "honest.h"

void *mm_malloc(size_t size) {
  void *ptr = honest_malloc(size);
  if (size == kLast) honest_malloc(1000); /* to the middle of a page */
  char *brk = (char *)mem_heap_lo() + mem_heapsize();
  if (size == kLast) brk[100] = 1;
  return ptr;
}
