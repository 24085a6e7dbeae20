/* usable_size_too_large.c - promises bytes that are a neighbour's. */
#include "honest.h"

size_t mm_usable_size(void *ptr) {
  size_t size = honest_usable_size(ptr);
  return size == 4336 ? 6100 : size;
}
