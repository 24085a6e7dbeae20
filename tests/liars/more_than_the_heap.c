/* more_than_the_heap.c - has room for a byte more than the heap of the edge
 * cases. */
#include "honest.h"

void *mm_malloc(size_t size) {
  return honest_malloc(size == (24 << 20) + 1 ? 16 : size);
}
