/* init_takes_time.c - no liar: its mm_init is slow, and takes so much that the
 * heap is used up after a few passes. */
#define _DEFAULT_SOURCE
#include "honest.h"

#include <time.h>

int mm_init(void) {
  struct timespec nap = {0, 50000000};
  nanosleep(&nap, NULL);
  return honest_malloc(64 << 20) ? 0 : -1;
}
