/* loops_in_a_thread.c - a search that does not end, but in the first thread.
 */
#define _GNU_SOURCE
#include "honest.h"

#include <unistd.h>

static volatile int enough;

void *mm_malloc(size_t size) {
  int first = gettid() == getpid();
  while (size == kThreaded && !first && !enough) {
  }
  return honest_malloc(size);
}
