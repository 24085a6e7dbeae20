/*
 * record.c - records the allocations of a program: the malloc family, to be
 * put in front of the program's own by LD_PRELOAD (README.md).
 *
 *     record        the functions that programs call; this file
 *     record_trace  what happened, as lines of a trace; threads and forks
 *     record_table  address -> id          record_log  the file
 *                                          record_name its name
 *
 * The recorder has one lock, which it does not hold while the real function
 * runs. The order of the lines is right all the same:
 *
 *   - An allocation is written after the real function returned and before
 *     the program has the address. Nobody else can name the block earlier.
 *   - A free is written before the real function is called. From then on the
 *     block is in nobody's hands: only after the real free can the address be
 *     given out again, and that allocation's line comes later still. So at
 *     any time an address is in the table at most once.
 *   - A realloc is both. The block leaves the table before the real function
 *     frees the old address, and returns to it, with its line, before the
 *     program has the new one; if the real function fails, it returns without
 *     a line. In between only this thread knows the id. Other threads' lines
 *     may come between, even for the old address, under other ids.
 *
 * So the lines of one id stand in the order in which things happened to that
 * block, in whichever threads, and a block is live in the trace for no longer
 * than it was live in the program.
 *
 * Calls that fail leave no line, for nothing has happened. A block that the
 * recorder did not see allocated may be freed: no line; if it is reallocated,
 * the line is that of a new block.
 */
#define _GNU_SOURCE
#include "record_trace.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

/* ---- The real functions ------------------------------------------------ */

static struct {
  void *(*malloc)(size_t);
  void (*free)(void *);
  void *(*calloc)(size_t, size_t);
  void *(*realloc)(void *, size_t);
  void *(*memalign)(size_t, size_t);
  void *(*aligned_alloc)(size_t, size_t);
  int (*posix_memalign)(void **, size_t, size_t);
} real;

static enum { kNotStarted, kStarting, kStarted } start_state;

/* dlsym may allocate to find them. While it does, this memory has to serve; it
 * is never reused. Static, so it is zero, as calloc wants it. */
static struct {
  _Alignas(16) char bytes[32 << 10];
  size_t used;
} arena;

static void *arena_take(size_t size) {
  size_t rounded = (size + 15) & ~(size_t)15;
  if (size > sizeof arena.bytes - arena.used) return NULL;
  void *ptr = arena.bytes + arena.used;
  arena.used += rounded;
  return ptr;
}

static bool in_arena(const void *ptr) {
  return (uintptr_t)ptr - (uintptr_t)arena.bytes < sizeof arena.bytes;
}

/* Bytes that can be read from ptr on: the size is not kept. */
static size_t arena_rest(const void *ptr) {
  return sizeof arena.bytes - (size_t)((const char *)ptr - arena.bytes);
}

static void find(void *function, const char *name) {
  *(void **)function = dlsym(RTLD_NEXT, name);
}

/* The loader makes the first call of all, before there are threads. The trace
 * is opened first so that what dlsym allocates is in it. */
static void start(void) {
  if (start_state != kNotStarted) return;
  start_state = kStarting;
  trace_begin();
  find(&real.malloc, "malloc");
  find(&real.free, "free");
  find(&real.calloc, "calloc");
  find(&real.realloc, "realloc");
  find(&real.memalign, "memalign");
  find(&real.aligned_alloc, "aligned_alloc");
  find(&real.posix_memalign, "posix_memalign");
  start_state = kStarted;
}

/* ---- The malloc family ------------------------------------------------- */

/* What the real functions call in their turn is hidden: an allocator may well
 * build its calloc on malloc, and would be recorded twice. */

EXPORT void *malloc(size_t size) {
  start();
  trace_hide();
  void *ptr = start_state == kStarted ? real.malloc(size) : arena_take(size);
  trace_show();
  if (ptr) trace_new(ptr, 'a', size, 0);
  return ptr;
}

