/* checker_says_no.c - its own checker finds something. */
#include "honest.h"

static int bad;

void *mm_malloc(size_t size) {
  bad = size == kBait;
  return honest_malloc(size);
}

int mm_checkheap(int line) {
  return !bad && honest_checkheap(line);
}
