/* memalign_wraps.c - takes the lower half of a huge alignment. */
#include "honest.h"

void *mm_memalign(size_t align, size_t size) {
  uint32_t half = (uint32_t)align;
  return honest_memalign(align && !half ? 16 : align, size);
}
