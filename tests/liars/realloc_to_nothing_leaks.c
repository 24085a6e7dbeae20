/* realloc_to_nothing_leaks.c - realloc(p, 0) returns NULL and keeps p. */
#include "honest.h"

void *mm_realloc(void *ptr, size_t size) {
  return ptr && size == 0 ? NULL : honest_realloc(ptr, size);
}
