/*
 * mm.c - malloc by segregated lists of boundary-tagged blocks.
 *
 * The heap is a row of blocks without gaps. A block is a 4-byte header and a
 * payload; sizes and places are counted in units of ALIGNMENT bytes, so that
 * 32 bits reach through a heap of 64 GiB (32 at an ALIGNMENT of 8). Headers
 * stand 4 bytes before a multiple of ALIGNMENT, payloads therefore on one.
 *
 *   allocated   | head |  payload ...                                      |
 *   free        | head | next | prev |  ...                         | foot |
 *                   |      \______/                                     |
 *                   |      places of blocks on the same list          size
 *                   +-- size << 3 | previous grows | previous allocated | own
 *
 * A footer lets free() find a free block in front of it. Only free blocks have
 * one; whether the block in front is free stands in one's own header (Knuth's
 * boundary tags, TAOCP 2.5; CS:APP 9.9). So an allocated block costs 4 bytes;
 * a free one on a list needs 16, so the smallest payload has 12.
 *
 * The whole heap, and who serves a request:
 *
 *   | pad | block | block | nest | block | ... | block | top        | epilogue
 *                                                                   ^ brk - 4
 *   1 quick lists   small blocks that were freed just now, by exact size; to
 *                   their neighbours they still look allocated
 *   2 exact lists   free blocks up to 63 units, one size a list: no search
 *   3 the nest      room set aside for small blocks, beside one another
 *   4 free lists    the next larger exact one that has a block; from 64 units
 *                   on 16 lists a doubling, best fit among the first few of
 *                   the list of that size, else of the next one
 *   5 all quick lists, if the top has no more: what waits there is merged, one
 *                   list after the other, and 4 tried again
 *   6 rooms         the free blocks behind those that grow, one list a doubling
 *   7 the top       the free block before the epilogue: the last resort, and
 *                   what grows when the brk moves
 *
 * Why quick lists: a program asks again for the sizes that it just freed, and
 * to merge a block only to cut it off again costs ten times as much as to put
 * it aside. But what lies aside keeps its neighbours from merging: so only
 * small blocks wait, until the top has no more than what is asked for, or so
 * much is free that the heap could shrink.
 *
 * Why a nest: where small and large blocks come in turn, a row of small ones
 * that stay keeps the large ones that go from ever merging. So the small ones
 * are laid together.
 *
 * Why the top comes last, and why a free block behind a block that grows is
 * left alone as long as possible: what can grow where it lies need not move
 * and leave a hole. Growing blocks in a row share such rooms (room_passes).
 *
 * No path walks a list to its end: each looks at kScan blocks at most, and a
 * bitmap finds the next list with any. (But a drain walks its quick list, once
 * for each block that was put there, and a request that would have to fail
 * looks at every block.) docs/mm.md measures what each of these is worth.
 *
 * Invariants, checked by mm_checkheap:
 *
 *   I1  blocks fill the heap from the first one to the epilogue, which has
 *       size 0, counts as allocated and ends at the brk
 *   I2  "previous allocated" says whether the block in front is; "previous
 *       grows" is set only behind an allocated one
 *   I3  a free block's footer repeats its size
 *   I4  two free blocks are neighbours only if no header could say their size
 *       together (it is checked in heaps in which one could)
 *   I5  a free block other than the top is on exactly one list: that of its
 *       size, among the rooms if the block in front grows
 *   I6  lists hold free blocks of the heap only, linked both ways
 *   I7  bit c of the bitmap is set if list c has a block, and no other
 *   I8  a quick list holds allocated-looking blocks of its size, once each
 *   I9  the top is the last block if that is free, else the epilogue; it is
 *       on no list, so it may be shorter than a block that is
 *   I10 the nest, where there is one, is an allocated-looking block
 *
 * Not here: threads; returning memory other than at the heap's end.
 *
 * To read on, begin with mm_malloc and mm_free in the middle. What stands above
 * them is what they call, the simplest first.
 */
#define MM_OPTIONAL
#include "mm.h"

#include "config.h"
#include "memlib.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* ---- Constants --------------------------------------------------------- */

enum {
  kUnit = ALIGNMENT, /* bytes */
  kHeader = 4,       /* bytes */
  kMinUnits = (16 + kUnit - 1) / kUnit,

  kAllocated = 1,
  kPrevAllocated = 2,
  kPrevGrows = 4,
  kFlagBits = 3,
  kSizeBits = 32 - kFlagBits,
  kMaxUnits = (1 << kSizeBits) - 1, /* what a header can say */

  kExactBits = 6,           /* lists 1 to 63: one size each */
  kExact = 1 << kExactBits, /* the first list of a range */
  kStepBits = 4, /* then 16 lists a doubling: at most 1/16 between them */
  kSteps = 1 << kStepBits,
  /* Then one a doubling for what is behind growing blocks. They begin with a
   * word of the bitmap, so that no search need mask its end. */
  kRooms = (kExact + (kSizeBits - kExactBits) * kSteps + 63) / 64 * 64,
  kLists = kRooms + 64,

