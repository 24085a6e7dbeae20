/*
 * memlib.c - the simulated heap (memlib.h says what it promises).
 *
 * The range is mapped once, inaccessible at both ends:
 *
 *     base - page      base                             base + limit
 *         +------------+---------------------------------+------------+
 *         |  no access |  readable and writable          |  no access |
 *         +------------+---------------------------------+------------+
 *
 * so that a stray access just outside faults at once. The system gives memory
 * to a page of the range when it is first touched. Invariants:
 *
 *   H1  base <= brk <= base + limit
 *   H2  brk - base <= high_water <= limit
 *   H3  under a guard, no OS page that lies wholly above the brk is accessible,
 *       and the bytes from the brk to the end of its page are kGuardByte
 *       unless somebody wrote past the brk
 *   H4  what lies at `fresh` and above reads as zero, but for that pattern in
 *       the page of the brk
 *
 * This is the one file that takes memory for the heap from the system.
 */
#define _GNU_SOURCE
#include "memlib.h"

#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { kGuardByte = 0xb5 };

static struct {
  pthread_mutex_t lock; /* brk, high_water, guarded */
  char *base;
  char *brk;
  char *fresh;
  size_t high_water;
  size_t limit;
  int guarded;
  char *broken; /* the first write past the brk that a guard has seen */
} heap = {.lock = PTHREAD_MUTEX_INITIALIZER};

size_t mem_pagesize(void) {
  static size_t size;
  if (size == 0) size = (size_t)sysconf(_SC_PAGESIZE);
  return size;
}

static char *page_up(char *p) {
  uintptr_t mask = mem_pagesize() - 1;
  return (char *)(((uintptr_t)p + mask) & ~mask);
}

/* ---- The range --------------------------------------------------------- */

void mem_deinit(void) {
  size_t page = mem_pagesize();
  if (heap.base) munmap(heap.base - page, heap.limit + 2 * page);
  heap.base = heap.brk = heap.fresh = NULL;
  heap.limit = heap.high_water = 0;
  heap.guarded = 0;
}

int mem_reserve(size_t limit, void *base) {
  size_t page = mem_pagesize();
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  if (base) flags |= MAP_FIXED_NOREPLACE;
  if (limit > SIZE_MAX - 3 * page || (uintptr_t)base % page != 0) {
    errno = EINVAL;
    return -1;
  }
  limit = (limit + page - 1) & ~(page - 1);
  mem_deinit();
  char *want = base ? (char *)base - page : NULL;
  char *range = mmap(want, limit + 2 * page, PROT_NONE, flags, -1, 0);
  if (range == MAP_FAILED) return -1;
  if (mprotect(range + page, limit, PROT_READ | PROT_WRITE) != 0) {
    munmap(range, limit + 2 * page);
    return -1;
  }
  heap.base = heap.brk = heap.fresh = range + page;
  heap.limit = limit;
  return 0;
}

void mem_init(void) {
  if (heap.base == NULL && mem_reserve(MAX_HEAP, NULL) != 0) {
    fprintf(stderr,
            "memlib: cannot reserve %lu bytes of addresses: %s; "
            "lower MAX_HEAP in config.h or raise `ulimit -v`\n",
            (unsigned long)MAX_HEAP, strerror(errno));
    exit(2);
  }
}

/* ---- The brk ----------------------------------------------------------- */

/* Makes the range [heap.brk, to) accessible, takes the mark off what is fresh
 * and marks what follows, H3. The old brk's own page is accessible already. */
static int guard_raise(char *to) {
  char *from_page = page_up(heap.brk), *to_page = page_up(to);
  if (to_page > from_page && mprotect(from_page, (size_t)(to_page - from_page),
                                      PROT_READ | PROT_WRITE) != 0)
    return -1;
  char *mark_end = to < from_page ? to : from_page;
  char *mark = heap.brk > heap.fresh ? heap.brk : heap.fresh;
  if (mark < mark_end) memset(mark, 0, (size_t)(mark_end - mark)); /* H4 */
  if (to_page > from_page) memset(to, kGuardByte, (size_t)(to_page - to));
  return 0;
}

static void guard_lower(char *to) {
  char *to_page = page_up(to), *end = page_up(heap.brk);
  if (end > to_page) mprotect(to_page, (size_t)(end - to_page), PROT_NONE);
  char *mark_end = heap.brk < to_page ? heap.brk : to_page;
  memset(to, kGuardByte, (size_t)(mark_end - to));
}

static char *guard_scan(size_t window) {
  size_t rest = (size_t)(page_up(heap.brk) - heap.brk);
  if (window > rest) window = rest;
  for (size_t i = 0; i < window; i++)
    if ((unsigned char)heap.brk[i] != kGuardByte) return heap.brk + i;
  return NULL;
}

static void give_back(char *lo, char *hi) {
  uintptr_t mask = mem_pagesize() - 1;
  lo = page_up(lo);
  hi = (char *)((uintptr_t)hi & ~mask);
  if (hi > lo) madvise(lo, (size_t)(hi - lo), MADV_DONTNEED);
}

