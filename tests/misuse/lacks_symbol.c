/* lacks_symbol.c - an allocator that calls what nobody defines. */
#include "mm.h"

void *somebody_elses_malloc(size_t size);

int mm_init(void) {
  return 0;
}
void *mm_malloc(size_t size) {
  return somebody_elses_malloc(size);
}
void mm_free(void *ptr) {
  (void)ptr;
}