  /* Blocks of a list that best fit looks at: an adversary can put any number
   * of near misses into one. */
  kScan = 16,
  /* Units up to which a freed block waits on a quick list: 128 bytes, which
   * most of what most programs allocate fits. */
  kQuick = 128 / kUnit,
  /* The brk moves by at least this part of the heap, so that a growing heap
   * does not call the system for each block; half of it is unused at a time. */
  kGrowPart = 512,
  /* The part of the heap that a nest gets, and its least units. */
  kNestPart = 128,
  kNestLeast = 16,
  /* The last block of the heap grows into a hole in front of it that is at
   * least this part of the block: so the copy is worth it. */
  kSlidePart = 4,
  /* A block that slides into the room of a growing one leaves it this part. */
  kKeepPart = 4,
  /* It slides before it must if that room is at least this part of itself, and
   * if it gains the latter: else small steps would be a copy each. */
  kPassPart = 2,
  kGainPart = 8,
  /* The last block, when it grows, moves up by this part of itself to leave a
   * nest in front of it. */
  kRaisePart = 64,
  /* What one request counts in the mean of all. */
  kMeanPart = 64
};

_Static_assert(kUnit == 8 || kUnit == 16, "ALIGNMENT must be 8 or 16");

/* Bytes of the largest payload. Its block may have to be longer by what is too
 * little for a block of its own (heap_cut). */
static const size_t kMaxPayload =
    (size_t)(kMaxUnits - (kMinUnits - 1)) * kUnit - kHeader;

typedef struct block {
  uint32_t head;
  uint32_t next, prev; /* in a free block: indexes of its list's neighbours */
} block;

static struct {
  void *quick[kQuick + 1]; /* by units: payload, linked by its first word */
  char *base;              /* block i lies at base + i * kUnit */
  block *end;              /* the epilogue */
  block *top;              /* the free block before it, else the epilogue */
  block *nest;             /* room for small blocks, if .. */
  uint32_t nest_units;     /* .. this is not 0 */
  bool small_at_end;       /* what the top gave last was a small block */
  bool was_long;           /* since mm_init: than a header could say */
  uint64_t mean;           /* of units that were searched for, x kMeanPart */
  uint64_t trim;           /* bytes of top from which on the brk moves down */
  uint64_t released;       /* bytes by mm_free, since all that waits merged */
  uint64_t given_back;     /* bytes by which it did, until it moves up again */
  uint64_t bitmap[kLists / 64];
  uint32_t list[kLists]; /* index of the first block; 0: none */
} heap;

/* ---- Blocks ------------------------------------------------------------ */

static uint32_t block_units(const block *b) {
  return b->head >> kFlagBits;
}

static bool block_allocated(const block *b) {
  return b->head & kAllocated;
}

static bool block_prev_allocated(const block *b) {
  return b->head & kPrevAllocated;
}

static block *block_after(const block *b, uint32_t units) {
  return (block *)((char *)b + (size_t)units * kUnit);
}

static block *block_next(const block *b) {
  return block_after(b, block_units(b));
}

/* The word in front of a block: the footer of the one before, if free. */
static uint32_t *block_foot_before(const block *b) {
  return (uint32_t *)b - 1;
}

/* Units of the free block in front of b; 0 if that is allocated. */
static uint32_t block_free_before(const block *b) {
  return block_prev_allocated(b) ? 0 : *block_foot_before(b);
}

static block *block_before(const block *b, uint32_t units) {
  return (block *)((char *)b - (size_t)units * kUnit);
}

static void *block_payload(const block *b) {
  return (char *)b + kHeader;
}

static block *block_of(const void *payload) {
  return (block *)((char *)payload - kHeader);
}

static size_t block_payload_size(const block *b) {
  return (size_t)block_units(b) * kUnit - kHeader;
}

static uint32_t block_index(const block *b) {
  return (uint32_t)((size_t)((const char *)b - heap.base) / kUnit);
}

/* Index 0 is the pad at the start of the heap: its `next` and `prev` may be
 * written, which saves asking whether a link is there. */
static block *block_at(uint32_t index) {
  return (block *)(heap.base + (size_t)index * kUnit);
}

/* The header also says what is in front; that stays. */
static void block_set_head(block *b, uint32_t units, uint32_t allocated) {
  uint32_t in_front = b->head & (kPrevAllocated | kPrevGrows);
  b->head = units << kFlagBits | in_front | allocated;
}

/* The block behind learns what b is from now on. */
static void block_set_allocated(block *b, uint32_t units) {
  block_set_head(b, units, kAllocated);
  block_after(b, units)->head |= kPrevAllocated;
}

/* Also that nothing in front of it grows any more: nobody keeps room there. */
static void block_set_free(block *b, uint32_t units) {
  block *next = block_after(b, units);
  block_set_head(b, units, 0);
  *block_foot_before(next) = units;
  next->head &= ~(uint32_t)(kPrevAllocated | kPrevGrows);
}

/* Cuts b in two that are both allocated; returns the second. (A block may just
 * have grown past what a header can say, which then has the low bits of its
 * size. The difference is right all the same.) */
static block *block_split(block *b, uint32_t units) {
  block *rest = block_after(b, units);
  uint32_t left = block_units(b) - units;
  rest->head = left << kFlagBits | kPrevAllocated | kAllocated;
  block_set_head(b, units, kAllocated);
  return rest;
}

