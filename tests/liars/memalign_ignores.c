/* memalign_ignores.c - gives any block, whatever alignment is asked for. */
#include "honest.h"

void *mm_memalign(size_t align, size_t size) {
  if (align != kAligned) return honest_memalign(align, size);
  char *ptr = honest_memalign(align, size + 16);
  return ptr + 16;
}

void mm_free(void *ptr) {
  if (((uintptr_t)ptr & (kAligned - 1)) != 16) honest_free(ptr);
}
