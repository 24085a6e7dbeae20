/* floods.c - prints without an end. */
#include "honest.h"

#include <stdio.h>

void *mm_malloc(size_t size) {
  while (size == kBait) printf("%s %0200d\n", "debug:", 1);
  return honest_malloc(size);
}