/* The units of a block whose payload has `size` bytes, at most kMaxPayload. */
static uint32_t units_for(size_t size) {
  uint32_t units = (uint32_t)((size + kHeader + kUnit - 1) / kUnit);
  return units < kMinUnits ? kMinUnits : units;
}

/* Units from block b on to one whose payload is a multiple of `align`: none,
 * or enough for a block. */
static inline size_t aligned_gap(const block *b, size_t align) {
  size_t at = (uintptr_t)block_payload(b) / kUnit, step = align / kUnit;
  size_t gap = -at & (step - 1);
  return gap != 0 && gap < kMinUnits ? gap + step : gap;
}

/* ---- The empty heap ---------------------------------------------------- */

static block *heap_first(void) {
  return block_at(kMinUnits);
}

int mm_init(void) {
  memset(&heap, 0, sizeof heap);
  heap.trim = TRIM_THRESHOLD;
  /* Where index kMinUnits would be, 4 bytes before a multiple of kUnit, the
   * blocks begin; so far there is only the epilogue. In front is the pad. */
  char *lo = mem_sbrk(kMinUnits * kUnit);
  if (lo == (void *)-1) return -1;
  heap.base = lo - kHeader;
  heap.end = heap.top = heap_first();
  heap.end->head = kAllocated | kPrevAllocated;
  return 0;
}

/* ---- Free lists -------------------------------------------------------- */

/* Up to kExact each size has a list of its own. From there on the highest bit
 * of the size says which doubling it is in, the kStepBits below it where. */
static unsigned list_of_size(uint32_t units) {
  if (units < kExact) return units;
  unsigned high = 31 - (unsigned)__builtin_clz(units);
  unsigned step = units >> (high - kStepBits); /* kSteps to 2 * kSteps - 1 */
  return kExact + (high - kExactBits) * kSteps + step - kSteps;
}

static unsigned list_of_room(uint32_t units) {
  return kRooms + 31 - (unsigned)__builtin_clz(units);
}

static unsigned list_of(const block *b, uint32_t units) {
  return b->head & kPrevGrows ? list_of_room(units) : list_of_size(units);
}

/* Last in, first out: what was freed last is still in the cache. */
static inline void list_insert(block *b, unsigned c) {
  uint32_t index = block_index(b), first = heap.list[c];
  b->next = first;
  b->prev = 0;
  block_at(first)->prev = index;
  heap.list[c] = index;
  heap.bitmap[c / 64] |= 1ull << (c % 64);
}

/* Who found b on list c need not compute c again. */
static inline void list_unlink(block *b, unsigned c) {
  uint32_t next = b->next, prev = b->prev;
  block_at(next)->prev = prev;
  if (prev) {
    block_at(prev)->next = next;
  } else {
    heap.list[c] = next;
    if (next == 0) heap.bitmap[c / 64] &= ~(1ull << (c % 64));
  }
}

static inline void list_remove(block *b, uint32_t units) {
  list_unlink(b, list_of(b, units));
}

/* The first of the lists [c, end) that has a block; `end`, which is kRooms or
 * kLists, if there is none. */
static inline unsigned list_nonempty(unsigned c, unsigned end) {
  if (c >= end) return end;
  unsigned w = c / 64;
  uint64_t bits = heap.bitmap[w] & ~0ull << (c % 64);
  while (bits == 0) {
    if (++w == end / 64) return end;
    bits = heap.bitmap[w];
  }
  return w * 64 + (unsigned)__builtin_ctzll(bits);
}

/* The smallest of the first `scan` blocks of list c in which `units` fit where
 * a payload is a multiple of `align`. */
static inline block *list_best(unsigned c, uint32_t units, size_t align,
                               uint32_t scan) {
  block *best = NULL, *b;
  uint32_t best_units = UINT32_MAX;
  for (uint32_t i = heap.list[c]; i && scan > 0; scan--, i = b->next) {
    b = block_at(i);
    uint32_t have = block_units(b);
    if (have < units + aligned_gap(b, align) || have >= best_units) continue;
    best = b;
    best_units = have;
    if (have == units) break;
  }
  return best;
}

/* Best fit among the lists [*c, end): in *c, that of the size itself, blocks
 * may be too small; in the next one that has any they are all large enough.
 * Says which list it was. */
static inline block *list_fit(unsigned *c, unsigned end, uint32_t units) {
  *c = list_nonempty(*c, end);
  if (*c == end) return NULL;
  if (*c < kExact) return block_at(heap.list[*c]);
  block *b = list_best(*c, units, kUnit, kScan);
  if (b) return b;
  *c = list_nonempty(*c + 1, end);
  return *c == end ? NULL : list_best(*c, units, kUnit, kScan);
}

/* For what needs more than a long block: on each of the lists [c, end) the best
 * of `scan` blocks, until there is one. */
static block *list_fit_aligned(unsigned c, unsigned end, uint32_t units,
                               size_t align, uint32_t scan) {
  block *b = NULL;
  for (; !b && (c = list_nonempty(c, end)) < end; c++)
    b = list_best(c, units, align, scan);
  return b;
}

