/*
 * mm_chaos.cpp - "Chaos": malloc by sharded free lists, the mimalloc design.
 *
 * The idea (Leijen, Zorn, de Moura: "Mimalloc: Free List Sharding in Action",
 * 2019): instead of one free list for each size there is one for each *page*,
 * a piece of memory whose blocks all have one size. Allocation stays in one
 * page until it is used up, so that what is allocated together lies together.
 * And each page has three lists, so that neither the common case nor other
 * threads get in each other's way:
 *
 *   heap (one a thread)
 *     queue of each size class --> page --> page
 *                                   |
 *          free  ----> block -> block -> block      malloc takes from here
 *          local_free ----> block -> block          the owner frees to here
 *          thread_free ---> block                   others free to here, atomic
 *
 * malloc pops `free` of the page at hand, the first in the queue of its class.
 * (For small sizes each thread has these pages in a table of its own.) Only
 * when `free` is empty does malloc take the generic path, which makes
 * local_free, and later thread_free, the new `free`. As free() never puts a
 * block on `free`, the generic path is taken at least once in as many mallocs
 * as a page has blocks. From it comes the *heartbeat*: work that has to be done
 * now and then, without a counter on the fast path. (Where spans wait, malloc
 * may never take the generic path: so each 256th free of a span that waits
 * does.)
 *
 * The life of a page. It is made when its class has no block left. When it is
 * used up, it gets more blocks, in what lies free behind it, or leaves the
 * queue, which so stays short. With the first free it comes back, at the end of
 * the queue. When its last block is free, it goes back to the space, unless it
 * is the only one in the queue. Its size follows demand: it grows with the
 * square root of what its class has, so that both the number of pages and what
 * is unused in the last one grow slowly. Until a class has enough objects to be
 * worth a page, they lie elsewhere:
 *
 *   bytes                     of a class with few objects   with many
 *   to 256 (or 128)           a place in a mixed page       a block of a page
 *   to 8 KiB                  a span of their own           a block of a page
 *   more                      a span of their own           the same
 *
 * A span is a row of units of the space. A mixed page (chaos/mixed.hpp) has
 * objects of several sizes, and none of the three lists, only a bitmap.
 *
 * Memory or time? As long as the heap grows, each byte saved is one less to ask
 * the system for: pages are short, and what is freed goes back to the space at
 * once, to merge with its neighbours. A program that has taken 32 times as much
 * as its heap is long does what it did before: the space has *settled*
 * (space_settles), and from then on the heaps save time. No object goes to a
 * mixed page. A span that is freed waits in the heap, on a list of its length,
 * of which there are few, for the next request; empty pages stay in their
 * queues; new pages are made nearly three times as long; an object that grows
 * and has to move gets room to grow on. For all this the brk moves up by at
 * most an eighth more than is needed: before it moves further, and every fourth
 * heartbeat, all that waits in the thread's heap goes back.
 *
 * Where pages lie, how long they are, and how a pointer finds its own, is the
 * geometry: chaos/space.hpp, or with CHAOS_PAPER the fixed one of the paper,
 * chaos/paper.hpp, for comparison. Here are the heaps, the queues, and what
 * threads do to each other.
 *
 * Threads. What a heap and its pages hold is touched by its own thread only.
 * Another thread that frees a block pushes it on the page's thread_free. The
 * first one to do so puts the page on its heap's list `returned`, which the
 * generic path looks at: so the owner need not search its pages, not even the
 * full ones, for what others freed. Units come from an arena, with a lock that
 * hardly any other thread takes. The first heap's arena is the space itself,
 * the others have regions of the space (chaos/region.hpp). A span goes back to
 * the arena that it came from, under that arena's lock. When a thread ends, its
 * heap is abandoned: the next new thread takes it over as it is, or a thread
 * that needs memory takes over its pages.
 *
 * Invariants, checked by mm_checkheap:
 *
 *   C1  spans fill the space from its first byte to the top without gaps, and
 *       each unit's code says what it is part of
 *   C2  a page's capacity = used + |free| + |local_free|; a queue holds on to
 *       its only page, to each that is empty and maybe others, and counts them
 *   C3  a page's blocks on lists lie in it at multiples of the block size,
 *       and are on one list once
 *   C4  pages on a queue are of its class, owned by the heap, linked both ways;
 *       what a thread has at hand is the first of its heap's
 *   C5  a page is on the queue or full; it is on a list `returned` if its
 *       thread_free is not empty, and only then
 *   C6  two free spans are never neighbours, and none is below the top
 *   C7  each free span is on the list of its length, in its arena, once, and
 *       repeats its length at its end; that of an empty region is on no list
 *   C8  bit c of an arena's bitmap says whether its list c has a span, and bit
 *       w of the summary whether word w has a bit
 *   C9  spans that wait in a heap are objects of as many units as their list
 *       says
 *   C10 the bytes that all heaps count for a class are those of its pages
 *   C11 a region's first and last unit are the allocator's own, and its arena
 *       is that of a heap; those that are empty are on the arena's list of them
 *   C12 in a mixed page the rows of granules in use are objects, each of which
 *       ends; the page is on the list of its longest free row; and the objects
 *       of each length are as many as the heap counts
 *
 * Not here: a thread cache beyond the heap; moving what is in use, except in
 * realloc.
 *
 * To read on, begin with mm_malloc and mm_free near the end, with
 * docs/one-malloc.md beside them; then chaos/page.hpp, chaos/space.hpp,
 * chaos/mixed.hpp, and here from the top. chaos/region.hpp is for threads,
 * chaos/link.hpp and chaos/secure.hpp are for the hardened build,
 * chaos/walk.hpp and chaos/check.hpp for mm_walk and mm_checkheap.
 */
#define MM_OPTIONAL
#include "mm.h"

#include "chaos/mixed.hpp"
#ifndef CHAOS_PAPER
#include "chaos/secure.hpp"
#endif

#include <cerrno>
#include <climits>
#include <cstring>
#include <new>
#include <pthread.h>

