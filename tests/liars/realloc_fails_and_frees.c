/* realloc_fails_and_frees.c - frees the old block though there is no new one.
 */
#include "honest.h"

void *mm_realloc(void *ptr, size_t size) {
  void *fresh = honest_realloc(ptr, size);
  if (!fresh && size > 0) honest_free(ptr);
  return fresh;
}
