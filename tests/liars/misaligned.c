/* misaligned.c - a payload that begins 4 bytes too high. */
#include "honest.h"

void *mm_malloc(size_t size) {
  char *ptr = honest_malloc(size + 16);
  return size == kBait ? ptr + 4 : ptr;
}