namespace chaos {
namespace {

// ---- Heaps ------------------------------------------------------------------

constexpr uint32_t kHeartbeat = 1024; // generic mallocs
constexpr uint32_t kDrainBeats = 4;   // until what waits in the heap goes back
// That a space has settled (space_settles) is counted in units taken; a generic
// malloc counts as 256 bytes.
constexpr uint32_t kCallUnits = units_for(256);
// In a space that has settled: objects of which the longest page has less than
// four get spans; pages are made as for so many times the demand; and what
// grows and has to move gets this part more, if it has more than so many bytes.
constexpr size_t kSpansFrom = kPageUnits * kUnit / 4;
constexpr size_t kDemand = 8;
constexpr size_t kRoomPart = 4, kRoomLeast = 512;
// But when the brk has to move, it moves for no longer page than the class
// needs now, or this part of the space.
constexpr uint32_t kAtBrkPart = 32;
// There, spans that may wait have one of these lengths, four a doubling, so
// that one which is freed serves whatever is asked for next of about its size.
// The table has, for each number of units, the next such length.
constexpr auto kWaitLength = [] {
  constexpr uint32_t kLengths = 4;
  std::array<uint16_t, kWaitUnits + 1> lengths{};
  for (uint32_t units = 0; units <= kWaitUnits; units++) {
    uint32_t step =
        units > kLengths ? (1u << log2_of(units - 1)) / kLengths : 1;
    lengths[units] = static_cast<uint16_t>((units + step - 1) / step * step);
  }
  return lengths;
}();
// A class is worth pages of its own when it has so many bytes in mixed pages,
// or has had so many objects there: a block of a page is faster found.
constexpr size_t kWorthBytes = 2048, kWorthObjects = 2048;

struct alignas(kApart) Heap {
  // The first page of each class's queue; empty_page if there is none.
  std::array<Page *, kClasses> first;
  std::array<uint32_t, kClasses> last{}; // page_index, if there is a first
  std::array<Block *, kWaitUnits + 1> waiting{}; // freed spans, by units
  // Bit n: one of n units was put there since the last drain.
  std::array<uint64_t, kWaitUnits / 64 + 1> has_waiting{};
  // From this address on the memory read as zero when this heap last asked for
  // a span that is too long to wait.
  char *fresh = nullptr;
  // Spans in use or waiting, by units, and bytes of pages, by class.
  std::array<uint32_t, units_for(kPageMax) + 1> spans{};
  std::array<size_t, kClasses + 1> page_bytes{};
  std::array<size_t, kClasses> most_bytes{}; // of late, of pages and spans
  std::array<uint32_t, kClasses> held{};     // pages that the queue holds on to
  uint64_t taken = 0;                        // units, since the last heartbeat
  bool settled = false;     // the space was, at the last heartbeat
  uint32_t page_at_brk = 0; // units; see kAtBrkPart
  Arena *arena = &space;    // where it takes its units
  uint32_t until_beat = 0;  // what its thread had left when it ended
  uint32_t beats = 0;
  uint8_t spans_put = 0; // frees that had a span wait; wraps around at 256
  MixedPages mixed;
  // Pages in which other threads freed, linked by next_returned.
  std::atomic<Page *> returned{nullptr};
  Heap *next = nullptr; // of all heaps
  bool abandoned = false;

  constexpr Heap() { first.fill(&empty_page); }
};

// The heap of each thread before its first malloc; never written.
constinit Heap empty_heap;
// The first thread's heap; the others lie in the space.
constinit Heap first_heap;

// What each thread has for itself: all that it needs on the fast path, and its
// place in the list of all threads, by which mm_init takes their heaps away.
struct Thread {
  // The page at hand for each size to kDirectMax, in steps of kAlign, so that
  // one load finds it. (Half a KiB is much for static TLS, but not too much:
  // dlopen keeps some in reserve for libraries that need it.)
  std::array<Page *, kDirectMax / kAlign + 1> at_hand;
  Heap *heap = &empty_heap;
  uint32_t until_beat = 0; // generic mallocs
  Thread *next = nullptr;
  bool listed = false;
  uint8_t ends = 0; // calls of thread_ends

