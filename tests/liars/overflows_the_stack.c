/* overflows_the_stack.c - a recursion that does not end. */
#include "honest.h"

static volatile int enough;

static int deeper(volatile char *above) {
  volatile char here[1000];
  here[0] = *above;
  return enough ? 0 : deeper(here) + here[0];
}

void *mm_malloc(size_t size) {
  volatile char start = 0;
  if (size == kBait) deeper(&start);
  return honest_malloc(size);
}
