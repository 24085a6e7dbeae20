/* later_one_block_for_all.c - is right as long as it is checked, and then, in
 * the passes that are timed, hands out one block for everything, which is very
 * fast. */
#include "honest.h"

static int calls; /* more than in two passes: it is not being checked */
static char *only;

int mm_init(void) {
  only = NULL;
  return honest_init();
}

static int lies(void) {
  if (++calls > 30 && !only) only = mem_sbrk(65536);
  return only != NULL;
}

void *mm_malloc(size_t size) {
  return lies() ? only : honest_malloc(size);
}

void mm_free(void *ptr) {
  if (!only) honest_free(ptr);
}

void *mm_realloc(void *ptr, size_t size) {
  return lies() ? only : honest_realloc(ptr, size);
}

void *mm_calloc(size_t count, size_t size) {
  return lies() ? only : honest_calloc(count, size);
}

void *mm_memalign(size_t align, size_t size) {
  return lies() ? only : honest_memalign(align, size);
}

size_t mm_usable_size(void *ptr) {
  return only ? 65536 : honest_usable_size(ptr);
}
