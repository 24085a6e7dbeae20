/* crashes_at_null.c - follows a null pointer. */
#include "honest.h"

static void *volatile nothing;

void *mm_malloc(size_t size) {
  if (size == kBait) ((char *)nothing)[24] = 1;
  return honest_malloc(size);
}