/* ---- The top, and the brk ---------------------------------------------- */

static uint32_t top_units(void) {
  return (uint32_t)((size_t)((char *)heap.end - (char *)heap.top) / kUnit);
}

/* The top begins at b, whose header says what is in front of it. An empty top
 * is the epilogue, which has no footer. */
static void top_set(block *b) {
  heap.top = b;
  if (b != heap.end) block_set_free(b, top_units());
}

/* Moves the brk, and the epilogue with it, which ends the top; false, and
 * nothing has changed, if the system refuses, or links or the header of the top
 * could not reach that far. */
static bool brk_move(int64_t units) {
  int64_t end = block_index(heap.end) + units;
  if (end > UINT32_MAX || top_units() + units > kMaxUnits ||
      mem_sbrk(units * kUnit) == (void *)-1)
    return false;
  heap.was_long |= end > kMaxUnits;
  heap.end = block_at((uint32_t)end);
  heap.end->head = kAllocated;
  top_set(heap.top);
  return true;
}

/* Moves the brk up until the top has `units`, by a part of the heap if that is
 * more and to be had. */
static bool top_extend(uint32_t units) {
  if (top_units() >= units) return true;
  uint32_t missing = units - top_units();
  uint32_t part = block_index(heap.end) / kGrowPart;
  if (!brk_move(part > missing ? part : missing) && !brk_move(missing))
    return false;
  if (heap.given_back) { /* too early: wait for twice as much next time */
    if (heap.trim < 2 * heap.given_back) heap.trim = 2 * heap.given_back;
    heap.given_back = 0;
  }
  return true;
}

/* Moves the brk down to leave a quarter of what was free; the heap may need
 * some of it soon. */
static void top_give_back(void) {
  uint32_t give = top_units() / 4 * 3;
  if (brk_move(-(int64_t)give)) heap.given_back += (uint64_t)give * kUnit;
}

/* b, the last block or the top itself, gets `units`; the top follows it. */
static void top_begin_behind(block *b, uint32_t units) {
  block *rest = block_after(b, units);
  block_set_head(b, units, kAllocated);
  rest->head = kPrevAllocated | (rest == heap.end ? kAllocated : 0);
  top_set(rest);
}

/* Cuts `units` off the front of the top; NULL if the heap is exhausted. */
static block *top_take(uint32_t units) {
  if (!top_extend(units)) return NULL;
  block *b = heap.top;
  top_begin_behind(b, units);
  return b;
}

/* ---- Giving a block back ----------------------------------------------- */

/* Makes [b, b + units) free: b is on no list, its header is right about what
 * is in front of it. The four cases of Knuth's: either neighbour may be free,
 * and is then taken in at once, unless the header could not say their sum.
 * Returns the units of the free block, 0 if it is the top. */
static uint32_t heap_release(block *b, uint32_t units) {
  block *next = block_after(b, units);
  uint32_t before = block_free_before(b);
  if (before != 0 && before <= kMaxUnits - units) {
    b = block_before(b, before);
    list_remove(b, before);
    units += before;
  }
  if (next == heap.top && units <= kMaxUnits - top_units()) {
    top_set(b);
    if ((size_t)top_units() * kUnit >= heap.trim) top_give_back();
    return 0;
  }
  if (!block_allocated(next) && next != heap.top) {
    uint32_t behind = block_units(next);
    list_remove(next, behind);
    if (behind <= kMaxUnits - units)
      units += behind;
    else /* it stays, but not as the room of a block that grows */
      list_insert(next, list_of_size(behind));
  }
  block_set_free(b, units); /* not earlier: it may look allocated */
  list_insert(b, list_of(b, units));
  return units;
}

/* b becomes an allocated block of `units`, or of all the `space` that lies
 * there for it if the rest could not be a block; the rest is given back. */
static void heap_cut(block *b, uint32_t space, uint32_t units) {
  uint32_t left = space - units;
  block_set_allocated(b, space);
  if (left >= kMinUnits) heap_release(block_split(b, units), left);
}

/* Gives back what waits on one quick list, that of the largest blocks: they
 * are the likeliest to become what is looked for. False if none waits. (No
 * release puts a block on a quick list, so the chain stays as it is.) */
static bool heap_drain(void) {
  uint32_t units = kQuick;
  while (units > 0 && heap.quick[units] == NULL) units--;
  void *p = heap.quick[units];
  heap.quick[units] = NULL;
  for (void *next; p; p = next) {
    next = *(void **)p;
    heap_release(block_of(p), units);
  }
  return units > 0;
}

/* ---- Taking a block from the lists ------------------------------------- */

/* b, free and on list c, becomes allocated with `units` of what it has; the
 * rest is a free block if it can be one. */
static inline block *heap_take(block *b, unsigned c, uint32_t units) {
  uint32_t have = block_units(b), left = have - units;
  list_unlink(b, c);
  if (left < kMinUnits) {
    block_set_allocated(b, have);
    return b;
  }
  block *rest = block_after(b, units);
  block_set_head(b, units, kAllocated);
  rest->head = kPrevAllocated;
  block_set_free(rest, left);
  list_insert(rest, list_of_size(left));
  return b;
}

