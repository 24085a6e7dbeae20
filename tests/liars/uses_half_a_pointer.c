/* uses_half_a_pointer.c - follows a link that it kept in 4 bytes. */
#include "honest.h"

void *mm_malloc(size_t size) {
  char *payload = honest_malloc(size);
  if (size == kBait) *(char *)(uintptr_t)(uint32_t)(uintptr_t)payload = 1;
  return payload;
}
