/* checker_crashes.c - is right, but for its checker. */
#include "honest.h"

static int bait;
static int *volatile nothing;

void *mm_malloc(size_t size) {
  bait = size == kBait;
  return honest_malloc(size);
}

int mm_checkheap(int line) {
  return bait ? *nothing : honest_checkheap(line);
}
