/* crashes_in_a_thread.c - follows a null pointer in all threads but the first.
 */
#define _GNU_SOURCE
#include "honest.h"

#include <unistd.h>

static void *volatile nothing;

void *mm_malloc(size_t size) {
  if (size == kThreaded && gettid() != getpid()) ((char *)nothing)[24] = 1;
  return honest_malloc(size);
}
