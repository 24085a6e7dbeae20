/* walk_crashes.c - is right, but for its walk over the heap. */
#include "honest.h"

#include "mm.h"

static int bait;
static int *volatile nothing;

void *mm_malloc(size_t size) {
  if (size == kBait) bait = 1;
  return honest_malloc(size);
}

void mm_walk(mm_visit *visit, void *ctx) {
  if (bait) visit(ctx, mem_heap_lo(), (size_t)*nothing, MM_FREE);
}
