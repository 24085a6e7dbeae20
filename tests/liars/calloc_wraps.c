/* calloc_wraps.c - multiplies without a look. */
#include "honest.h"

#include <string.h>

void *mm_calloc(size_t count, size_t size) {
  void *ptr = honest_malloc(count * size);
  return ptr ? memset(ptr, 0, count * size) : NULL;
}
