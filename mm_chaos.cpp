/*
 * mm_chaos.cpp - "Chaos": malloc by sharded free lists, the mimalloc design.
 *
 * The idea (Leijen, Zorn, de Moura: "Mimalloc: Free List Sharding in Action",
 * 2019): instead of one free list for each size there is one for each *page*,
 * a piece of memory whose blocks all have one size. Allocation stays in one
 * page until it is used up, so that what is allocated together lies together.
 * And each page has three lists, so that neither the common case nor other
 * threads get in each other's way.
 *
 *   heap (one a thread)
 *     queue of pages for each size class
 *   segment, 4 MiB, at a multiple of 4 MiB from the heap's first byte
 *     +--------+---------------------------------------------------------+
 *     | header | page 0 | page 1 | page 2 | ...                          |
 *     +--------+---------------------------------------------------------+
 *     small:  64 pages of 64 KiB     for objects up to 8 KiB
 *     large:   8 pages of 512 KiB    for objects up to 512 KiB
 *     huge:    one page, the whole segment or several in a row
 *   page
 *     free ----> block -> block -> block       malloc takes from here
 *     local_free ----> block -> block          free of the owner puts here
 *     thread_free ---> block                   free of other threads, atomic
 *
 * malloc pops `free`. Only when that is empty does it take the generic path,
 * which makes local_free the new free list, and then thread_free; so the
 * generic path runs at least once in as many calls as a page has blocks: the
 * heartbeat, by which whatever is to be done now and then gets done, without
 * a counter on the fast path.
 *
 * Invariants:
 *
 *   C1  segments lie at multiples of 4 MiB, one behind the other
 *   C2  a page's used + free + local_free = capacity <= reserved, where used
 *       counts the blocks that are allocated or on thread_free
 *   C3  every block on a page's lists lies in the page at a multiple of its
 *       block size, and is on one list once
 *   C4  a page in use is in the queue of its size class, once
 *   C5  direct[i] is the first page of the queue that serves i units, or the
 *       empty page
 *   C6  a segment's used counts its pages in use
 *
 * Not here yet: pages of threads that ended; giving memory back.
 */
#define MM_OPTIONAL
#include "mm.h"

#include "config.h"
#include "memlib.h"

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <pthread.h>

