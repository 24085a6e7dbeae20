/* sleeps.c - waits for what never comes. */
#include "honest.h"

#include <unistd.h>

void *mm_malloc(size_t size) {
  while (size == kBait) pause();
  return honest_malloc(size);
}