  constexpr Thread() { at_hand.fill(&empty_page); }
};
__attribute__((tls_model("initial-exec"))) thread_local constinit Thread self;

struct alignas(kApart) Everyone {
  SpinLock lock; // for all below, and to take over an abandoned heap
  Heap *heaps;
  Thread *threads;
  pthread_key_t at_exit;
  bool key_made;
};
constinit Everyone everyone{};

// Called by the heartbeat: a program that frees in the background may do some
// of it here (mm_chaos_on_heartbeat).
using Hook = void(uint64_t beat);
constinit std::atomic<Hook *> heartbeat_hook{nullptr};

// From now on `page` is at hand for the sizes of class c.
void thread_set_first(size_t c, Page *page) {
  size_t i = c == 0 ? 0 : kClassSize[c - 1] / kAlign + 1;
  size_t end = kClassSize[c] / kAlign + 1;
  if (end > self.at_hand.size()) end = self.at_hand.size();
  for (; i < end; i++) self.at_hand[i] = page;
}

void thread_set_heap(Thread *thread, Heap *heap) {
  thread->heap = heap;
  thread->until_beat = heap->until_beat;
  for (size_t i = 0; i < thread->at_hand.size(); i++)
    thread->at_hand[i] = heap->first[kClassTable[i]];
}

// ---- Queues -----------------------------------------------------------------

// A queue holds on to its only page, even if that is empty, as the next malloc
// would have to make it again; and in a settled space to all that become empty
// (page_retire).
void queue_hold(Heap *heap, Page *page) {
  if (page_is_held(page)) return;
  page->used |= kHeld;
  heap->held[page->size_class]++;
}

void queue_let_go(Heap *heap, Page *page) {
  if (!page_is_held(page)) return;
  page->used &= static_cast<uint16_t>(~kHeld);
  heap->held[page->size_class]--;
}

// The only page of a queue, when it is that no longer. If it is empty, or the
// space has settled, the queue still holds on to it, until a drain.
void queue_not_alone(Heap *heap, Page *first) {
  if (!heap->settled && page_used(first) > 0) queue_let_go(heap, first);
}

void queue_set_first(Heap *heap, size_t c, Page *page) {
  heap->first[c] = page;
  if (heap == self.heap) thread_set_first(c, page);
}

void queue_push(Heap *heap, Page *page) {
  size_t c = page->size_class;
  Page *first = heap->first[c];
  page->prev = 0;
  page->next = 0;
  if (first != &empty_page) {
    if (page_is_alone(first)) queue_not_alone(heap, first);
    page->next = page_index(first);
    first->prev = page_index(page);
  } else {
    heap->last[c] = page_index(page);
    queue_hold(heap, page);
  }
  queue_set_first(heap, c, page);
}

// At the end: until its turn comes, more of its blocks may be freed.
void queue_append(Heap *heap, Page *page) {
  Page *first = heap->first[page->size_class];
  if (first == &empty_page) return queue_push(heap, page);
  if (page_is_alone(first)) queue_not_alone(heap, first);
  Page *last = page_at(heap->last[page->size_class]);
  page->next = 0;
  page->prev = page_index(last);
  last->next = heap->last[page->size_class] = page_index(page);
}

void queue_remove(Heap *heap, Page *page) {
  queue_let_go(heap, page);
  if (page->next)
    page_at(page->next)->prev = page->prev;
  else
    heap->last[page->size_class] = page->prev;
  if (page->prev)
    page_at(page->prev)->next = page->next;
  else
    queue_set_first(heap, page->size_class,
                    page->next ? page_at(page->next) : &empty_page);
  Page *first = heap->first[page->size_class];
  if (page_is_alone(first)) queue_hold(heap, first);
}

// ---- Pages come and go ------------------------------------------------------

void heap_make_room(Heap *heap, bool collects);

#ifdef CHAOS_PAPER
// There is no map.
bool map_extend(uint32_t) {
  return false;
}
#else
// Where there are other arenas, the map moves only here: with the locks of all
// arenas, so that nobody writes codes meanwhile, and early enough for the next
// regions and `units` more. The caller holds the lock of all heaps. False: the
// map did not move.
bool map_extend(uint32_t units) {
  if (!space.map_stays) return false;
  for (Heap *heap = everyone.heaps; heap; heap = heap->next)
    heap->arena->lock.lock();
  uint32_t mapped = space.mapped, more = units + 2 * kRegion;
  if (space.top + more > mapped) {
    space.map_stays = false;
    uint32_t unit = take_top(more);
    if (unit) span_give(space, unit, more);
    space.map_stays = true;
  }
  bool extended = space.mapped > mapped;
  for (Heap *heap = everyone.heaps; heap; heap = heap->next)
    heap->arena->lock.unlock();
  return extended;
}
#endif

// Units, where none are free: has the heap give back what it keeps, then moves
// the brk; at last searches all arenas, however long that takes. 0: the space
// is exhausted.
template <class Take>
__attribute__((noinline)) uint32_t take_more(Heap *heap, uint32_t units,
                                             Arena &own, const Take &take) {
  heap_make_room(heap, true);
  {
    Locked locked(own);
    if (uint32_t unit = take(own, true)) return unit;
  }
  Locked all(everyone);
  while (map_extend(units)) {
    Locked locked(own);
    if (uint32_t unit = take(own, true)) return unit;
  }
  for (Heap *other = everyone.heaps; other; other = other->next) {
    Locked locked(*other->arena);
    arena_search(*other->arena, true);
    uint32_t unit = take(*other->arena, true);
    arena_search(*other->arena, false);
    if (unit) return unit;
  }
  return 0;
}

// Units, got by `take`, which has to mark them as in use, so that no neighbour
// merges with them. 0: the space is exhausted.
template <class Take>
uint32_t take_units(Heap *heap, uint32_t units, const Take &take) {
  Arena &own = arena_for(heap->arena, units);
  {
    Locked locked(own);
    heap->taken += units;
    if (uint32_t unit = take(own, false)) return unit;
  }
  return take_more(heap, units, own, take);
}

void page_make(Heap *heap, Page *page, size_t c, uint32_t units) {
  page->free = page->local_free = nullptr;
  page->thread_free.store(nullptr, std::memory_order_relaxed);
  page->owner.store(reinterpret_cast<uintptr_t>(heap),
                    std::memory_order_release);
  page->used = 0;
  page->size_class = static_cast<uint8_t>(c);
  page->units = static_cast<uint8_t>(units);
  page_link(page, page_start(page), 0, page_capacity(page));
}

// What the class has in mixed pages.
size_t mixed_bytes(const Heap *heap, size_t c) {
  return size_t{heap->mixed.objects[c + 1]} * kClassSize[c];
}

// The length to look for where so many units are needed.
uint32_t wait_length(const Heap *heap, uint32_t units) {
  return heap->settled && units <= kWaitUnits ? kWaitLength[units] : units;
}

// What the class has, in pages of its own, in spans, and in mixed pages.
size_t class_bytes(const Heap *heap, size_t c) {
  uint32_t units = wait_length(heap, units_for(kClassSize[c]));
  size_t bytes =
      heap->page_bytes[c] + size_t{heap->spans[units]} * units * kUnit;
  return c < kMixedMost ? bytes + mixed_bytes(heap, c) : bytes;
}

// The bytes that pages are made for: in a settled space many times the most
// that the class had of late, as that much is likely to be asked for again.
size_t class_demand(Heap *heap, size_t c) {
  size_t bytes = class_bytes(heap, c), &most = heap->most_bytes[c];
  if (bytes > most) most = bytes;
  return heap->settled ? kDemand * most : bytes;
}

// Units for a page of the class with room for an object of `size` bytes:
// `most`, or `least` if the brk has to move for them, or what there is. `units`
// says which. 0: the space is exhausted.
uint32_t heap_take_page(Heap *heap, size_t c, size_t size, uint32_t least,
                        uint32_t most, uint32_t *units) {
  uint32_t unit = take_units(heap, most, [&](Arena &arena, bool may_move) {
    *units = most;
    uint32_t taken = arena_take_page(arena, size, least, units, may_move);
    if (taken) mark_page(taken, 0, *units);
    return taken;
  });
  if (unit) heap->page_bytes[c] += *units * kUnit;
  return unit;
}

__attribute__((noinline)) Page *heap_fresh_page(Heap *heap, size_t c) {
  uint32_t most = page_units(c, class_demand(heap, c)), units;
  uint32_t least = page_units(c, class_bytes(heap, c));
  if (least < heap->page_at_brk) least = heap->page_at_brk;
  if (least > most) least = most;
  uint32_t unit = heap_take_page(heap, c, kClassSize[c], least, most, &units);
  if (!unit) return nullptr;
  Page *page = page_at(unit);
  page_make(heap, page, c, units);
  queue_push(heap, page);
  return page;
}

#ifdef CHAOS_PAPER
// A page is as long as all others of its kind.
bool page_grow(Heap *, Page *) {
  return false;
}
#else
// Takes between `least` and `most` units behind the page, and makes them a part
// of it. But the brk does not move if `most` are free elsewhere. 0: there is no
// room.
uint32_t take_room(Heap *heap, Page *page, uint32_t least, uint32_t most) {
  uint32_t unit = page_index(page), units = page->units, behind = unit + units;
  Arena &arena = arena_of(unit);
  for (bool may_move : {false, true}) {
    if (may_move) heap_make_room(heap, false);
    Locked locked(arena);
    if (behind == arena.top && brk_must_move(most)) {
      if (!may_move) continue;
      if (find_fit(arena, most)) return 0;
    }
    uint32_t more = take_behind(arena, behind, least, most);
    if (more) mark_page(unit, units, units + more);
    return more;
  }
  return 0;
}

// Makes the page longer, by at least so many units if it can be, and by at most
// so many if they are enough; but no longer than `longest`.
bool page_extend(Heap *heap, Page *page, uint32_t least, uint32_t most,
                 uint32_t longest) {
  uint32_t units = page->units;
  if (units + least > longest) return false;
  if (most < least) most = least;
  if (most > longest - units) most = longest - units;
  uint32_t more = take_room(heap, page, least, most);
  if (!more) return false;
  page_set_units(page, units + more);
  heap->page_bytes[page->size_class] += more * kUnit;
  return true;
}

// A full page gets more blocks, in what lies free behind it: so its class has
// one page less.
__attribute__((noinline)) bool page_grow(Heap *heap, Page *page) {
  size_t capacity = page_capacity(page), size = page_block_size(page);
  size_t c = page->size_class;
  uint32_t least = units_for_blocks(size, capacity + 1) - page->units;
  uint32_t most = page_units(c, class_demand(heap, c));
  uint32_t longest = page_units(c, SIZE_MAX); // beyond, more would be useless
  if (!page_extend(heap, page, least, most, longest)) return false;
  page_link(page, page_start(page), capacity, page_capacity(page));
  return true;
}
#endif

// An empty page in a queue.
void page_release(Heap *heap, Page *page) {
  queue_remove(heap, page);
  heap->page_bytes[page->size_class] -= page->units * kUnit;
  arena_give(page_index(page), page->units);
}

// Its last block was freed, and no queue holds on to it. In a settled space it
// stays, at the end of its queue, if it is not much shorter than a page made
// now would be. Not inlined, so that mm_free stays short.
__attribute__((noinline)) void page_retire(Page *page) {
  Heap *heap = self.heap;
  size_t c = page->size_class;
  if (!heap->settled || page->units < page_units(c, class_demand(heap, c)) / 2)
    return page_release(heap, page);
  if (page->next) {
    queue_remove(heap, page);
    queue_append(heap, page);
  }
  queue_hold(heap, page);
}

// A page that has no block to give leaves the queue until one is freed.
void page_set_full(Heap *heap, Page *page) {
  page_add_reason(page, kFull);
  queue_remove(heap, page);
}

void page_set_queued(Heap *heap, Page *page) {
  page_drop_reason(page, kFull);
  queue_append(heap, page);
}

// ---- Mixed pages ------------------------------------------------------------

// An empty one goes back to the space, but for the newest, until a drain.
void mixed_retire(Heap *heap, Page *page, bool drains) {
  MixedPages &pages = heap->mixed;
  uint32_t index = page_index(page);
  if (!mixed_is_empty(page) || (index == pages.newest && !drains)) return;
  if (index == pages.newest) pages.newest = 0;
  mixed_unlist(pages, page);
  heap->page_bytes[kMixedClass] -= page->units * kUnit;
  arena_give(index, page->units);
}

#ifdef CHAOS_PAPER
Block *heap_take_mixed(Heap *, size_t, size_t) {
  return nullptr;
}
#else
// Makes room for an object that needs so many bytes, in the newest page or in a
// fresh one; and for more, a quarter of what all mixed pages have. False: the
// space is exhausted.
bool mixed_add_room(Heap *heap, size_t bytes) {
  constexpr size_t kPart = 4;
  MixedPages &pages = heap->mixed;
  uint32_t most = units_for(heap->page_bytes[kMixedClass] / kPart);
  // If it is empty, and too short, it could go in a drain while it grows.
  if (pages.newest) mixed_retire(heap, page_at(pages.newest), true);
  if (Page *page = pages.newest ? page_at(pages.newest) : nullptr)
    if (page_extend(heap, page, units_for(bytes), most, kMixedUnits)) {
      mixed_relist(pages, page);
      return true;
    }
  uint32_t least = units_for_blocks(bytes, 1), units;
  if (most > kMixedUnits) most = kMixedUnits;
  if (most < least) most = least;
  uint32_t unit = heap_take_page(heap, kMixedClass, bytes, most, most, &units);
  if (unit) mixed_make(pages, page_at(unit), heap, units);
  return unit != 0;
}

// A place in a mixed page. A class that is worth pages gets one only if it is
// there already; one that has many pages, only if there is no room for another.
// Where time counts, none: so if the space has settled, or if the class has had
// many objects here.
Block *heap_take_mixed(Heap *heap, size_t size, size_t align) {
  if (!kMixes || heap->settled || size > kMixedMax) return nullptr;
  MixedPages &pages = heap->mixed;
  uint32_t n = granules_for(size);
  size_t c = n - 1, own = heap->page_bytes[c];
  if (pages.ever[n] >= kWorthObjects) return nullptr;
  if (own > 2 * kWorthBytes &&
      !arena_is_tight(*heap->arena, page_units(c, class_demand(heap, c))))
    return nullptr;
  Block *block = mixed_take(pages, n, align);
  if (block || own > 0 || mixed_bytes(heap, c) >= kWorthBytes) return block;
  if (mixed_add_room(heap, n * kAlign + align - kAlign))
    return mixed_take_from(pages, page_at(pages.newest), n, align);
  return nullptr;
}
#endif

// When all else failed, also where time counts.
Block *last_in_mixed(Heap *heap, size_t size, size_t align) {
  if (!kMixes || size > kMixedMax || align > kUnitAlign) return nullptr;
  return mixed_take(heap->mixed, granules_for(size), align);
}

// What other threads freed; see page_collect.
void mixed_collect(Heap *heap, Page *page) {
  Block *block = page->thread_free.exchange(nullptr, std::memory_order_acq_rel);
  while (block) {
    Block *next = page_unlink(page, block);
    mixed_give(heap->mixed, page, block);
    block = next;
  }
  mixed_retire(heap, page, false);
}

// ---- What other threads freed -----------------------------------------------

// Release: who takes the page from the list sees its link.
void page_return(Page *page, Heap *heap) {
  Page *head = heap->returned.load(std::memory_order_relaxed);
  do {
    page->next_returned = head ? page_index(head) : 0;
  } while (!heap->returned.compare_exchange_weak(
      head, page, std::memory_order_release, std::memory_order_relaxed));
}

// Takes over what other threads freed in the heap's pages. Acquire: see
// page_return.
void heap_collect(Heap *heap) {
  Page *page = heap->returned.exchange(nullptr, std::memory_order_acquire);
  while (page) {
    Page *next = page->next_returned ? page_at(page->next_returned) : nullptr;
    Heap *owner = page_heap(page);
    if (owner != heap) {
      page_return(page, owner); // it has a new one since
    } else if (page_is_mixed(page)) {
      mixed_collect(heap, page);
    } else {
      page_collect(page);
      if (page->owner.load(std::memory_order_relaxed) & kFull)
        page_set_queued(heap, page);
      if (page->used == 0) page_retire(page);
    }
    page = next;
  }
}

// ---- The generic path -------------------------------------------------------

// A span that another heap took and counted may be freed into this heap: so the
// count stops at zero.
void count_span(Heap *heap, uint32_t units, int change) {
  if (units >= heap->spans.size() || heap == &empty_heap) return;
  uint32_t &count = heap->spans[units];
  if (change > 0 || count > 0) count += static_cast<uint32_t>(change);
}

// Takes a span that waits; nullptr: none of so many units does.
inline Block *heap_pop_waiting(Heap *heap, uint32_t units) {
  Block *&waiting = heap->waiting[units];
  Block *block = waiting;
  if (block) waiting = block_next(heap, block);
  return block;
}

// The same, at a multiple of `align`, if one of the first few lies so: a
// program that frees an aligned object is likely to ask for the next one like
// it.
Block *heap_pop_aligned(Heap *heap, uint32_t units, size_t align) {
  constexpr int kFew = 4;
  if (units > kWaitUnits) return nullptr;
  Block *before = nullptr, *block = heap->waiting[units];
  for (int left = kFew; block && left > 0; left--) {
    Block *next = block_next(heap, block);
    if ((reinterpret_cast<uintptr_t>(block) & (align - 1)) == 0) {
      if (before)
        block_set_next(heap, before, next);
      else
        heap->waiting[units] = next;
      return block;
    }
    before = block;
    block = next;
  }
  return nullptr;
}

void heap_count_call(Heap *heap);

// A span that waits, or a fresh one; nullptr: the space is exhausted. When the
// brk has to move, it moves only by what is needed; so some spans that wait
// have just that length, and so have those from before the space settled.
void *heap_take_span(Heap *heap, uint32_t units) {
  uint32_t longer = wait_length(heap, units), have;
  for (uint32_t length : {longer, units})
    if (length <= kWaitUnits)
      if (Block *block = heap_pop_waiting(heap, length)) return block;
  uint32_t unit = take_units(heap, longer, [&](Arena &arena, bool may_move) {
    have = may_move ? units : longer;
    // Read under the space's lock: nobody moves the brk meanwhile.
    if (units > kWaitUnits)
      heap->fresh = &arena == &space ? static_cast<char *>(mem_fresh())
                                     : reinterpret_cast<char *>(UINTPTR_MAX);
    uint32_t taken = arena_take(arena, have, may_move);
    if (taken) mark_object(taken, have);
    return taken;
  });
  if (!unit) return nullptr;
  count_span(heap, have, 1);
  return unit_at(unit);
}

// At the front of the longest free span, if that has the units.
void *heap_take_longest(Heap *heap, uint32_t units) {
  heap_count_call(heap);
  uint32_t unit = take_units(heap, units, [=](Arena &arena, bool may_move) {
    uint32_t taken = take_longest(arena, units);
    if (!taken) taken = arena_take(arena, units, may_move);
    if (taken) mark_object(taken, units);
    return taken;
  });
  if (!unit) return nullptr;
  count_span(heap, units, 1);
  return unit_at(unit);
}

void span_release(Heap *heap, uint32_t unit, uint32_t units) {
  count_span(heap, units, -1);
  arena_give(unit, units);
}

__attribute__((noinline)) void free_span(void *p) {
  Heap *heap = self.heap;
  uint32_t units = object_units(p, code_at(p));
  // What came from another heap's arena goes back there: its thread could not
  // have it as long as this one keeps it.
  bool ours = __libc_single_threaded || &arena_of(unit_of(p)) == heap->arena;
  if (heap->settled && units <= kWaitUnits && ours) {
    auto *block = static_cast<Block *>(p);
    block_set_next(heap, block, heap->waiting[units]);
    heap->waiting[units] = block;
    heap->has_waiting[units / 64] |= uint64_t{1} << (units % 64);
    if (++heap->spans_put == 0) heap_count_call(heap);
    return;
  }
  span_release(heap, unit_of(p), units);
}

// Gives back the spans of so many units that wait.
void drain_waiting(Heap *heap, uint32_t units) {
  Block *block = heap->waiting[units];
  heap->waiting[units] = nullptr;
  while (block) {
    Block *next = block_next(heap, block);
    span_release(heap, unit_of(block), units);
    block = next;
  }
}

// Gives back the empty pages of a queue, which holds on to them, and lets go of
// the others.
void drain_queue(Heap *heap, size_t c) {
  uint32_t left = heap->held[c];
  if (left == 0) return;
  for (Page *page = page_at(heap->last[c]);;) {
    Page *before = page->prev ? page_at(page->prev) : nullptr;
    bool held = page_is_held(page);
    if (held && page_used(page) == 0)
      page_release(heap, page);
    else if (held && !page_is_alone(page))
      queue_let_go(heap, page);
    if (!before || (held && --left == 0)) return;
    page = before;
  }
}

// Gives back what the heap keeps for later: spans that wait, empty pages, and
// empty regions. With no arena's lock held: what it gives may be of any.
void heap_drain(Heap *heap) {
  for (uint32_t w = 0; w < heap->has_waiting.size(); w++)
    for (uint64_t &bits = heap->has_waiting[w]; bits; bits &= bits - 1)
      drain_waiting(heap,
                    w * 64 + static_cast<uint32_t>(__builtin_ctzll(bits)));
  for (size_t c = 0; c < kClasses; c++) drain_queue(heap, c);
  if (heap->mixed.newest) mixed_retire(heap, page_at(heap->mixed.newest), true);
  arena_trim(*heap->arena);
}

// The empty regions of all heaps.
void arenas_trim() {
  for (Heap *heap = everyone.heaps; heap; heap = heap->next)
    arena_trim(*heap->arena);
}

// Before the brk moves: gives back what this heap and abandoned heaps keep, and
// then the empty regions of all heaps, as what the heap gives may be of any.
// With `collects`, first takes over what other threads freed, also in the pages
// of abandoned heaps. (Not while the caller holds a page: it may become empty
// and go.)
void heap_adopt(Heap *heap);
void heap_make_room(Heap *heap, bool collects) {
  Locked locked(everyone);
  heap_adopt(heap);
  if (collects) heap_collect(heap);
  heap_drain(heap);
  arenas_trim();
}

// A block of the first page of the class that has one. If there is none: a
// place in a mixed page, see there; or a span, if one of that length waits or
// the class is not worth a page yet; else a block of the last page, which
// grows; else of a fresh page; and if there is no room for that, a span after
// all, as it needs no head.
void *heap_take_small(Heap *heap, size_t size) {
  size_t c = class_of(size);
  uint32_t units = units_for(size);
  Page *page;
  while ((page = heap->first[c]) != &empty_page) {
    if (page_refill(page)) return page_pop(page);
    if (page->next == 0) break;
    page_set_full(heap, page);
  }
  if (Block *block = heap_take_mixed(heap, size, kAlign)) {
    if (page != &empty_page) page_set_full(heap, page);
    return block;
  }
  bool span = heap->waiting[wait_length(heap, units)] ||
              (heap->settled && size > kSpansFrom) ||
              wants_span(c, class_demand(heap, c));
  if (page != &empty_page) {
    if (!span && page_grow(heap, page)) return page_pop(page);
    page_set_full(heap, page);
  }
  if (!span && (page = heap_fresh_page(heap, c))) return page_pop(page);
  // In the paper's geometry a span is longer than a page: no room either.
  return span || kLeastUnits == 1 ? heap_take_span(heap, units) : nullptr;
}

__attribute__((noinline)) void heap_heartbeat(Heap *heap) {
  // What waits keeps its neighbours apart, and grows no older.
  if (heap->beats++ % kDrainBeats == 0) {
    heap_drain(heap);
    for (size_t &most : heap->most_bytes) most -= most / 8;
  }
  arena_heartbeat(*heap->arena);
  uint64_t beat;
  {
    Locked locked(space);
    uint32_t needed = space_heartbeat(heap->taken);
    heap->settled = needed > 0;
    heap->page_at_brk = needed / kAtBrkPart;
    beat = space.beat;
  }
  heap->taken = kHeartbeat * kCallUnits;
  if (Hook *hook = heartbeat_hook.load(std::memory_order_acquire)) hook(beat);
}

Heap *heap_of_thread();

// What needs memory that is not at hand begins with this; now and then a free
// ends with it. It counts the calls until the next heartbeat.
__attribute__((noinline)) void heap_count_call(Heap *heap) {
  if (heap->returned.load(std::memory_order_relaxed)) heap_collect(heap);
  bool beat = self.until_beat == 0;
  if (beat) self.until_beat = kHeartbeat;
  self.until_beat--; // before a hook calls malloc
  if (beat) heap_heartbeat(heap);
}

__attribute__((noinline)) void *malloc_slow(size_t size) {
  Heap *heap = self.heap;
  void *result = nullptr;
  if (heap == &empty_heap) heap = heap_of_thread();
  if (heap && size <= size_t{kMaxUnits} * kUnit) {
    heap_count_call(heap);
    result = size > kPageMax ? heap_take_span(heap, units_for(size))
                             : heap_take_small(heap, size);
    // To make room, the call that failed took over pages of abandoned heaps.
    // That was not enough for a fresh page, but one of these may have a block
    // of this class, or a mixed page a place: so try once more.
    if (!result && size <= kPageMax &&
        heap->first[class_of(size)] != &empty_page)
      result = heap_take_small(heap, size);
    if (!result) result = last_in_mixed(heap, size, kAlign);
  }
  if (!result) errno = ENOMEM;
  return result;
}

// The page at hand is used up. Tries the next one in the queue; or, if the
// class has no page, a span that waits. Otherwise, and at each heartbeat,
// malloc_slow.
__attribute__((noinline)) void *malloc_next(size_t size, Page *page) {
  Heap *heap = self.heap;
  if (self.until_beat == 0) return malloc_slow(size);
  if (page->next) {
    page_set_full(heap, page);
    page = page_at(page->next);
    if (page_refill(page)) {
      self.until_beat--;
      return page_pop(page);
    }
  } else if (page == &empty_page) {
    uint32_t units = kWaitLength[units_for(size)];
    if (Block *block = heap_pop_waiting(heap, units)) {
      self.until_beat--;
      return block;
    }
  }
  return malloc_slow(size);
}

// The page at hand for this size has no block in `free`.
__attribute__((noinline)) void *malloc_generic(size_t size, Page *page) {
  Block *block = page->local_free;
  if (!block || self.until_beat == 0) return malloc_next(size, page);
  self.until_beat--;
  page->local_free = nullptr;
  page->free = block;
  return page_pop(page);
}

// ---- free -------------------------------------------------------------------

// The block that p points into: to its first byte, but for over-aligned ones.
inline Block *block_of(Page *page, void *p) {
  auto *at = static_cast<char *>(p);
  if (page->owner.load(std::memory_order_relaxed) & kAligned)
    at -= static_cast<size_t>(at - page_start(page)) % page_block_size(page);
  return reinterpret_cast<Block *>(at);
}

// Release: the owner that takes the list sees the links written here. Acquire,
// where the list was empty: what the owner did to the page before it emptied
// the list comes before what we do, which is to write next_returned.
void free_remote(Page *page, Block *block) {
  Block *head = page->thread_free.load(std::memory_order_relaxed);
  do {
    block_set_next(page, block, head);
  } while (!page->thread_free.compare_exchange_weak(
      head, block, std::memory_order_acq_rel, std::memory_order_relaxed));
  // Should the page change hands just now, the old owner's list passes it on.
  if (!head) page_return(page, page_heap(page));
}

// The page is another thread's, or full, or mixed, or has payloads that begin
// inside of their blocks.
__attribute__((noinline)) void free_generic(void *p, Page *page) {
  Heap *heap = self.heap;
  uintptr_t owner = page->owner.load(std::memory_order_relaxed);
  Block *block = block_of(page, p);
  if (reinterpret_cast<Heap *>(owner & ~kReasons) != heap)
    return free_remote(page, block);
  if (kMixes && (owner & kMixed)) {
    mixed_give(heap->mixed, page, block);
    return mixed_retire(heap, page, false);
  }
  block_set_next(page, block, page->local_free);
  page->local_free = block;
  page->used--;
  if (owner & kFull) page_set_queued(heap, page);
  if (page->used == 0) page_retire(page);
}

// ---- Threads ----------------------------------------------------------------

void heap_start(Heap *heap, Arena *arena) {
  new (heap) Heap;
  heap->arena = arena;
  heap->next = everyone.heaps;
  everyone.heaps = heap;
}

void heap_adopt_page(Heap *heap, Page *page) {
  Heap *old = page_heap(page);
  if (page_is_mixed(page)) {
    if (old->mixed.newest == page_index(page)) old->mixed.newest = 0;
    mixed_each(page, [=](uint32_t n) {
      old->mixed.objects[n]--;
      heap->mixed.objects[n]++;
    });
  }
  uintptr_t reasons = page->owner.load(std::memory_order_relaxed) & kReasons;
  page->owner.store(reinterpret_cast<uintptr_t>(heap) | reasons,
                    std::memory_order_release);
  old->page_bytes[page->size_class] -= page->units * kUnit;
  heap->page_bytes[page->size_class] += page->units * kUnit;
}

// The pages on the list `returned` of `old` go on the lists of those heaps that
// own them now.
void heap_adopt_returned(Heap *heap, Heap *old) {
  Page *page = old->returned.exchange(nullptr, std::memory_order_acquire);
  while (page) {
    Page *next = page->next_returned ? page_at(page->next_returned) : nullptr;
    if (page_heap(page) == old) heap_adopt_page(heap, page);
    page_return(page, page_heap(page));
    page = next;
  }
}

void heap_adopt_mixed(Heap *heap, Heap *old) {
  for (size_t n = 1; n <= kMixedMost; n++)
    while (old->mixed.first[n]) {
      Page *page = page_at(old->mixed.first[n]);
      mixed_unlist(old->mixed, page);
      heap_adopt_page(heap, page);
      mixed_list(heap->mixed, page);
    }
}

// Takes over the pages of heaps whose threads ended. Full pages stay with the
// old heap until another thread has freed in them. With the lock of all heaps
// held.
void heap_adopt(Heap *heap) {
  for (Heap *old = everyone.heaps; old; old = old->next) {
    if (!old->abandoned) continue;
    for (Page *first : old->first)
      for (Page *page = first, *next; page != &empty_page; page = next) {
        next = page->next ? page_at(page->next) : &empty_page;
        queue_remove(old, page);
        heap_adopt_page(heap, page);
        queue_append(heap, page);
      }
    heap_adopt_mixed(heap, old);
    heap_adopt_returned(heap, old);
  }
}

void thread_ends(void *) {
  Locked locked(everyone);
  Thread **link = &everyone.threads;
  while (*link != &self) link = &(*link)->next;
  *link = self.next;
  self.listed = false;
  self.ends++;
  if (self.heap == &empty_heap) return;
  heap_drain(self.heap);
  // So that many short threads, one after the other, have as many heartbeats as
  // one that lives on.
  self.heap->until_beat = self.until_beat;
  self.heap->abandoned = true;
  thread_set_heap(&self, &empty_heap);
}

// A further heap, in the space. nullptr: there is no room.
Heap *heap_make() {
  uint32_t units = units_for(sizeof(Heap) + sizeof(Arena));
  map_extend(units);
  Locked locked(space);
  uint32_t unit = arena_take(space, units, true);
  if (!unit) return nullptr;
  mark_own(unit, units);
  auto *heap = reinterpret_cast<Heap *>(unit_at(unit));
  heap_start(heap, arena_make(heap + 1));
  return heap;
}

// The heap of an ended thread as it is, or a new one.
Heap *heap_find() {
  for (Heap *heap = everyone.heaps; heap; heap = heap->next)
    if (heap->abandoned) {
      heap->abandoned = false;
      return heap;
    }
  if (!everyone.heaps) {
    heap_start(&first_heap, &space);
    return &first_heap;
  }
  if (Heap *heap = heap_make()) return heap;
  arenas_trim();
  return heap_make();
}

Heap *heap_of_thread() {
  Locked locked(everyone);
  Heap *heap = heap_find();
  if (!heap) return nullptr;
  thread_set_heap(&self, heap);
  // Destructors of other keys may allocate after ours was called. After the
  // last round it is not called again: the heap is lost until mm_init.
  if (!self.listed && self.ends < PTHREAD_DESTRUCTOR_ITERATIONS) {
    self.listed = true;
    self.next = everyone.threads;
    everyone.threads = &self;
    if (everyone.key_made) pthread_setspecific(everyone.at_exit, &self);
  }
  return heap;
}

} // namespace
} // namespace chaos

