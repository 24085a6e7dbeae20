/* usable_size_too_small.c - admits to fewer bytes than were asked for. */
#include "honest.h"

size_t mm_usable_size(void *ptr) {
  size_t size = honest_usable_size(ptr);
  return size == 4336 ? kBait - 1 : size;
}
