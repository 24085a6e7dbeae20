/* crashes_wild.c - takes data for a pointer: no program can have such an
 * address. */
#include "honest.h"

static volatile uintptr_t data = 0x6f6c6c656820746f;

void *mm_malloc(size_t size) {
  if (size == kBait) *(char *)data = 1;
  return honest_malloc(size);
}
