// secure.hpp - what the hardened build (CHAOS_SECURE=1) looks at, and in what
// order blocks lie on a fresh page's list. A part of mm_chaos.cpp. All of it is
// compiled in every build, and called in the hardened one only.
//
// A mistake of the program stops it with one line, in the first call that can
// see the mistake:
//
//   mm_chaos: free(0x7f..): it is not in the heap
//   mm_chaos: free(0x7f..): it is not the start of an object
//   mm_chaos: free(0x7f..): it is not in use: freed twice?
//   mm_chaos: malloc(0x7f..): the link of this free block is overwritten
//
// How it can tell:
//
//   - The map says of every unit what it is part of. In this build that is so
//     inside of objects and free spans and above the top as well, and spans
//     that are freed do not wait in a heap (chaos/space.hpp).
//   - A block starts at a multiple of the block size from the page's first
//     block. One multiplication tells.
//   - A free block begins with an encoded link. What a block in use begins with
//     hardly ever decodes to a block of its page, as malloc wipes the link of
//     each block that it hands out. If it does, the page's lists are searched.
//     The lists of another thread's page cannot be searched: then the block
//     counts as free.
//
// What it cannot tell:
//
//   - a block that was freed, handed out again, and then freed by its first
//     owner
//   - an aligned pointer into an object, in a page where objects begin inside
//     of their blocks (kAligned)
//   - two threads that free the same block at the same time
//   - what was written beyond an object, as long as it meets no link (the heads
//     of the lists lie in the pages and are not encoded)
//
// There are no guard pages. A guard is an OS page that cannot be accessed; but
// an allocator can only move the end of the lab's heap, not protect a part of
// it. (Pages given to mem_release can still be written, and so can free spans:
// neither would guard anything.) The only guard is the one that memlib keeps
// above the brk, if the driver asks for it. Wrong pointers are found by the
// map's codes.
#ifndef CHAOS_SECURE_HPP
#define CHAOS_SECURE_HPP

#include "chaos/space.hpp"

