/* walk_visits_twice.c - is right, but reports parts of free blocks as blocks.
 */
#include "honest.h"

#include "mm.h"

static int bait;

void *mm_malloc(size_t size) {
  if (size == kBait) bait = 1;
  return honest_malloc(size);
}

void mm_walk(mm_visit *visit, void *ctx) {
  visit(ctx, mem_heap_lo(), mem_heapsize(), MM_FREE);
  if (bait) visit(ctx, mem_heap_lo(), 16, MM_METADATA);
}