namespace chaos {
namespace {

// ---- Constants --------------------------------------------------------------

constexpr size_t kUnit = ALIGNMENT;
constexpr size_t kSegmentSize = 4 << 20;
constexpr size_t kSmallPage = 64 << 10, kLargePage = 512 << 10;
constexpr size_t kSmallMax = 8 << 10, kLargeMax = 512 << 10;
constexpr size_t kMaxPages = kSegmentSize / kSmallPage;
constexpr size_t kDirectMax = 1 << 10; // sizes found without computing a class
constexpr size_t kDirect = kDirectMax / kUnit + 1;
// Each size up to kExact units has a class of its own; then four a doubling,
// so that a block is at most a quarter larger than what was asked for.
constexpr size_t kExactBits = 3, kExact = 1 << kExactBits;
constexpr size_t kClasses = kExact + 4 * 17;
constexpr size_t kExtend = 4 << 10; // bytes of blocks linked at a time
constexpr uint64_t kHeartbeat = 64; // generic calls between collections

// ---- Types ------------------------------------------------------------------

struct Block {
  Block *next;
};

struct Heap;

// Conservation: used + |free| + |local_free| == capacity <= reserved.
struct Page {
  Block *free = nullptr;
  Block *local_free = nullptr;
  std::atomic<Block *> thread_free{nullptr};
  Heap *heap = nullptr;  // the owner; none: not in use
  uint32_t used = 0;     // allocated, or on thread_free
  uint32_t capacity = 0; // blocks that were ever on a list
  uint32_t reserved = 0; // blocks that fit
  uint32_t size_class = 0;
  size_t block_size = 0;
  char *start = nullptr;
  Page *next = nullptr, *prev = nullptr;
  bool has_aligned = false; // some payloads begin inside their block
};

enum class Kind : uint32_t { Small, Large, Huge, Free };

struct Segment {
  Kind kind;
  uint32_t used; // pages in use
  size_t count;  // segments in a row: more than 1 only for huge and free
  Segment *next; // of the same kind with free pages, or free
  Page pages[kMaxPages];
};

constexpr size_t kHeaderSize = (sizeof(Segment) + kUnit - 1) / kUnit * kUnit;
static_assert(kHeaderSize < kSmallPage, "page 0 has room beside the header");

struct Queue {
  Page *first, *last;
};

struct Heap {
  Page *direct[kDirect];
  Queue queue[kClasses];
  uint64_t generic_calls;
  bool taken;
};

// A page without blocks: what direct[] holds where there is none, so that the
// fast path needs no test of its own.
constinit Page empty_page;
constinit Heap empty_heap{}; // that of a thread before its first malloc

constexpr size_t kMaxThreads = 64;

// What all threads share.
struct Shared {
  pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; // all below
  char *base = nullptr;
  size_t segments = 0;          // gotten from mem_sbrk so far
  Segment *with_room[2] = {};   // small and large ones
  Segment *free_runs = nullptr; // by address
  Heap heaps[kMaxThreads] = {};
};
constinit Shared shared;

// Which mm_init the thread's heap belongs to.
constinit std::atomic<uint64_t> epoch{0};
__attribute__((tls_model(
    "initial-exec"))) thread_local constinit Heap *thread_heap = &empty_heap;
__attribute__((tls_model(
    "initial-exec"))) thread_local constinit uint64_t thread_epoch = 0;

struct Lock {
  Lock() { pthread_mutex_lock(&shared.lock); }
  ~Lock() { pthread_mutex_unlock(&shared.lock); }
};

// ---- Size classes
// -------------------------------------------------------------

size_t units_for(size_t size) {
  return size ? (size + kUnit - 1) / kUnit : 1;
}

size_t class_of(size_t units) {
  if (units <= kExact) return units - 1;
  size_t u = units - 1;
  size_t top = 63 - static_cast<size_t>(__builtin_clzll(u));
  return kExact + (top - kExactBits) * 4 + ((u >> (top - 2)) & 3);
}

size_t class_size(size_t c) {
  if (c < kExact) return (c + 1) * kUnit;
  size_t top = (c - kExact) / 4 + kExactBits, step = (c - kExact) % 4;
  return (((4 + step) << (top - 2)) + (size_t{1} << (top - 2))) * kUnit;
}

// ---- Segments
// -----------------------------------------------------------------

Segment *segment_of(const void *p) {
  size_t offset =
      static_cast<size_t>(static_cast<const char *>(p) - shared.base);
  return reinterpret_cast<Segment *>(shared.base +
                                     (offset & ~(kSegmentSize - 1)));
}

size_t page_size(Kind kind, size_t count) {
  return kind == Kind::Small   ? kSmallPage
         : kind == Kind::Large ? kLargePage
                               : count * kSegmentSize;
}

size_t pages_in(Kind kind) {
  return kind == Kind::Huge ? 1 : kSegmentSize / page_size(kind, 1);
}

Page *page_of(const void *p) {
  Segment *s = segment_of(p);
  if (s->kind == Kind::Huge) return &s->pages[0];
  size_t offset = static_cast<size_t>(static_cast<const char *>(p) -
                                      reinterpret_cast<char *>(s));
  return &s->pages[offset / page_size(s->kind, 1)];
}

void run_insert(Segment *run) {
  Segment **link = &shared.free_runs;
  Segment *before = nullptr;
  while (*link && *link < run) {
    before = *link;
    link = &(*link)->next;
  }
  run->kind = Kind::Free;
  run->next = *link;
  *link = run;
  auto end = [](Segment *s) {
    return reinterpret_cast<char *>(s) + s->count * kSegmentSize;
  };
  auto join_next = [&](Segment *s) {
    if (!s->next || end(s) != reinterpret_cast<char *>(s->next)) return;
    s->count += s->next->count;
    s->next = s->next->next;
  };
  join_next(run);
  if (before) join_next(before);
}

Segment *run_take(size_t count) {
  for (Segment **link = &shared.free_runs; *link; link = &(*link)->next) {
    Segment *run = *link;
    if (run->count < count) continue;
    if (run->count == count) {
      *link = run->next;
      return run;
    }
    run->count -= count;
    auto *back = reinterpret_cast<Segment *>(reinterpret_cast<char *>(run) +
                                             run->count * kSegmentSize);
    back->count = count;
    return back;
  }
  return nullptr;
}

// The heap doubles; where that is too much, what is missing has to do.
bool grow(size_t count) {
  size_t ask = shared.segments > count ? shared.segments : count;
  void *got = mem_sbrk(static_cast<intptr_t>(ask * kSegmentSize));
  if (got == reinterpret_cast<void *>(-1) && ask > count) {
    ask = count;
    got = mem_sbrk(static_cast<intptr_t>(ask * kSegmentSize));
  }
  if (got == reinterpret_cast<void *>(-1)) return false;
  shared.segments += ask;
  auto *run = static_cast<Segment *>(got);
  run->count = ask;
  run_insert(run);
  return true;
}

Segment *segment_new(Kind kind, size_t count) {
  Segment *s = run_take(count);
  if (!s) {
    if (!grow(count)) return nullptr;
    s = run_take(count);
  }
  s->kind = kind;
  s->used = 0;
  s->count = count;
  s->next = nullptr;
  for (size_t i = 0; i < pages_in(kind); i++) new (&s->pages[i]) Page();
  return s;
}

// ---- Pages
// ----------------------------------------------------------------------

void page_prepare(Segment *s, size_t i, Heap *heap, size_t block_size) {
  Page *page = &s->pages[i];
  size_t size = page_size(s->kind, s->count);
  size_t skip = i == 0 ? kHeaderSize : 0;
  page->heap = heap;
  page->block_size = block_size;
  page->start = reinterpret_cast<char *>(s) + i * size + skip;
  page->reserved = static_cast<uint32_t>((size - skip) / block_size);
  page->capacity = page->used = 0;
  page->free = page->local_free = nullptr;
  page->thread_free.store(nullptr, std::memory_order_relaxed);
  page->has_aligned = false;
  s->used++;
}

// A page of the kind that can hold a block of that size; page 0 of a segment
// may be too small because of the header.
Page *page_take(Kind kind, Heap *heap, size_t block_size) {
  Lock lock;
  Segment **link = &shared.with_room[static_cast<size_t>(kind)];
  for (;; link = &(*link)->next) {
    if (!*link) {
      Segment *fresh = segment_new(kind, 1);
      if (!fresh) return nullptr;
      *link = fresh;
    }
    Segment *s = *link;
    for (size_t i = 0; i < pages_in(kind); i++) {
      size_t room = page_size(kind, 1) - (i == 0 ? kHeaderSize : 0);
      if (s->pages[i].heap || room < block_size) continue;
      page_prepare(s, i, heap, block_size);
      if (s->used == pages_in(kind)) *link = s->next;
      return &s->pages[i];
    }
  }
}

void page_give(Page *page) {
  Lock lock;
  Segment *s = segment_of(page);
  page->heap = nullptr;
  if (s->kind == Kind::Huge) return run_insert(s);
  Segment **room = &shared.with_room[static_cast<size_t>(s->kind)];
  if (s->used-- == pages_in(s->kind)) {
    s->next = *room;
    *room = s;
  }
  if (s->used > 0) return;
  while (*room != s) room = &(*room)->next;
  *room = s->next;
  s->count = 1;
  run_insert(s);
}

// Links some more of the blocks that were never used.
void page_extend(Page *page) {
  size_t count = kExtend / page->block_size;
  size_t left = page->reserved - page->capacity;
  if (count == 0) count = 1;
  if (count > left) count = left;
  char *at = page->start + page->capacity * page->block_size;
  Block **link = &page->free;
  for (size_t i = 0; i < count; i++, at += page->block_size) {
    *link = reinterpret_cast<Block *>(at);
    link = &(*link)->next;
  }
  *link = nullptr;
  page->capacity += static_cast<uint32_t>(count);
}

// Takes over what other threads freed. Acquire pairs with the release of the
// push in free_remote: the links behind the head are then ours to read.
void page_collect_threads(Page *page) {
  Block *head = page->thread_free.exchange(nullptr, std::memory_order_acquire);
  while (head) {
    Block *next = head->next;
    head->next = page->local_free;
    page->local_free = head;
    page->used--;
    head = next;
  }
}

// free <- local_free, thread_free, or blocks never used. False: page is full.
bool page_refill(Page *page) {
  if (page->free) return true;
  if (page->thread_free.load(std::memory_order_relaxed))
    page_collect_threads(page);
  if (page->local_free) {
    page->free = page->local_free;
    page->local_free = nullptr;
  } else if (page->capacity < page->reserved) {
    page_extend(page);
  }
  return page->free != nullptr;
}

// ---- Heap
// -----------------------------------------------------------------------

void heap_update_direct(Heap *heap, size_t c) {
  size_t top = class_size(c) / kUnit;
  if (top >= kDirect) return;
  Page *first = heap->queue[c].first ? heap->queue[c].first : &empty_page;
  for (size_t u = top; u > 0 && class_of(u) == c; u--) heap->direct[u] = first;
}

void queue_push_front(Heap *heap, Page *page) {
  Queue *q = &heap->queue[page->size_class];
  page->prev = nullptr;
  page->next = q->first;
  (q->first ? q->first->prev : q->last) = page;
  q->first = page;
  heap_update_direct(heap, page->size_class);
}

void queue_remove(Heap *heap, Page *page) {
  Queue *q = &heap->queue[page->size_class];
  (page->prev ? page->prev->next : q->first) = page->next;
  (page->next ? page->next->prev : q->last) = page->prev;
  heap_update_direct(heap, page->size_class);
}

void heap_reset(Heap *heap) {
  for (Page *&p : heap->direct) p = &empty_page;
  for (Queue &q : heap->queue) q = {};
  heap->generic_calls = 0;
}

Heap *heap_of_thread() {
  if (thread_epoch == epoch.load(std::memory_order_acquire) &&
      thread_heap != &empty_heap)
    return thread_heap;
  Lock lock;
  for (Heap &h : shared.heaps) {
    if (h.taken) continue;
    h.taken = true;
    heap_reset(&h);
    thread_heap = &h;
    thread_epoch = epoch.load(std::memory_order_relaxed);
    return &h;
  }
  return nullptr;
}

// An empty page goes back, unless it is the only one of its class: the next
// malloc would need it again.
void page_retire(Heap *heap, Page *page) {
  Queue *q = &heap->queue[page->size_class];
  if (q->first == page && q->last == page) return;
  queue_remove(heap, page);
  page_give(page);
}

void heap_collect(Heap *heap) {
  for (Queue &q : heap->queue)
    for (Page *page = q.first, *next; page; page = next) {
      next = page->next;
      if (page->thread_free.load(std::memory_order_relaxed))
        page_collect_threads(page);
      if (page->used == 0) page_retire(heap, page);
    }
}

Page *heap_fresh_page(Heap *heap, size_t c) {
  size_t size = class_size(c);
  Kind kind = size <= kSmallMax ? Kind::Small : Kind::Large;
  Page *page = page_take(kind, heap, size);
  if (!page) return nullptr;
  page->size_class = static_cast<uint32_t>(c);
  queue_push_front(heap, page);
  page_refill(page);
  return page;
}

// The first page of the class with a free block. Pages before it are full and
// go to the end, so that the next search begins behind them.
Page *heap_find_page(Heap *heap, size_t c) {
  Queue *q = &heap->queue[c];
  for (Page *page = q->first; page; page = page->next) {
    if (!page_refill(page)) continue;
    if (page != q->first) {
      queue_remove(heap, page);
      queue_push_front(heap, page);
    }
    return page;
  }
  return heap_fresh_page(heap, c);
}

void *malloc_huge(Heap *heap, size_t size) {
  if (size > SIZE_MAX / 2) return nullptr;
  size_t count = (size + kHeaderSize + kSegmentSize - 1) / kSegmentSize;
  Lock lock;
  Segment *s = segment_new(Kind::Huge, count);
  if (!s) return nullptr;
  page_prepare(s, 0, heap, count * kSegmentSize - kHeaderSize);
  s->pages[0].used = s->pages[0].capacity = 1;
  return s->pages[0].start;
}

__attribute__((noinline)) void *malloc_generic(size_t size) {
  Heap *heap = heap_of_thread();
  void *result = nullptr;
  if (heap && size <= kLargeMax) {
    if (++heap->generic_calls % kHeartbeat == 0) heap_collect(heap);
    Page *page = heap_find_page(heap, class_of(units_for(size)));
    if (page) {
      Block *block = page->free;
      page->free = block->next;
      page->used++;
      result = block;
    }
  } else if (heap) {
    result = malloc_huge(heap, size);
  }
  if (!result) errno = ENOMEM;
  return result;
}

// The block's first byte, from any byte in it.
Block *block_of(const Page *page, void *p) {
  size_t offset = static_cast<size_t>(static_cast<char *>(p) - page->start);
  return reinterpret_cast<Block *>(static_cast<char *>(p) -
                                   offset % page->block_size);
}

// Release: the owner that takes the list sees the link written here.
void free_remote(Page *page, Block *block) {
  Block *head = page->thread_free.load(std::memory_order_relaxed);
  do {
    block->next = head;
  } while (!page->thread_free.compare_exchange_weak(
      head, block, std::memory_order_release, std::memory_order_relaxed));
}

size_t usable(const Page *page, void *p) {
  size_t offset = static_cast<size_t>(static_cast<char *>(p) - page->start);
  return page->block_size - offset % page->block_size;
}

} // namespace
} // namespace chaos

