/* walk_leaves_the_heap.c - is right, but for a size that its walk reports. */
#include "honest.h"

#include "mm.h"

static int bait;

void *mm_malloc(size_t size) {
  if (size == kBait) bait = 1;
  return honest_malloc(size);
}

void mm_walk(mm_visit *visit, void *ctx) {
  visit(ctx, mem_heap_lo(), bait ? 65536 : mem_heapsize(), MM_FREE);
}
