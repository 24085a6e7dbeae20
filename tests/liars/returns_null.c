/* returns_null.c - gives up though there is room. */
#include "honest.h"

void *mm_malloc(size_t size) {
  return size == kBait ? NULL : honest_malloc(size);
}
