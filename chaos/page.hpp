// page.hpp - what a page is, and its size classes. A part of mm_chaos.cpp,
// which has the map of the whole.
#ifndef CHAOS_PAGE_HPP
#define CHAOS_PAGE_HPP

#include "chaos/link.hpp"
#include "config.h"
#include "memlib.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <sched.h>
#include <sys/single_threaded.h>

namespace chaos {
namespace {

// ---- Size classes -----------------------------------------------------------

constexpr size_t kAlign = ALIGNMENT;
static_assert(kAlign == 8 || kAlign == 16, "ALIGNMENT must be 8 or 16");
// Each multiple of kAlign up to kExactMax bytes is a class of its own; then
// kSteps a doubling, so that a block is at most 1/kSteps larger than needed.
// docs/chaos.md measures 4 against 8.
#ifdef CHAOS_PAPER
constexpr size_t kExactMax = 8 * kAlign, kSteps = 4;
constexpr size_t kPageMax = 512 << 10; // larger objects get whole segments
#else
constexpr size_t kExactMax = 128, kSteps = 8;
constexpr size_t kPageMax = 8 << 10; // larger objects always get spans
#endif
// Up to this size malloc first looks at the page at hand, which it finds in one
// load; beyond it, at the spans that wait. (1 KiB at an alignment of 16, as in
// mimalloc.)
constexpr size_t kDirectMax = 64 * kAlign;
// Sizes up to here find their class in a table.
constexpr size_t kTableMax = 8 << 10;

constexpr size_t log2_of(size_t n) {
  return 63 - static_cast<size_t>(__builtin_clzll(n));
}

constexpr size_t kExact = kExactMax / kAlign;
constexpr size_t kClasses =
    kExact + kSteps * (log2_of(kPageMax) - log2_of(kExactMax));

constexpr size_t class_of_large(size_t size) {
  if (size <= kExactMax) return size ? (size - 1) / kAlign : 0;
  size_t top = log2_of(size - 1);
  size_t step = ((size - 1) >> (top - log2_of(kSteps))) & (kSteps - 1);
  return kExact + (top - log2_of(kExactMax)) * kSteps + step;
}

// Pages of objects of several sizes (chaos/mixed.hpp) have a class of their
// own, the last one. Its blocks are as long as all that begins there has to be
// aligned.
constexpr size_t kMixedClass = kClasses;
#ifdef CHAOS_PAPER
constexpr bool kMixes = false;
#else
constexpr bool kMixes = !kSecure;
#endif

constexpr auto kClassSize = [] {
  std::array<uint32_t, kClasses + 1> sizes{};
  for (size_t c = 0; c < kExact; c++)
    sizes[c] = static_cast<uint32_t>((c + 1) * kAlign);
  for (size_t c = kExact; c < kClasses; c++) {
    size_t top = (c - kExact) / kSteps + log2_of(kExactMax);
    size_t step = (c - kExact) % kSteps + 1;
    size_t size = (size_t{1} << top) + (step << (top - log2_of(kSteps)));
    sizes[c] = static_cast<uint32_t>((size + kAlign - 1) / kAlign * kAlign);
  }
  sizes[kMixedClass] = kAlign;
  return sizes;
}();
static_assert(kClassSize[kClasses - 1] == kPageMax);

constexpr auto kClassTable = [] {
  std::array<uint8_t, kTableMax / kAlign + 1> table{};
  for (size_t i = 0; i < table.size(); i++)
    table[i] = static_cast<uint8_t>(class_of_large(i * kAlign));
  return table;
}();
static_assert(kClasses < 256);

// The class of `size` bytes, at most kPageMax.
inline size_t class_of(size_t size) {
  if (kPageMax > kTableMax && size > kTableMax) return class_of_large(size);
  return kClassTable[(size + kAlign - 1) / kAlign];
}

// ---- Pages ------------------------------------------------------------------

struct Heap;

// A piece of memory that is cut into blocks of one size. Two laws of
// conservation hold while no thread is inside of the allocator:
//
//   capacity = used + |free| + |local_free|
//   used     = blocks that the program holds + |thread_free|
//
// (`used` also has the bit kHeld, which counts for neither. In a mixed page the
// granules in `taken` are the head's, those of objects that the program holds,
// and those of objects on thread_free.)
//
// Only the owner's thread touches a page. Other threads may push on
// thread_free, and read what does not change while they hold a block of it:
// `owner`, but for its low bits, the class, and in `ends` the bits of their own
// object. The thread whose free finds thread_free empty also puts the
// page on the owner's list `returned`, by next_returned; only the owner empties
// thread_free, when it takes the page from that list. So a page with blocks on
// thread_free is on exactly one such list.
//
// A page is mixed, or in the queue of its class, or full. When it is full,
// kFull is set in `owner`, so that the next free of the owner takes the generic
// path.
struct Page {
  union {
    Block *free;    // malloc takes from here
    uint64_t taken; // of a mixed page, see there
  };
  union {
    Block *local_free; // the owner frees to here
    uint64_t ends;     // of a mixed page
  };
  std::atomic<Block *> thread_free; // other threads free to here
  // The heap whose thread owns the page, and in its low bits the reasons why a
  // free is not the simple case: so one comparison says whether it is.
  std::atomic<uintptr_t> owner;
  uint32_t next, prev; // in the queue: page_index, 0: none
  uint32_t next_returned;
  union {
    uint16_t used;    // and kHeld
    uint16_t longest; // of a mixed page
  };
  uint8_t size_class, units; // units of memory
};
static_assert(sizeof(Page) == 48, "small, as short pages have one, too");

// In `used`: the queue holds on to the page, also when it is empty. So the free
// of a last block sees by `used` alone whether the page has to go.
constexpr uint16_t kHeld = 1 << 15;

constexpr uintptr_t kFull = 1;    // it is in no queue
constexpr uintptr_t kAligned = 2; // some payloads begin inside their block
constexpr uintptr_t kMixed = 4;   // it has no lists of free blocks
constexpr uintptr_t kReasons = kFull | kAligned | kMixed;

// What a queue without pages begins with: so malloc need not test whether there
// is a page. Never written.
constinit Page empty_page{};

// Is the page, which is in a queue, the only one there?
inline bool page_is_alone(const Page *page) {
  return page != &empty_page && page->next == 0 && page->prev == 0;
}

inline bool page_is_mixed(const Page *page) {
  return kMixes && page->size_class == kMixedClass;
}

inline bool page_is_held(const Page *page) {
  return page->used & kHeld;
}

// Blocks in use.
inline uint32_t page_used(const Page *page) {
  return page->used & ~uint32_t{kHeld};
}

inline size_t page_block_size(const Page *page) {
  return kClassSize[page->size_class];
}

// Acquire pairs with the release where the owner changes: the new owner's heap
// may have been made after this thread got the pointer that led to the page.
inline Heap *page_heap(const Page *page) {
  return reinterpret_cast<Heap *>(page->owner.load(std::memory_order_acquire) &
                                  ~kReasons);
}

// Only the owner's thread writes `owner`: no exchange is needed.
inline void page_add_reason(Page *page, uintptr_t reason) {
  page->owner.store(page->owner.load(std::memory_order_relaxed) | reason,
                    std::memory_order_relaxed);
}

inline void page_drop_reason(Page *page, uintptr_t reason) {
  page->owner.store(page->owner.load(std::memory_order_relaxed) & ~reason,
                    std::memory_order_relaxed);
}

// In the hardened build any thread that frees reads `units`. Relaxed, as the
// block that it frees lies in the page with the old length as with the new.
inline void page_set_units(Page *page, uint32_t units) {
  auto value = static_cast<uint8_t>(units);
  if constexpr (kSecure)
    std::atomic_ref(page->units).store(value, std::memory_order_relaxed);
  else
    page->units = value;
}

// The hardened build's part (chaos/secure.hpp).
inline bool page_has_block(const Page *page, const void *p);
inline void page_check_link(const Page *page, const Block *block,
                            const Block *next);
inline void page_link_shuffled(Page *page, char *start, size_t from,
                               size_t capacity);

// Links the blocks from number `from` on, in the order of their addresses, in
// front of what the free list has.
inline void page_link(Page *page, char *start, size_t from, size_t capacity) {
  if constexpr (kSecure) return page_link_shuffled(page, start, from, capacity);
  size_t size = page_block_size(page);
  Block *next = page->free;
  for (size_t i = capacity; i > from; i--) {
    auto *block = reinterpret_cast<Block *>(start + (i - 1) * size);
    block_set_next(page, block, next);
    next = block;
  }
  page->free = next;
}

// The next of a block that leaves its list.
inline Block *page_unlink(const Page *page, Block *block) {
  Block *next = block_next(page, block);
  if constexpr (kSecure) {
    page_check_link(page, block, next);
    block->next = nullptr;
  }
  return next;
}

// Takes over what other threads freed. Acquire pairs with the release in
// free_remote: the links behind the head are ours to read. Release pairs with
// the acquire there: who finds the list empty next may write next_returned,
// which was read before this.
inline void page_collect(Page *page) {
  Block *block = page->thread_free.exchange(nullptr, std::memory_order_acq_rel);
  while (block) {
    Block *next = page_unlink(page, block);
    block_set_next(page, block, page->local_free);
    page->local_free = block;
    page->used--;
    block = next;
  }
}

// free <- local_free. False: there is no block.
inline bool page_refill(Page *page) {
  if (page->free) return true;
  page->free = page->local_free;
  page->local_free = nullptr;
  return page->free != nullptr;
}

inline Block *page_pop(Page *page) {
  Block *block = page->free;
  page->free = page_unlink(page, block);
  page->used++;
  return block;
}

// What one thread writes all the time and another reads must not lie in one
// line of the cache, nor in two that are fetched together.
constexpr size_t kApart = 128;

// ---- The lock ---------------------------------------------------------------

// Held for some dozens of instructions; longer, but rarely, to drain a heap, to
// give memory back, or to slide an object that grows. Acquire and release order
// all that is done under it. In a process with a single thread nobody takes it
// (libc says whether it is one): without the exchange the traces take 3 % less
// time (docs/chaos.md).
struct SpinLock {
  std::atomic<bool> taken{false};
  void lock() {
    if (__libc_single_threaded) return;
    if (taken.exchange(true, std::memory_order_acquire)) wait();
  }
  void wait();
  void unlock() { taken.store(false, std::memory_order_release); }
};

// The thread that holds it may have lost its processor: so this one gives its
// own up after a while.
__attribute__((noinline)) void SpinLock::wait() {
  constexpr int kPatience = 100;
  int spins = 0;
  do {
    while (taken.load(std::memory_order_relaxed))
      if (++spins % kPatience == 0) sched_yield();
  } while (taken.exchange(true, std::memory_order_acquire));
}

// Holds the lock of an arena, or of whatever else has one.
template <class Owner> struct Locked {
  explicit Locked(Owner &owner) : lock(owner.lock) { lock.lock(); }
  ~Locked() { lock.unlock(); }
  Locked(const Locked &) = delete;
  SpinLock &lock;
};

} // namespace
} // namespace chaos
#endif