static void set_fresh(char *to) {
  __atomic_store_n(&heap.fresh, to, __ATOMIC_RELEASE);
}

static int move_brk(intptr_t incr) {
  size_t used = (size_t)(heap.brk - heap.base);
  if (incr > 0 && (size_t)incr > heap.limit - used) return -1;
  if (incr < 0 && (size_t)0 - (size_t)incr > used) return -1;
  char *to = heap.brk + incr;
  if (heap.guarded && heap.broken == NULL) heap.broken = guard_scan(SIZE_MAX);
  if (incr < 0) {
    give_back(to, page_up(heap.brk));
    if (heap.fresh <= page_up(heap.brk) && heap.fresh > page_up(to))
      set_fresh(page_up(to));
    if (heap.guarded) guard_lower(to);
  } else if (heap.guarded && guard_raise(to) != 0) {
    return -1;
  }
  __atomic_store_n(&heap.brk, to, __ATOMIC_RELEASE);
  if (to > heap.fresh) set_fresh(to);
  if ((size_t)(to - heap.base) > heap.high_water)
    heap.high_water = (size_t)(to - heap.base);
  return 0;
}

void *mem_sbrk(intptr_t incr) {
  pthread_mutex_lock(&heap.lock);
  void *old = heap.brk;
  int moved = move_brk(incr);
  pthread_mutex_unlock(&heap.lock);
  if (moved == 0) return old;
  errno = ENOMEM;
  return (void *)-1;
}

void mem_reset_brk(void) {
  pthread_mutex_lock(&heap.lock);
  set_fresh(page_up(heap.fresh)); /* a guard may have left its mark there */
  if (heap.guarded) guard_lower(heap.base);
  __atomic_store_n(&heap.brk, heap.base, __ATOMIC_RELEASE);
  heap.high_water = 0;
  heap.broken = NULL;
  pthread_mutex_unlock(&heap.lock);
}

void mem_reset_brk_zeroed(void) {
  mem_reset_brk();
  madvise(heap.base, heap.limit, MADV_DONTNEED);
  set_fresh(heap.base);
}

int mem_release(void *lo, size_t len) {
  char *from = lo;
  int inside =
      from >= heap.base && from <= heap.brk && len <= (size_t)(heap.brk - from);
  if (!inside) {
    errno = EINVAL;
    return -1;
  }
  give_back(from, from + len);
  return 0;
}

void *mem_fresh(void) {
  return __atomic_load_n(&heap.fresh, __ATOMIC_ACQUIRE);
}

void *mem_heap_lo(void) {
  return heap.base;
}

/* The brk as of now; another thread may move it at any time. */
static char *current_brk(void) {
  return __atomic_load_n(&heap.brk, __ATOMIC_ACQUIRE);
}

void *mem_heap_hi(void) {
  return current_brk() - 1;
}
size_t mem_heapsize(void) {
  return (size_t)(current_brk() - heap.base);
}
size_t mem_high_water(void) {
  return heap.high_water;
}
size_t mem_limit(void) {
  return heap.limit;
}

/* ---- For drivers ------------------------------------------------------- */

void mem_guard(int on) {
  if (on && !heap.guarded) {
    mprotect(heap.base, heap.limit, PROT_NONE);
    heap.brk = heap.base;
  } else if (!on && heap.guarded) {
    mprotect(heap.base, heap.limit, PROT_READ | PROT_WRITE);
  }
  heap.guarded = on;
}

void *mem_guard_broken(size_t window) {
  if (!heap.guarded || heap.broken) return heap.broken;
  return guard_scan(window);
}

size_t mem_touched(void) {
  enum { kBatch = 4096 };
  size_t page = mem_pagesize(), touched = 0;
  unsigned char present[kBatch];
  for (char *p = heap.base; p < heap.base + heap.high_water;
       p += kBatch * page) {
    size_t len = (size_t)(page_up(heap.base + heap.high_water) - p);
    if (len > kBatch * page) len = kBatch * page;
    if (mincore(p, len, present) != 0) return touched;
    for (size_t i = 0; i < (len + page - 1) / page; i++)
      touched += (present[i] & 1) ? page : 0;
  }
  return touched;
}

/* ---- Accessors --------------------------------------------------------- */

uint64_t mem_read(const void *addr, size_t len) {
  uint64_t value = 0;
  memcpy(&value, addr, len < sizeof value ? len : sizeof value);
  return value;
}

void mem_write(void *addr, uint64_t value, size_t len) {
  memcpy(addr, &value, len < sizeof value ? len : sizeof value);
}

void *mem_memcpy(void *dst, const void *src, size_t n) {
  return memcpy(dst, src, n);
}

void *mem_memset(void *dst, int c, size_t n) {
  return memset(dst, c, n);
}

void hprobe(void *ptr, int offset, size_t count) {
  const unsigned char *p = (const unsigned char *)ptr + offset;
  printf("%p:", (const void *)p);
  for (size_t i = 0; i < count; i++) printf(" %02x", p[i]);
  printf("\n");
}