using namespace chaos;

// ---- The contract
// ---------------------------------------------------------------

extern "C" int mm_init(void) {
  Lock lock;
  shared.base = static_cast<char *>(mem_heap_lo());
  shared.segments = 0;
  shared.with_room[0] = shared.with_room[1] = shared.free_runs = nullptr;
  for (Heap &h : shared.heaps) h.taken = false;
  heap_reset(&empty_heap);
  epoch.fetch_add(1, std::memory_order_release);
  thread_heap = &empty_heap;
  return 0;
}

extern "C" void *mm_malloc(size_t size) {
  Heap *heap = thread_heap;
  if (size <= kDirectMax) {
    Page *page = heap->direct[units_for(size)];
    Block *block = page->free;
    if (block) {
      page->free = block->next;
      page->used++;
      return block;
    }
  }
  return malloc_generic(size);
}

extern "C" void mm_free(void *p) {
  if (!p) return;
  Page *page = page_of(p);
  auto *block = static_cast<Block *>(p);
  if (page->has_aligned) block = block_of(page, p);
  if (page->heap != thread_heap) return free_remote(page, block);
  block->next = page->local_free;
  page->local_free = block;
  if (--page->used > 0) return;
  if (segment_of(p)->kind == Kind::Huge)
    page_give(page);
  else
    page_retire(thread_heap, page);
}

