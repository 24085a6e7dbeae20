/* encloses.c - a payload that has a live block in its middle. */
#include "honest.h"

void *mm_malloc(size_t size) {
  static char *neighbour;
  if (size == kBait) honest_malloc(8192); /* inside the heap it shall be */
  char *ptr = honest_malloc(size);
  if (size == kNeighbour) neighbour = ptr;
  return size == kBait ? neighbour - 64 : ptr;
}
