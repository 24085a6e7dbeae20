/* memalign_fails.c - has no block for an alignment of more than 128 bytes. */
#include "honest.h"

void *mm_memalign(size_t align, size_t size) {
  return align > 128 ? NULL : honest_memalign(align, size);
}
