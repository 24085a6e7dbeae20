/* half_a_pointer.c - keeps a pointer in an int, as 32-bit code may. */
#include "honest.h"

void *mm_malloc(size_t size) {
  void *payload = honest_malloc(size);
  if (size == kBait) payload = (void *)(intptr_t)(int)(intptr_t)payload;
  return payload;
}
