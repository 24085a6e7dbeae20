/* usable_size_wraps.c - subtracts a head from a size that had none. */
#include "honest.h"

size_t mm_usable_size(void *ptr) {
  size_t size = honest_usable_size(ptr);
  return size == 4336 ? (size_t)0 - 16 : size;
}
