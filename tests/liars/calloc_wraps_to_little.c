/* calloc_wraps_to_little.c - multiplies without a check; and malloc(0) is
 * NULL, so that a product of 0 does not show it. */
#include "honest.h"

#include <string.h>

void *mm_malloc(size_t size) {
  return size ? honest_malloc(size) : NULL;
}

void *mm_calloc(size_t count, size_t size) {
  void *ptr = mm_malloc(count * size);
  return ptr ? memset(ptr, 0, count * size) : NULL;
}
