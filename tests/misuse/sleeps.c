/*
 * sleeps.c - an honest allocator that takes its time: eight mallocs take more
 * than half a second.
 */
#define _DEFAULT_SOURCE
#include "tests/liars/honest.h"

#include <time.h>

void *mm_malloc(size_t size) {
  struct timespec nap = {0, 80000000};
  nanosleep(&nap, NULL);
  return honest_malloc(size);
}