/* The first block of the list of that exact size, allocated. It is what
 * list_unlink does, less the cases that cannot be: many a search ends here. */
static inline block *heap_pop(unsigned units) {
  block *b = block_at(heap.list[units]);
  uint32_t next = b->next;
  block_at(next)->prev = 0;
  heap.list[units] = next;
  if (next == 0) heap.bitmap[0] &= ~(1ull << units);
  b->head |= kAllocated;
  block_after(b, units)->head |= kPrevAllocated;
  return b;
}

/* ---- The nest ---------------------------------------------------------- */

static void nest_drop(void) {
  uint32_t units = heap.nest_units;
  heap.nest_units = 0;
  if (units) heap_release(heap.nest, units);
}

/* Gives back all that is kept aside; false if nothing is. */
static bool heap_drain_all(void) {
  bool any = heap.nest_units != 0;
  while (heap_drain()) any = true;
  nest_drop();
  return any;
}

/* Cuts `units` off the front of the nest; NULL if it has not that many. */
static inline block *nest_take(uint32_t units) {
  uint32_t have = heap.nest_units, left = have - units;
  if (have < units || (left != 0 && left < kMinUnits)) return NULL;
  block *b = heap.nest;
  heap.nest_units = left;
  if (left == 0) return b; /* all of it, as it is */
  heap.nest = block_split(b, units);
  return b;
}

/* An allocated block becomes the nest, in place of one that has less. */
static void nest_set(block *b) {
  nest_drop();
  heap.nest = b;
  heap.nest_units = block_units(b);
}

static uint32_t nest_size(void) {
  uint32_t units = block_index(heap.end) / kNestPart;
  return units < kNestLeast ? kNestLeast : units;
}

/* A small block from a free one on list c that is larger: what is left of that
 * becomes the nest, up to nest_size, unless the nest has more. (Lea's dlmalloc
 * has such a "designated victim" too, for locality; here it is bounded, and
 * only for small blocks.) */
static block *nest_from(block *b, unsigned c, uint32_t units) {
  uint32_t left = block_units(b) - units, most = nest_size();
  if (left < kNestLeast || left < heap.nest_units)
    return heap_take(b, c, units);
  b = heap_take(b, c, left < most ? units + left : units + most);
  nest_set(b);
  return nest_take(units);
}

/* ---- Placing a block --------------------------------------------------- */

/* From the end of the heap. If a larger block is to follow small ones, it
 * leaves room for some more of these, so that they lie together. */
static block *place_at_top(uint32_t units, bool small) {
  if (!small && heap.small_at_end) {
    block *b = top_take(nest_size());
    if (b) nest_set(b);
  }
  heap.small_at_end = small;
  return top_take(units);
}

/* The way of a request, from the common to the rare. Each of these calls the
 * next if it has nothing itself:
 *
 *   mm_malloc          its quick list
 *   malloc_searching   (from bytes to units)
 *   heap_allocate      its exact list; the nest, if it is small; heap_fit: the
 *                      free lists
 *   heap_fall_back     what waits, and heap_fit again; rooms; the top
 *
 * mm_memalign needs a block to cut rather than a payload: it enters at
 * heap_allocate. */

/* From the free lists, else NULL. */
static inline block *heap_fit(uint32_t units, bool small) {
  unsigned c = list_of_size(units);
  block *b = list_fit(&c, kRooms, units);
  if (b == NULL) return NULL;
  return small ? nest_from(b, c, units) : heap_take(b, c, units);
}

/* What else there is if no list has a block that fits: what is kept aside,
 * what is kept free for blocks that grow, and the end of the heap. Not inlined,
 * like all that is rare: a short function saves no registers. */
static __attribute__((noinline)) block *heap_fall_back(uint32_t units,
                                                       bool small) {
  for (;;) {
    /* The last block grows, and the top is its room: rather give up the nest
     * than put something there. */
    if (heap.nest_units >= units && (heap.top->head & kPrevGrows))
      nest_drop();
    else if (top_units() > units || !heap_drain())
      break;
    block *b = heap_fit(units, small);
    if (b) return b;
  }
  unsigned c = list_of_room(units);
  block *b = list_fit(&c, kLists, units);
  if (b) return heap_take(b, c, units);
  b = place_at_top(units, small);
  if (b) return b;
  /* The heap is exhausted, but for what is kept aside, and for what no search
   * has come to: blocks behind the first kScan of a list. */
  if (heap_drain_all()) {
    b = heap_fit(units, small);
    return b ? b : heap_fall_back(units, small);
  }
  b = list_fit_aligned(list_of_size(units), kLists, units, kUnit, UINT32_MAX);
  return b ? heap_take(b, list_of(b, block_units(b)), units) : NULL;
}

/* A block of that many units, allocated; NULL if the heap is exhausted. */
static inline block *heap_allocate(uint32_t units) {
  if (units < kExact && heap.list[units]) return heap_pop(units);

  /* The mean of the requests that come this far, of which each counts 1/64. It
   * is kept times 64, as what is added would be lost in rounding. Small is what
   * has less than two thirds of it: nothing, before there was a larger one. */
  heap.mean = heap.mean - heap.mean / kMeanPart + units;
  bool small = (uint64_t)units * kMeanPart * 3 < heap.mean * 2;
  block *b = small ? nest_take(units) : NULL;
  if (b == NULL) b = heap_fit(units, small);
  return b ? b : heap_fall_back(units, small);
}

