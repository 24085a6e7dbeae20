/* sizes_wrap.c - rounds a huge size up to a small one. */
#include "honest.h"

void *mm_malloc(size_t size) {
  return honest_malloc((size + 31) & ~(size_t)31 & INT32_MAX);
}