using namespace chaos;

// ---- The contract -----------------------------------------------------------

// No other thread may be inside of the allocator. All heaps are forgotten.
extern "C" int mm_init(void) {
  Locked locked(everyone);
  if constexpr (kSecure) secret_make();
  if (!everyone.key_made)
    everyone.key_made = pthread_key_create(&everyone.at_exit, thread_ends) == 0;
  for (Thread *t = everyone.threads; t; t = t->next)
    thread_set_heap(t, &empty_heap);
  everyone.heaps = nullptr;
  return space_reset() ? 0 : -1;
}

// For most calls the table has a page, and that has a block.
extern "C" void *mm_malloc(size_t size) {
  Page *page;
  if (size <= kDirectMax) {
    page = self.at_hand[(size + kAlign - 1) / kAlign];
  } else {
    if (size > size_t{kWaitUnits} * kUnit) return malloc_slow(size);
    Heap *heap = self.heap;
    uint32_t units = kWaitLength[units_for(size)];
    if (Block *block = heap_pop_waiting(heap, units)) return block;
    if (size > kPageMax) return malloc_slow(size);
    page = heap->first[class_of(size)];
  }
  if (page->free) return page_pop(page);
  return malloc_generic(size, page);
}

extern "C" void mm_free(void *p) {
  if (!p) return;
  if constexpr (kSecure) check_object(self.heap, p, "free");
  Page *page;
  if (!page_find(p, code_at(p), &page)) return free_span(p);
  if (page->owner.load(std::memory_order_relaxed) !=
      reinterpret_cast<uintptr_t>(self.heap))
    return free_generic(p, page);
  auto *block = static_cast<Block *>(p);
  block_set_next(page, block, page->local_free);
  page->local_free = block;
  if (--page->used == 0) page_retire(page);
}

