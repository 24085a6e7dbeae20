/* aborts.c - has an assertion that fails. */
#include "honest.h"

#undef NDEBUG
#include <assert.h>

void *mm_malloc(size_t size) {
  assert(size != kBait && "no room for bait");
  return honest_malloc(size);
}