namespace chaos {
namespace {

constexpr const char *kOutside = "it is not in the heap";
constexpr const char *kInterior = "it is not the start of an object";
constexpr const char *kUnused = "it is not in use: freed twice?";
constexpr const char *kOverwritten =
    "the link of this free block is overwritten";

// ---- Pages ------------------------------------------------------------------

// n is a multiple of d just if n * ceil(2^64 / d), of which the upper half is
// cut off, is less than ceil(2^64 / d): for all n and d of 32 bits (Lemire,
// Kaser, Kurz, "Faster remainder by direct computation", 2019).
constexpr auto kClassInverse = [] {
  std::array<uint64_t, kClasses> inverse{};
  for (size_t c = 0; c < kClasses; c++)
    inverse[c] = UINT64_MAX / kClassSize[c] + 1;
  return inverse;
}();

// Is p the start of a block of the page?
inline bool page_has_block(const Page *page, const void *p) {
  size_t offset =
      reinterpret_cast<uintptr_t>(p) - reinterpret_cast<uintptr_t>(page + 1);
  auto &units = const_cast<uint8_t &>(page->units); // see page_set_units
  size_t most = std::atomic_ref(units).load(std::memory_order_relaxed) * kUnit -
                sizeof(Page) - page_block_size(page);
  uint64_t inverse = kClassInverse[page->size_class];
  return offset <= most && offset * inverse < inverse;
}

inline void page_check_link(const Page *page, const Block *block,
                            const Block *next) {
  if (next && !page_has_block(page, next)) stop("malloc", block, kOverwritten);
}

// Sattolo's algorithm makes of the numbers of the blocks one random cycle, in
// the blocks themselves: each holds the number of the next one. A walk around
// makes links of them.
inline void page_link_shuffled(Page *page, char *start, size_t from,
                               size_t capacity) {
  size_t size = page_block_size(page), count = capacity - from;
  auto block_at = [=](size_t i) {
    return reinterpret_cast<Block *>(start + (from + i) * size);
  };
  auto number_in = [=](size_t i) -> Block *& { return block_at(i)->next; };
  for (size_t i = 0; i < count; i++)
    number_in(i) = reinterpret_cast<Block *>(i);
  for (size_t i = count; i-- > 1;) {
    size_t j = (random_number() >> 32) * i >> 32;
    Block *mine = number_in(i);
    number_in(i) = number_in(j);
    number_in(j) = mine;
  }
  size_t first = (random_number() >> 32) * count >> 32;
  for (size_t i = first, left = count; left > 0; left--) {
    auto next = reinterpret_cast<uintptr_t>(number_in(i));
    block_set_next(page, block_at(i), left > 1 ? block_at(next) : page->free);
    i = next;
  }
  page->free = block_at(first);
}

inline bool list_has(const Page *page, const Block *list, const Block *block) {
  size_t left = page_capacity(page);
  for (; list && left > 0; left--, list = block_next(page, list)) {
    if (list == block) return true;
    page_check_link(page, list, block_next(page, list));
  }
  return false;
}

// The owner may read the list of what other threads freed: they only put blocks
// in front. Acquire, as they wrote the links of these blocks.
inline bool page_has_free(const Page *page, const Block *block) {
  return list_has(page, page->free, block) ||
         list_has(page, page->local_free, block) ||
         list_has(page, page->thread_free.load(std::memory_order_acquire),
                  block);
}

// ---- What the program hands in ----------------------------------------------

inline Block *block_of(Page *page, void *p);

inline void check_block(Heap *heap, Page *page, void *p, const char *call) {
  uintptr_t owner = page->owner.load(std::memory_order_relaxed);
  auto *block = static_cast<Block *>(p);
  if (!page_has_block(page, p)) {
    if (!(owner & kAligned) || reinterpret_cast<uintptr_t>(p) % kAlign != 0)
      stop(call, p, kInterior);
    block = block_of(page, p);
    if (!page_has_block(page, block)) stop(call, p, kInterior);
  }
  const Block *next = block_next(page, block);
  if (next && !page_has_block(page, next)) return;
  if (page_heap(page) != heap || page_has_free(page, block))
    stop(call, p, kUnused);
}

// The code of the unit that p points into; kNoCode: no unit there has a code.
constexpr unsigned kNoCode = 256;

inline unsigned known_code(const void *p) {
  size_t offset =
      reinterpret_cast<uintptr_t>(p) - reinterpret_cast<uintptr_t>(space.base);
  if (offset < kUnit || offset >> kUnitBits > kMaxUnits) return kNoCode;
  uint32_t unit = unit_of(p);
  return unit < space.mapped ? code_at(p) : kNoCode;
}

// Stops the program unless p points to an object in use.
inline void check_object(Heap *heap, void *p, const char *call) {
  unsigned code = known_code(p);
  if (code == kNoCode) stop(call, p, kOutside);
  uint32_t unit = unit_of(p);
  if (code <= kObject)
    check_block(heap, page_of(p, static_cast<uint8_t>(code)), p, call);
  else if (code > kObject + kSetAside)
    stop(call, p, kUnused);
  else if (code > kLong || unit_at(unit) != p)
    stop(call, p, kInterior);
}

// ---- Free spans -------------------------------------------------------------

// The links of free spans are not encoded, but must agree with those of their
// neighbours on the list, with the length at the span's end, and with the map.
// (Only who holds the space's lock may read its top. Other arenas' regions lie
// below the end of the map, which moves only under the locks of all.)
inline bool is_free_span(Arena &arena, uint32_t unit) {
  uint32_t end = &arena == &space ? space.top : space.mapped.load();
  return unit > 0 && unit < end && &arena_of(unit) == &arena &&
         code_of(unit) == kFreeUnit;
}

inline void check_free_span(Arena &arena, uint32_t unit) {
  if (!is_free_span(arena, unit)) stop("malloc", unit_at(unit), kOverwritten);
  const FreeSpan *span = free_at(unit);
  uint32_t units = span->units;
  uint32_t end =
      arena.top != UINT32_MAX ? arena.top : unit + (1u << kRegionBits);
  bool sound =
      units > 0 && units < end - unit && foot_before(unit + units) == units;
  if (span->next)
    sound &=
        is_free_span(arena, span->next) && free_at(span->next)->prev == unit;
  if (span->prev)
    sound &=
        is_free_span(arena, span->prev) && free_at(span->prev)->next == unit;
  else if (sound)
    sound = arena.list[span_list(units)] == unit;
  if (!sound) stop("malloc", unit_at(unit), kOverwritten);
}

// The free span that ends before this unit must end with its own length.
inline void check_foot_before(Arena &arena, uint32_t unit) {
  uint32_t units = foot_before(unit);
  if (units >= unit || !is_free_span(arena, unit - units) ||
      free_at(unit - units)->units != units)
    stop("malloc", unit_at(unit - 1), kOverwritten);
  check_free_span(arena, unit - units);
}

} // namespace
} // namespace chaos
#endif
