/*
 * races.h - blocks of up to 64 bytes from a list that all threads share,
 * without a lock; the moment between reading its head and moving it is long.
 * The rest of the allocator has a lock. In one thread all of it is right.
 *
 *     list --> head | payload      a block's head keeps the link, so that
 *                |                 what is written into a payload that was
 *                v                 given out twice does not break the list
 *              head | payload
 */
#ifndef RACES_H
#define RACES_H

#include "honest.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

enum { kSmall = 64 };

typedef struct small {
  struct small *volatile next;
  size_t is_small; /* below the payload; else it is honest's head that is, */
} small;           /* whose last word is 1 */
enum { kIsSmall = 12345 };

static small *volatile list;
static pthread_mutex_t others = PTHREAD_MUTEX_INITIALIZER;

int mm_init(void) {
  list = NULL;
  return honest_init();
}

void *mm_malloc(size_t size) {
  small *b = list;
  if (size <= kSmall && b) {
    sched_yield();
    list = b->next;
    return b + 1;
  }
  pthread_mutex_lock(&others);
  b = honest_malloc(size <= kSmall ? kSmall + sizeof(small) : size);
  pthread_mutex_unlock(&others);
  if (size > kSmall || !b) return b;
  b->is_small = kIsSmall;
  return b + 1;
}

void mm_free(void *ptr) {
  small *b = (small *)ptr - 1;
  if (!ptr) return;
  if (b->is_small == kIsSmall) {
    b->next = list;
    list = b;
    return;
  }
  pthread_mutex_lock(&others);
  honest_free(ptr);
  pthread_mutex_unlock(&others);
}

size_t mm_usable_size(void *ptr) {
  if (!ptr) return 0;
  return ((small *)ptr - 1)->is_small == kIsSmall ? kSmall
                                                  : honest_usable_size(ptr);
}

void *mm_realloc(void *ptr, size_t size) {
  size_t old = mm_usable_size(ptr);
  void *fresh = ptr && size == 0 ? NULL : mm_malloc(size);
  if (ptr && fresh) memcpy(fresh, ptr, old < size ? old : size);
  if (ptr && (fresh || size == 0)) mm_free(ptr);
  return fresh;
}

void *mm_calloc(size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) return NULL;
  void *fresh = mm_malloc(bytes);
  return fresh ? memset(fresh, 0, bytes) : NULL;
}

#endif
