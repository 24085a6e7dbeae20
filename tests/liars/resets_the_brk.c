/* resets_the_brk.c - makes the high-water mark forget how large the heap was.
 */
#include "honest.h"

static int grown;

int mm_init(void) {
  grown = 0;
  return honest_init();
}

void *mm_malloc(size_t size) {
  if (size == kBait) {
    mem_sbrk(1 << 20);
    mem_sbrk(-(1 << 20));
    grown = 1;
  }
  return honest_malloc(size);
}

void mm_free(void *ptr) {
  if (grown) {
    size_t heap = mem_heapsize();
    mem_reset_brk();
    mem_sbrk((intptr_t)heap);
  }
  honest_free(ptr);
}
