/* prints.c - is no liar, but says what it does. */
#include "honest.h"

#include <stdio.h>

void *mm_malloc(size_t size) {
  if (size == kBait) printf("%zu bytes\n", size);
  return honest_malloc(size);
}