static void *fail(int error) {
  errno = error;
  return NULL;
}

static __attribute__((noinline)) void *malloc_searching(size_t size) {
  block *b = size <= kMaxPayload ? heap_allocate(units_for(size)) : NULL;
  return b ? block_payload(b) : fail(ENOMEM);
}

/* ---- malloc and free --------------------------------------------------- */

void *mm_malloc(size_t size) {
  if (size <= (size_t)kQuick * kUnit - kHeader) {
    uint32_t units = units_for(size);
    void *p = heap.quick[units];
    if (p) {
      heap.quick[units] = *(void **)p;
      return p;
    }
  }
  return malloc_searching(size);
}

void mm_free(void *ptr) {
  if (ptr == NULL) return;
  block *b = block_of(ptr);
  uint32_t units = block_units(b);
  if (units <= kQuick) {
    *(void **)ptr = heap.quick[units];
    heap.quick[units] = ptr;
    return;
  }
  heap.released += (size_t)units * kUnit;
  uint64_t merged = (uint64_t)heap_release(b, units) * kUnit;
  /* At the top a free block of that length would go back to the system, and
   * small blocks that wait may be all that lies between. But only once for each
   * heap.trim bytes: a program may free one beside a long free block again and
   * again. */
  if (merged < heap.trim || heap.released < heap.trim) return;
  heap.released = 0;
  heap_drain_all();
}

/* ---- realloc ----------------------------------------------------------- */

/* Notes in the header behind b that b grows: whoever looks for space shall
 * leave free what is there. A block that was enlarged once is likely to be
 * enlarged again, its history being all that is known of it. Not for small
 * blocks: they move cheaply, and there are too many of them. */
static void block_mark_growing(block *b) {
  if ((uint64_t)block_units(b) * kMeanPart < heap.mean) return;
  block *next = block_next(b);
  if (next->head & kPrevGrows) return;
  bool listed = !block_allocated(next) && next != heap.top;
  if (listed) list_remove(next, block_units(next));
  next->head |= kPrevGrows;
  if (listed) list_insert(next, list_of(next, block_units(next)));
}

/* Moves b down into the free block in front of it; of the `space` that both and
 * what is free behind have, it gets `units`. If the block in front grows as
 * well, it keeps a part of what is left: else each of a row of growing blocks
 * takes all of its neighbour's room, and every growth is a copy. */
static block *block_slide(block *b, uint32_t space, uint32_t units) {
  uint32_t before = block_free_before(b);
  block *to = block_before(b, before);
  list_remove(to, before);
  uint32_t keep = to->head & kPrevGrows ? (space - units) / kKeepPart : 0;
  /* As b takes some of it, what is kept is shorter than the room was. */
  if (keep >= kMinUnits) {
    block_set_free(to, keep);
    list_insert(to, list_of(to, keep));
    to = block_after(to, keep);
    to->head = 0; /* behind a free block: no flag */
    space -= keep;
  }
  memmove(block_payload(to), block_payload(b), block_payload_size(b));
  heap_cut(to, space, units);
  return to;
}

/* Moves b, the last block, up by `room` units that the top has, and makes
 * these the nest. */
static block *block_raise(block *b, uint32_t room) {
  size_t size = block_payload_size(b);
  block *to = block_after(b, room);
  top_begin_behind(b, block_units(b) + room);
  memmove(block_payload(to), block_payload(b), size);
  /* Only now: the header of the new place lies in the old payload. */
  block_split(b, room);
  nest_set(b);
  return to;
}

/* Grows b, behind which there is only the top, to `units`; NULL, and nothing
 * has changed, if the heap is exhausted. */
static block *realloc_at_top(block *b, uint32_t units) {
  uint32_t have = block_units(b), before = block_free_before(b);
  uint32_t missing = units - have, raise = have / kRaisePart;
  /* A hole in front may be worth the copy. What waits may be all that lies
   * between: the small blocks that came and went beside b before it moved. */
  if (top_units() < missing &&
      list_nonempty(list_of_size(have / kPassPart), kRooms) < kRooms)
    while (before < have / kSlidePart && heap_drain())
      before = block_free_before(b);
  if (before + have > kMaxUnits) before = 0;
  bool slides = before >= have / kSlidePart && before >= missing;
  if (!slides && top_extend(missing)) {
    /* A large block that grows at the end must not be cut off by the next small
     * one that finds no room in front of it. (If there is a free block of that
     * size, it will be the nest.) */
    if (raise >= kNestLeast && heap.nest_units < raise / 16 &&
        list_nonempty(list_of_size(raise), kRooms) == kRooms &&
        top_extend(missing + raise))
      b = block_raise(b, raise);
    top_begin_behind(b, units);
    return b;
  }
  /* If the top cannot have all that b lacks, what is free in front has to do,
   * whatever the copy costs. */
  if (before < missing) {
    if (before == 0 || !top_extend(missing - before)) return NULL;
    top_begin_behind(b, units - before);
    have = units - before;
  }
  return block_slide(b, before + have, units);
}

