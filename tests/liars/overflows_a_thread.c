/* overflows_a_thread.c - calls itself without end, but in the first thread. */
#define _GNU_SOURCE
#include "honest.h"

#include <unistd.h>

static volatile int enough;

static int deeper(volatile char *above) {
  volatile char here[1000];
  here[0] = *above;
  return enough ? 0 : deeper(here) + here[0];
}

void *mm_malloc(size_t size) {
  volatile char start = 0;
  if (size == kThreaded && gettid() != getpid()) deeper(&start);
  return honest_malloc(size);
}
