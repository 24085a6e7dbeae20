/* scribbles_first_byte.c - changes the first byte of a neighbour. */
#include "honest.h"

void *mm_malloc(size_t size) {
  static char *neighbour;
  char *ptr = honest_malloc(size);
  if (size == kNeighbour) neighbour = ptr;
  if (size == kBait) neighbour[0] ^= 1;
  return ptr;
}