/* Shall b slide down though what is behind it would do? `rest` is what will be
 * free on both sides. If so, the room of a growing block in front passes on to
 * b, and from there to the next one that slides, before any of them is stuck:
 * one that is moves to the end of the heap and leaves a hole. */
static bool room_passes(const block *b, uint32_t before, uint32_t rest) {
  uint32_t have = block_units(b);
  return before >= have / kPassPart &&
         before > rest / kKeepPart + have / kGainPart &&
         (block_before(b, before)->head & kPrevGrows);
}

/* Grows b to `units` without a new place for it: into what is free behind, or
 * else in front of it as well. That it takes no more than it asks for costs a
 * call later, but no space: the rest stays free, and marked as b's. NULL if
 * both together do not suffice. */
static block *realloc_in_place(block *b, uint32_t units) {
  uint32_t have = block_units(b), before = block_free_before(b);
  block *next = block_next(b);
  if (next == heap.top) return realloc_at_top(b, units);
  uint32_t behind = block_allocated(next) ? 0 : block_units(next);
  if (before + have + behind > kMaxUnits) before = 0;
  uint32_t space = before + have + behind;
  if (space < units) return NULL;
  if (behind) list_remove(next, behind);
  if (have + behind < units || room_passes(b, before, space - units))
    return block_slide(b, space, units);
  heap_cut(b, have + behind, units);
  return b;
}

void *mm_realloc(void *ptr, size_t size) {
  /* What is too large mm_malloc refuses; the block stays. */
  if (ptr == NULL || size > kMaxPayload) return mm_malloc(size);
  if (size == 0) {
    mm_free(ptr);
    return NULL;
  }
  block *b = block_of(ptr);
  uint32_t units = units_for(size);
  if (units <= block_units(b)) {
    heap_cut(b, block_units(b), units);
    return ptr;
  }
  block *to = realloc_in_place(b, units);
  void *fresh = to ? NULL : mm_malloc(size);
  if (fresh) { /* the last resort: it costs a copy, and leaves a hole */
    memcpy(fresh, ptr, block_payload_size(b));
    mm_free(ptr);
    to = block_of(fresh);
  }
  /* A malloc that fails has freed all that was kept aside, maybe beside b. */
  if (to == NULL) to = realloc_in_place(b, units);
  if (to == NULL) return NULL;
  block_mark_growing(to);
  return block_payload(to);
}

/* ---- The optional functions -------------------------------------------- */

void *mm_calloc(size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) return fail(ENOMEM);
  void *p = mm_malloc(bytes);
  return p ? memset(p, 0, bytes) : NULL;
}

size_t mm_usable_size(void *ptr) {
  return ptr ? block_payload_size(block_of(ptr)) : 0;
}

/* An allocated block in which an aligned one fits; NULL if the heap is
 * exhausted. */
static block *heap_allocate_aligned(uint32_t units, size_t align) {
  void *last = units <= kQuick ? heap.quick[units] : NULL; /* freed just now */
  if (last && aligned_gap(block_of(last), align) == 0) {
    heap.quick[units] = *(void **)last;
    return block_of(last);
  }
  block *b = list_fit_aligned(list_of_size(units), kRooms, units, align, 1);
  if (b == NULL) {
    /* Long enough for wherever it comes to lie. */
    b = heap_allocate(units + (uint32_t)(align / kUnit) + kMinUnits);
    if (b) return b;
    /* There is none, and nothing is kept aside any more: any block, or what the
     * brk can still reach. */
    b = list_fit_aligned(0, kLists, units, align, UINT32_MAX);
  }
  if (b) return heap_take(b, list_of(b, block_units(b)), block_units(b));
  return top_take((uint32_t)aligned_gap(heap.top, align) + units);
}

void *mm_memalign(size_t align, size_t size) {
  if (align == 0 || (align & (align - 1)) != 0) return fail(EINVAL);
  if (align <= kUnit) return mm_malloc(size);
  size_t extra = align + kMinUnits * kUnit;
  if (size > kMaxPayload || extra > kMaxPayload - size) return fail(ENOMEM);
  uint32_t units = units_for(size);
  block *b = heap_allocate_aligned(units, align);
  if (b == NULL) return fail(ENOMEM);
  uint32_t gap = (uint32_t)aligned_gap(b, align);
  if (gap) {
    block *to = block_split(b, gap);
    heap_release(b, gap);
    b = to;
  }
  heap_cut(b, block_units(b), units);
  return block_payload(b);
}

/* To their neighbours, blocks on quick lists look allocated; to whoever walks
 * the heap they shall not. */
static void quick_flip(void) {
  for (uint32_t units = kMinUnits; units <= kQuick; units++)
    for (void *p = heap.quick[units]; p; p = *(void **)p)
      block_of(p)->head ^= kAllocated;
}

/* As long as it walks, blocks that wait are marked as free: what visits them
 * must not call any function of this file. */
