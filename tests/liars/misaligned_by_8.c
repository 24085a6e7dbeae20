/* misaligned_by_8.c - a payload at a multiple of 8 that is none of 16. */
#include "honest.h"

void *mm_malloc(size_t size) {
  char *ptr = honest_malloc(size + 16);
  return size == kBait ? ptr + 8 : ptr;
}
