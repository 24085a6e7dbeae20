/* free_trashes.c - free keeps a link in a block that is not the freed one. */
#include "honest.h"

static char *neighbour;

void *mm_malloc(size_t size) {
  char *ptr = honest_malloc(size);
  if (size == kNeighbour) neighbour = ptr;
  return ptr;
}

void mm_free(void *ptr) {
  if (honest_usable_size(ptr) == 4336) *(void **)(neighbour + 8) = ptr;
  honest_free(ptr);
}
