/* breaks_when_full.c - is of no use any more once the heap was full. */
#include "honest.h"

void *mm_malloc(size_t size) {
  static int full;
  void *ptr = full ? NULL : honest_malloc(size);
  if (!ptr && size < 1 << 20) full = 1;
  return ptr;
}
