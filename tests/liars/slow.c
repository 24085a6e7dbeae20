/* slow.c - gets ahead, but would take all day. */
#include "honest.h"

#include <unistd.h>

void *mm_malloc(size_t size) {
  static int bait;
  if (size == kNeighbour) bait = 1; /* from here on, in bait.rep */
  if (bait) usleep(900000);
  return honest_malloc(size);
}
