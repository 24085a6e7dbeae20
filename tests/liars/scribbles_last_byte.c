/* scribbles_last_byte.c - changes the last byte of a neighbour. */
#include "honest.h"

void *mm_malloc(size_t size) {
  static char *neighbour;
  char *ptr = honest_malloc(size);
  if (size == kNeighbour) neighbour = ptr;
  if (size == kBait) neighbour[kNeighbour - 1] ^= 1;
  return ptr;
}
