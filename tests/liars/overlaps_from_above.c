/* overlaps_from_above.c - a payload that begins inside a live block and ends
 * beyond it. */
#include "honest.h"

void *mm_malloc(size_t size) {
  static char *neighbour;
  if (size == kBait) honest_malloc(8192); /* inside the heap it shall be */
  char *ptr = honest_malloc(size);
  if (size == kNeighbour) neighbour = ptr;
  return size == kBait ? neighbour + 96 : ptr;
}
