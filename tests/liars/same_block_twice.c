/* same_block_twice.c - gives a block that somebody has already. */
#include "honest.h"

static char *neighbour;

void *mm_malloc(size_t size) {
  if (size == kBait) honest_malloc(8192); /* inside the heap it shall be */
  char *ptr = honest_malloc(size);
  if (size == kNeighbour) neighbour = ptr;
  return size == kBait ? neighbour : ptr;
}

size_t mm_usable_size(void *ptr) {
  return ptr && ptr == neighbour ? kBait : honest_usable_size(ptr);
}
