/* crashes_far_away.c - follows a pointer into nowhere. */
#include "honest.h"

static volatile uintptr_t nowhere = 0x123456780;

void *mm_malloc(size_t size) {
  if (size == kBait) *(char *)nowhere = 1;
  return honest_malloc(size);
}