namespace chaos {
namespace {

inline size_t usable_size(void *p, uint8_t code) {
  Page *page;
  if (!page_find(p, code, &page)) return object_units(p, code) * kUnit;
  if (page_is_mixed(page)) return mixed_length(page, p) * kAlign;
  auto inside =
      static_cast<char *>(p) - reinterpret_cast<char *>(block_of(page, p));
  return page_block_size(page) - static_cast<size_t>(inside);
}

} // namespace
} // namespace chaos

extern "C" size_t mm_usable_size(void *p) {
  if (!p) return 0;
  if constexpr (kSecure) check_object(self.heap, p, "usable_size");
  return usable_size(p, code_at(p));
}

namespace chaos {
namespace {

// Makes the object at `unit` `want` units long, there or nearly there. Returns
// where it is then; 0: there is no room.
uint32_t span_become(const Heap *heap, uint32_t unit, uint32_t have,
                     uint32_t want) {
  Arena &arena = arena_of(unit);
  Locked locked(arena);
  uint32_t to = 0;
  if (!heap->settled && want > have && gains_by_slide(arena, unit, have))
    to = span_slide(arena, unit, have, want);
  if (!to) to = span_resize(arena, unit, have, want);
  return to ? to : span_slide(arena, unit, have, want);
}

// Makes the object that p points to `size` bytes long where it lies, or nearly
// there; `code` and `bytes` are what it has. nullptr: it has to move.
void *resize_in_place(Heap *heap, void *p, uint8_t code, size_t bytes,
                      size_t size) {
  if (code <= kObject) return size <= bytes && size >= bytes / 2 ? p : nullptr;
  if (size > size_t{kMaxUnits} * kUnit) return nullptr;
  auto have = static_cast<uint32_t>(bytes / kUnit);
  uint32_t need = units_for(size), want = wait_length(heap, need);
  // What has room to grow keeps it (place_to_move).
  uint32_t room = heap->settled ? have / kRoomPart : 0;
  if (need <= have && need >= have - room) return p;
  // What has become much smaller than a unit belongs in a page.
  if (need * kUnit * 2 > size * 3) return nullptr;
  uint32_t unit = unit_of(p), to = span_become(heap, unit, have, want);
  if (!to && want > need) to = span_become(heap, unit, have, want = need);
  if (!to) return nullptr;
  count_span(heap, have, -1);
  count_span(heap, want, 1);
  if (want > have && heap != &empty_heap) heap->taken += want - have;
  // In the paper's geometry an object may begin inside of its unit: there
  // again.
  return static_cast<char *>(p) + (unit_at(to) - unit_at(unit));
}

// A place for an object of `have` bytes that needs `size` and cannot have them
// where it lies. In a settled space what grows gets room to grow on, as it is
// likely to; or if it is too long to wait, the front of the longest free span,
// so that it need not be copied again and again.
void *place_to_move(Heap *heap, size_t have, size_t size) {
  bool grows = size > have && size > kRoomLeast;
  if (!heap->settled || !grows || size > size_t{kMaxUnits} * kUnit)
    return mm_malloc(size);
  void *p = size > size_t{kWaitUnits} * kUnit
                ? heap_take_longest(heap, units_for(size))
                : mm_malloc(size + size / kRoomPart);
  return p ? p : mm_malloc(size);
}

} // namespace
} // namespace chaos

