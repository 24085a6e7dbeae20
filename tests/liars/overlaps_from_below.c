/* overlaps_from_below.c - a payload that begins in a hole and whose last 17
 * bytes are the first of a live block. */
#include "honest.h"

void *mm_malloc(size_t size) {
  static char *neighbour;
  if (size == kBait) return neighbour + 17 - kBait;
  char *ptr = honest_malloc(size);
  if (size == kNeighbour) neighbour = ptr;
  return ptr;
}
