/* loops.c - a search that does not end. */
#include "honest.h"

static volatile int enough;

void *mm_malloc(size_t size) {
  while (size == kBait && !enough) {
  }
  return honest_malloc(size);
}