extern "C" void *mm_realloc(void *p, size_t size) {
  if (!p) return mm_malloc(size);
  if (size == 0) {
    mm_free(p);
    return nullptr;
  }
  if constexpr (kSecure) check_object(self.heap, p, "realloc");
  uint8_t code = code_at(p);
  size_t have = usable_size(p, code);
  if (void *q = resize_in_place(self.heap, p, code, have, size)) return q;
  void *fresh = place_to_move(self.heap, have, size);
  if (!fresh) {
    if (size <= have) return p; // too long, rather than none
    // The malloc that failed has given back what waited, maybe beside the
    // object.
    return resize_in_place(self.heap, p, code, have, size);
  }
  std::memcpy(fresh, p, size < have ? size : have);
  mm_free(p);
  return fresh;
}

// After mm_init the heap still has the bytes of the heap before: only what the
// brk moves over for the first time is known to be zero. Of an object that is
// too long to wait, and for a page, heap_take_span has noted where that begins
// (Heap::fresh).
extern "C" void *mm_calloc(size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    errno = ENOMEM;
    return nullptr;
  }
  void *p = mm_malloc(bytes);
  if (!p) return nullptr;
  size_t dirty = bytes;
  if (kTopStaysFresh && bytes > kPageMax &&
      bytes > size_t{kWaitUnits} * kUnit) {
    auto *at = static_cast<char *>(p), *fresh = self.heap->fresh;
    dirty = fresh <= at ? 0 : static_cast<size_t>(fresh - at);
  }
  return std::memset(p, 0, dirty < bytes ? dirty : bytes);
}

