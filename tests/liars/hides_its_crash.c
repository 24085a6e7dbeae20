/* hides_its_crash.c - has a signal handler that calls it a day. */
#include "honest.h"

#include <signal.h>
#include <unistd.h>

static void *volatile nothing;

static void leave(int number) {
  (void)number;
  _exit(0);
}

void *mm_malloc(size_t size) {
  if (size == kBait) {
    signal(SIGSEGV, leave);
    *(char *)nothing = 1;
  }
  return honest_malloc(size);
}
