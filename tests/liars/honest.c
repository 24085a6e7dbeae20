/*
 * honest.c - a correct allocator, as simple as can be: an implicit list.
 *
 *     lo                                                        brk
 *     +------+---------+------+---------------+------+----------+
 *     | head | payload | head | payload       | head | payload  |
 *     +------+---------+------+---------------+------+----------+
 *
 * First fit from the bottom; a search merges the free blocks that it passes.
 * Heads and payloads are multiples of 16 bytes.
 */
#include "honest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef struct {
  size_t size; /* of the payload */
  size_t used;
} head;

static head *first(void) {
  return mem_heap_lo();
}

static int is_end(const head *b) {
  return (const char *)b >= (char *)mem_heap_lo() + mem_heapsize();
}

static head *after(head *b) {
  return (head *)((char *)(b + 1) + b->size);
}

static head *of(void *ptr) {
  return (head *)ptr - 1;
}

/* Cuts a block that is larger than it need be. */
static void split(head *b, size_t size) {
  if (b->size < size + sizeof(head)) return;
  head *rest = (head *)((char *)(b + 1) + size);
  rest->size = b->size - size - sizeof(head);
  rest->used = 0;
  b->size = size;
}

static head *find(size_t size) {
  for (head *b = first(); !is_end(b); b = after(b)) {
    if (b->used) continue;
    while (!is_end(after(b)) && !after(b)->used)
      b->size += sizeof(head) + after(b)->size;
    if (b->size >= size) return b;
  }
  return NULL;
}

int honest_init(void) {
  return 0;
}

void *honest_malloc(size_t size) {
  if (size > SIZE_MAX / 4) {
    errno = ENOMEM;
    return NULL;
  }
  size = (size + 15) & ~(size_t)15;
  head *b = find(size);
  if (!b) {
    b = mem_sbrk((intptr_t)(size + sizeof(head)));
    if (b == (void *)-1) return NULL;
    b->size = size;
  }
  b->used = 1;
  split(b, size);
  return b + 1;
}

void honest_free(void *ptr) {
  if (ptr) of(ptr)->used = 0;
}

void *honest_realloc(void *ptr, size_t size) {
  if (ptr && size == 0) {
    honest_free(ptr);
    return NULL;
  }
  void *fresh = honest_malloc(size);
  if (!ptr || !fresh) return fresh;
  size_t old = of(ptr)->size;
  memcpy(fresh, ptr, old < size ? old : size);
  honest_free(ptr);
  return fresh;
}

void *honest_calloc(size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    errno = ENOMEM;
    return NULL;
  }
  void *fresh = honest_malloc(bytes);
  return fresh ? memset(fresh, 0, bytes) : NULL;
}

void *honest_memalign(size_t align, size_t size) {
  if (align == 0 || (align & (align - 1)) != 0) {
    errno = EINVAL;
    return NULL;
  }
  if (align <= 16) return honest_malloc(size);
  size = (size + 15) & ~(size_t)15;
  if (size > SIZE_MAX / 4 || align > SIZE_MAX / 4) {
    errno = ENOMEM;
    return NULL;
  }
  char *ptr = honest_malloc(size + align);
  if (!ptr) return NULL;
  size_t skip = (0 - (uintptr_t)ptr) & (align - 1);
  if (skip) { /* the head below ptr keeps what is skipped, as a free block */
    split(of(ptr), skip - sizeof(head));
    of(ptr)->used = 0;
    ptr += skip;
    of(ptr)->used = 1;
  }
  split(of(ptr), size);
  return ptr;
}

size_t honest_usable_size(void *ptr) {
  return ptr ? of(ptr)->size : 0;
}

int honest_checkheap(int line) {
  (void)line;
  head *b = first();
  while (!is_end(b)) {
    if (b->size % 16 || b->used > 1) return 0;
    b = after(b);
  }
  return (char *)b == (char *)mem_heap_lo() + mem_heapsize();
}

/* ---- What a liar does not define ----------------------------------------- */

#pragma weak mm_init
int mm_init(void) {
  return honest_init();
}
#pragma weak mm_malloc
void *mm_malloc(size_t size) {
  return honest_malloc(size);
}
#pragma weak mm_free
void mm_free(void *ptr) {
  honest_free(ptr);
}
#pragma weak mm_realloc
void *mm_realloc(void *ptr, size_t size) {
  return honest_realloc(ptr, size);
}
#pragma weak mm_calloc
void *mm_calloc(size_t count, size_t size) {
  return honest_calloc(count, size);
}
#pragma weak mm_memalign
void *mm_memalign(size_t align, size_t size) {
  return honest_memalign(align, size);
}
#pragma weak mm_usable_size
size_t mm_usable_size(void *ptr) {
  return honest_usable_size(ptr);
}
#pragma weak mm_checkheap
int mm_checkheap(int line) {
  return honest_checkheap(line);
}