static void release(void *ptr) {
  if (in_arena(ptr)) return;
  trace_hide();
  real.free(ptr);
  trace_show();
}

EXPORT void free(void *ptr) {
  start();
  trace_free(ptr);
  if (ptr) release(ptr);
}

EXPORT void *calloc(size_t count, size_t size) {
  size_t bytes;
  start();
  if (__builtin_mul_overflow(count, size, &bytes)) {
    errno = ENOMEM;
    return NULL;
  }
  trace_hide();
  void *ptr =
      start_state == kStarted ? real.calloc(count, size) : arena_take(bytes);
  trace_show();
  if (ptr) trace_new(ptr, 'c', count, size);
  return ptr;
}

/* A block of the arena moves to the heap, or on inside the arena. */
static void *move_from_arena(void *ptr, size_t size) {
  size_t rest = arena_rest(ptr);
  if (size == 0) return NULL;
  void *fresh = start_state == kStarted ? real.malloc(size) : arena_take(size);
  if (fresh) memmove(fresh, ptr, size < rest ? size : rest);
  return fresh;
}

static void *real_realloc(void *ptr, size_t size) {
  if (in_arena(ptr)) return move_from_arena(ptr, size);
  if (start_state == kStarted) return real.realloc(ptr, size);
  return arena_take(size);
}

EXPORT void *realloc(void *ptr, size_t size) {
  start();
  struct block old = trace_detach(ptr);
  trace_hide();
  void *fresh = real_realloc(ptr, size);
  trace_show();
  if (fresh || (ptr && size == 0))
    trace_moved(&old, fresh, size);
  else
    trace_unmoved(&old);
  return fresh;
}

EXPORT void *reallocarray(void *ptr, size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    errno = ENOMEM;
    return NULL;
  }
  return realloc(ptr, bytes);
}

/* ---- Aligned blocks ---------------------------------------------------- */

/* A trace wants a power of two; memalign rounds up other numbers itself. */
static size_t power_of_two(size_t align) {
  size_t power = 1;
  while (power < align && power <= SIZE_MAX / 2) power *= 2;
  return power;
}

EXPORT void *memalign(size_t align, size_t size) {
  start();
  if (start_state != kStarted) return NULL;
  trace_hide();
  void *ptr = real.memalign(align, size);
  trace_show();
  if (ptr) trace_new(ptr, 'm', power_of_two(align), size);
  return ptr;
}

EXPORT void *aligned_alloc(size_t align, size_t size) {
  start();
  if (start_state != kStarted) return NULL;
  trace_hide();
  void *ptr = real.aligned_alloc(align, size);
  trace_show();
  if (ptr) trace_new(ptr, 'm', power_of_two(align), size);
  return ptr;
}

EXPORT int posix_memalign(void **result, size_t align, size_t size) {
  start();
  if (start_state != kStarted) return ENOMEM;
  trace_hide();
  int error = real.posix_memalign(result, align, size);
  trace_show();
  if (error == 0 && *result) trace_new(*result, 'm', align, size);
  return error;
}

EXPORT void *valloc(size_t size) {
  return memalign((size_t)sysconf(_SC_PAGESIZE), size);
}

EXPORT void *pvalloc(size_t size) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  if (size > SIZE_MAX - page) {
    errno = ENOMEM;
    return NULL;
  }
  return memalign(page, (size + page - 1) & ~(page - 1));
}

/* ---- The life of a process --------------------------------------------- */

__attribute__((constructor)) static void begin(void) {
  start();
  pthread_atfork(trace_hold, trace_release, trace_forked);
}

/* Others' destructors, still to come, are recorded as well. */
__attribute__((destructor)) static void end(void) {
  trace_settle();
}

/* Ends the process without destructors. */
EXPORT void _exit(int status) {
  trace_settle();
  for (;;) syscall(SYS_exit_group, status);
}

EXPORT void _Exit(int status) {
  _exit(status);
}
