/* exits_in_a_thread.c - ends the process, as if all were well, in all threads
 * but the first. */
#define _GNU_SOURCE
#include "honest.h"

#include <stdlib.h>
#include <unistd.h>

void *mm_malloc(size_t size) {
  if (size == kThreaded && gettid() != getpid()) exit(0);
  return honest_malloc(size);
}
