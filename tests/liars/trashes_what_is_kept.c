/* trashes_what_is_kept.c - in the trace's last operation, changes a block that
 * nobody frees. */
#include "honest.h"

void *mm_malloc(size_t size) {
  static char *kept;
  char *ptr = honest_malloc(size);
  if (size == kKept) kept = ptr;
  if (size == kLast) kept[kKept / 2] ^= 1;
  return ptr;
}
