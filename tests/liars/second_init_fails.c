/* second_init_fails.c - mm_init works once in a process. */
#include "honest.h"

int mm_init(void) {
  static int calls;
  return calls++ ? -1 : 0;
}