void mm_walk(mm_visit *visit, void *ctx) {
  quick_flip();
  visit(ctx, mem_heap_lo(), kMinUnits * kUnit - kHeader, MM_METADATA);
  for (block *b = heap_first(); b != heap.end; b = block_next(b)) {
    enum mm_kind kind = block_allocated(b) ? MM_ALLOCATED : MM_FREE;
    if (b == heap.nest && heap.nest_units) kind = MM_UNUSED;
    visit(ctx, b, (size_t)block_units(b) * kUnit, kind);
  }
  visit(ctx, heap.end, kHeader, MM_METADATA);
  quick_flip();
}

/* ---- The checker ------------------------------------------------------- */

struct check {
  int line;
  bool ok;
  size_t free_blocks;   /* met in the heap, without the top */
  size_t listed_blocks; /* met on lists */
};

/* Says which invariant is broken if a value is not what it should be. */
static bool expect(struct check *c, const char *invariant, const void *where,
                   const char *what, size_t value, size_t should) {
  if (value == should) return true;
  fprintf(stderr, "mm_checkheap(%d): %s broken at %p: %s: %zu, not %zu\n",
          c->line, invariant, where, what, value, should);
  return c->ok = false;
}

/* May b be a block at all? Its header is looked at only if so. */
static bool check_place(const block *b) {
  size_t offset = (size_t)((const char *)b - (char *)heap_first());
  return b >= heap_first() && b <= heap.end && offset % kUnit == 0;
}

static void check_block(struct check *c, const block *b, bool prev_allocated) {
  expect(c, "I2", b, "previous allocated", block_prev_allocated(b),
         prev_allocated);
  if (!block_prev_allocated(b))
    expect(c, "I2", b, "previous grows, but free", b->head & kPrevGrows, 0);
  if (block_allocated(b) || b == heap.end) return;
  expect(c, "I3", b, "footer", *block_foot_before(block_next(b)),
         block_units(b));
  if (!heap.was_long) /* else two neighbours may be too long for one */
    expect(c, "I4", b, "behind a free block", !prev_allocated, false);
  if (b != heap.top) c->free_blocks++;
}

/* All blocks in their order. What is not in a row ends it. */
static void check_row(struct check *c) {
  bool prev_allocated = true;
  block *b = heap_first(), *last = NULL;
  unsigned nests = 0;
  size_t end = (size_t)((char *)heap.end + kHeader - (char *)mem_heap_lo());
  if (!expect(c, "I1", heap.end, "bytes up to here", end, mem_heapsize()))
    return;
  for (; b != heap.end; last = b, b = block_next(b)) {
    uint32_t units = block_units(b), least = b == heap.top ? 1 : kMinUnits;
    bool fits = units >= least && check_place(block_next(b));
    if (!expect(c, "I1", b, "a block that fits", fits, true)) return;
    check_block(c, b, prev_allocated);
    prev_allocated = block_allocated(b);
    nests += b == heap.nest && prev_allocated && units == heap.nest_units;
  }
  check_block(c, b, prev_allocated);
  expect(c, "I1", b, "size of the epilogue", block_units(b), 0);
  expect(c, "I1", b, "epilogue allocated", block_allocated(b), true);
  expect(c, "I9", heap.base, "bytes up to the top",
         (size_t)((char *)heap.top - heap.base),
         (size_t)((char *)(prev_allocated ? heap.end : last) - heap.base));
  expect(c, "I10", heap.nest, "blocks that are it", nests,
         heap.nest_units != 0);
}

static void check_list(struct check *c, unsigned list) {
  bool bit = heap.bitmap[list / 64] >> (list % 64) & 1;
  expect(c, "I7", heap.bitmap, "bit of its list", bit, heap.list[list] != 0);
  uint32_t before = 0;
  for (uint32_t i = heap.list[list]; i; before = i, i = block_at(i)->next) {
    const block *b = block_at(i);
    bool may_be = check_place(b) && !block_allocated(b) && b != heap.top;
    if (!expect(c, "I6", b, "a free block", may_be, true) ||
        !expect(c, "I6", b, "link back", b->prev, before) ||
        ++c->listed_blocks > c->free_blocks) /* a circle? I5 will say */
      return;
    expect(c, "I5", b, "on list", list, list_of(b, block_units(b)));
  }
}

static void check_quick(struct check *c, uint32_t units) {
  size_t most = mem_heapsize() / kUnit;
  for (void *p = heap.quick[units]; p; p = *(void **)p) {
    const block *b = block_of(p);
    bool may_be = check_place(b) && b != heap.end && block_allocated(b) &&
                  block_units(b) == units && most-- > 0;
    if (!expect(c, "I8", b, "a block that waits", may_be, true)) return;
  }
}

int mm_checkheap(int line) {
  struct check c = {.line = line, .ok = true};
  check_row(&c);
  if (!c.ok) return 0; /* not in a row: nothing else can be looked at */
  for (unsigned list = 0; list < kLists; list++) check_list(&c, list);
  for (uint32_t units = 0; units <= kQuick; units++) check_quick(&c, units);
  if (c.ok)
    expect(&c, "I5", heap_first(), "blocks on lists", c.listed_blocks,
           c.free_blocks);
  return c.ok;
}