extern "C" size_t mm_usable_size(void *p) {
  return p ? usable(page_of(p), p) : 0;
}

extern "C" void *mm_realloc(void *p, size_t size) {
  if (!p) return mm_malloc(size);
  if (size == 0) {
    mm_free(p);
    return nullptr;
  }
  size_t have = mm_usable_size(p);
  if (size <= have && size >= have / 2) return p;
  void *fresh = mm_malloc(size);
  if (!fresh) return nullptr;
  std::memcpy(fresh, p, size < have ? size : have);
  mm_free(p);
  return fresh;
}

extern "C" void *mm_calloc(size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    errno = ENOMEM;
    return nullptr;
  }
  void *p = mm_malloc(bytes);
  return p ? std::memset(p, 0, bytes) : nullptr;
}

extern "C" void *mm_memalign(size_t align, size_t size) {
  if (align == 0 || (align & (align - 1)) != 0) {
    errno = EINVAL;
    return nullptr;
  }
  if (align <= kUnit) return mm_malloc(size);
  if (size > SIZE_MAX / 2 || align > SIZE_MAX / 4) {
    errno = ENOMEM;
    return nullptr;
  }
  auto *p = static_cast<char *>(mm_malloc(size + align - 1));
  if (!p) return nullptr;
  auto address = reinterpret_cast<uintptr_t>(p);
  size_t skip = ((address + align - 1) & ~(align - 1)) - address;
  if (skip) page_of(p)->has_aligned = true;
  return p + skip;
}

extern "C" const char *mm_name(void) {
  return "chaos";
}
extern "C" int mm_thread_safe(void) {
  return 1;
}
