/* loops_in_init.c - mm_init does not come back. */
#include "honest.h"

static volatile int enough;

int mm_init(void) {
  while (!enough) {
  }
  return 0;
}
