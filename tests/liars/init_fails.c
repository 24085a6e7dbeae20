/* init_fails.c - mm_init says that it could not. */
#include "honest.h"

int mm_init(void) {
  return -1;
}
