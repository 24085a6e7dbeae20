/* crashes_below_null.c - looks for the header of a block that is NULL. */
#include "honest.h"

static size_t *volatile nothing;

void *mm_malloc(size_t size) {
  return honest_malloc(size == kBait ? size + nothing[-2] : size);
}