namespace chaos {
namespace {

// An over-aligned object in a block of a page. It may begin inside of the
// block, but not inside of its place in a mixed page.
void *aligned_in_page(size_t align, size_t size) {
  auto *p = static_cast<char *>(mm_malloc(size + align - kAlign));
  if (!p) return nullptr;
  auto address = reinterpret_cast<uintptr_t>(p);
  size_t skip = ((address + align - 1) & ~(align - 1)) - address;
  if (skip == 0) return p;
  Page *page = page_of(p, code_at(p));
  if (page_is_mixed(page)) {
    mm_free(p);
    return nullptr;
  }
  page_add_reason(page, kAligned);
  return p + skip;
}

// In a mixed page, if that may be.
void *aligned_mixed(Heap *heap, size_t align, size_t size) {
  if (heap == &empty_heap || heap->settled) return nullptr;
  if (align > kUnitAlign || size > kMixedMax) return nullptr;
  heap_count_call(heap);
  return heap_take_mixed(heap, size, align);
}

void *aligned_span(Heap *heap, size_t align, size_t size) {
  if (heap == &empty_heap) heap = heap_of_thread();
  constexpr size_t kMost = size_t{kMaxUnits} * kUnit;
  if (!heap || size > kMost || align > kMost - size) return nullptr;
  heap_count_call(heap);
  uint32_t units = units_for(size);
  if (units < kLeastUnits) units = kLeastUnits;
  if (align <= kUnitAlign) return heap_take_span(heap, units);
  uint32_t longer = wait_length(heap, units), have;
  for (uint32_t length : {longer, units})
    if (Block *block = heap_pop_aligned(heap, length, align)) return block;
  char *p = nullptr;
  take_units(heap, longer + units_for(align), [&](Arena &arena, bool may_move) {
    have = may_move ? units : longer;
    p = arena_take_aligned(arena, have, align, may_move);
    return p != nullptr;
  });
  if (p) count_span(heap, have, 1);
  return p;
}

} // namespace
} // namespace chaos

extern "C" void *mm_memalign(size_t align, size_t size) {
  if (align == 0 || (align & (align - 1)) != 0) {
    errno = EINVAL;
    return nullptr;
  }
  if (align <= kAlign) return mm_malloc(size);
  if (size == 0) size = 1; // so that the payload is inside of its block
  void *p = aligned_mixed(self.heap, align, size);
  if (!p && page_can_align(align, size)) p = aligned_in_page(align, size);
  if (!p) p = aligned_span(self.heap, align, size);
  if (!p && self.heap != &empty_heap) p = last_in_mixed(self.heap, size, align);
  if (!p) errno = ENOMEM;
  return p;
}

extern "C" const char *mm_name(void) {
  return kName;
}

extern "C" int mm_thread_safe(void) {
  return 1;
}

// Has `hook` called at each heartbeat of each heap; nullptr: no more.
extern "C" void mm_chaos_on_heartbeat(void (*hook)(uint64_t beat)) {
  heartbeat_hook.store(hook, std::memory_order_release);
}

#include "chaos/walk.hpp"
#ifdef CHAOS_PAPER
#include "chaos/paper_walk.hpp"
#else
#include "chaos/check.hpp"
#endif
