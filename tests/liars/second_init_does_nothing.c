/* second_init_does_nothing.c - believes in the heap of the first mm_init: its
 * bump pointer stays where it was. */
#include "honest.h"

#include <string.h>

static char *next, *end;

int mm_init(void) {
  if (next) return 0;
  next = end = mem_heap_lo();
  return 0;
}

void *mm_malloc(size_t size) {
  size = (size + 16) & ~(size_t)15;
  if (size > (size_t)(end - next)) {
    size_t more = size > 65536 ? size : 65536;
    if (mem_sbrk((intptr_t)more) == (void *)-1) return NULL;
    end += more;
  }
  next += size;
  return next - size;
}

void mm_free(void *ptr) {
  (void)ptr;
}

void *mm_realloc(void *ptr, size_t size) {
  char *fresh = mm_malloc(size), *old = ptr;
  if (old && fresh)
    memmove(fresh, old,
            size < (size_t)(fresh - old) ? size : (size_t)(fresh - old));
  return fresh;
}

void *mm_calloc(size_t count, size_t size) {
  return mm_malloc(count * size);
}

void *mm_memalign(size_t align, size_t size) {
  next = (char *)(((uintptr_t)next + align - 1) & ~(align - 1));
  return mm_malloc(size);
}

size_t mm_usable_size(void *ptr) {
  (void)ptr;
  return SIZE_MAX; /* not known */
}

int mm_checkheap(int line) {
  (void)line;
  return 1;
}
