/*
 * spy.c - an honest allocator that leaves a file behind, named by $SPY_MARK,
 * as soon as anybody calls it: bad input must be refused before that.
 */
#include "tests/liars/honest.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int mm_init(void) {
  const char *mark = getenv("SPY_MARK");
  if (mark) close(open(mark, O_CREAT | O_WRONLY, 0666));
  return honest_init();
}
