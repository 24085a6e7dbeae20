// region.hpp - the arenas of further threads' heaps, so that each thread takes
// and gives its spans without others. A part of mm_chaos.cpp.
//
// The first heap takes its spans from the space itself. Each other heap has an
// arena of its own, which takes *regions* from the space: blocks of 128 KiB, at
// multiples of 128 KiB from the base, so that the codes of a region fill whole
// lines of the cache. So two threads write neither the same lists nor the same
// lines of the map.
//
//   | head | page | object | free         | page    | free      | tail |
//   0      1                                                   1023
//
// The head says whose region it is. Head and tail are spans of the space's own
// that never look free. So no free span reaches beyond its region, and nobody
// looks at codes that are under the lock of another arena.
//
// Which arena is a pointer's? A table has a byte for each block that says
// whether it is a region; if not, the arena is the space. The table comes in
// pieces that stay where they are placed; each next one is for as many blocks
// as all before. While a span is in use its block stays what it is, so the
// thread that frees it reads the right byte without a lock. It reads the
// piece's place with acquire, as another thread may just have placed and wiped
// the piece.
//
// What is longer than 64 KiB comes from the space, for every heap. When the
// space is exhausted, anything comes from any arena that has it. An arena keeps
// its empty regions for later. They go back to the space before malloc moves
// the brk, in whichever thread; and at heartbeats, a quarter of those that were
// not used.
//
// The order of the locks: all heaps' (Everyone), an arena's, the space's.
#ifndef CHAOS_REGION_HPP
#define CHAOS_REGION_HPP

#include "chaos/space.hpp"

#include <new>

namespace chaos {
namespace {

constexpr uint32_t kRegion = 1 << kRegionBits, kRegionRoom = kRegion - 2;
constexpr uint32_t kRegionSpan = kWaitUnits; // more are from the space
static_assert(kPageUnits <= kRegionSpan && kRegionSpan <= kRegionRoom);

// ---- From a span to its arena -----------------------------------------------

// The first block of that piece of the table that has this block.
inline uint32_t piece_first(uint32_t block) {
  return block >> kPieceBits ? 1u << log2_of(block) : 0;
}

// That piece, minus its first block.
inline std::atomic<uint8_t *> &region_piece(uint32_t block) {
  constexpr uint32_t kFirst = 1u << (kPieceBits - 1);
  return space.regions[log2_of(block | kFirst) - (kPieceBits - 1)];
}

inline bool is_region(uint32_t block) {
  const uint8_t *piece = region_piece(block).load(std::memory_order_acquire);
  return piece && piece[block];
}

// With the space's lock held, and when the piece has been placed.
inline void set_region(uint32_t block, bool is) {
  region_piece(block).load(std::memory_order_relaxed)[block] = is;
}

struct Region { // its head
  Arena *arena;
  uint32_t next; // of the empty ones of the arena: block; 0: none
};

inline Region *region_at(uint32_t block) {
  return reinterpret_cast<Region *>(unit_at(block * kRegion));
}

// The arena of a span in use.
inline Arena &arena_of(uint32_t unit) {
  uint32_t block = unit / kRegion;
  return is_region(block) ? *region_at(block)->arena : space;
}

// The arena to take so many units from, for a heap that has `own`.
inline Arena &arena_for(Arena *own, uint32_t units) {
  return units <= kRegionSpan ? *own : space;
}

// A new arena, without regions, at `at`. With the space's lock held.
inline Arena *arena_make(void *at) {
  space.map_stays = true;
  return new (at) Arena;
}

// ---- Regions come and go: with the lock of their arena ----------------------

// Places the piece of the table that has the block, and wipes it.
bool regions_reach(uint32_t block) {
  std::atomic<uint8_t *> &piece = region_piece(block);
  if (piece.load(std::memory_order_relaxed)) return true;
  uint32_t first = piece_first(block);
  size_t bytes = first ? first : size_t{1} << kPieceBits;
  uint32_t units = units_for(bytes), unit = take_fit(space, units);
  if (!unit) unit = take_top(units);
  if (!unit) return false;
  mark_own(unit, units);
  std::memset(unit_at(unit), 0, bytes);
  piece.store(reinterpret_cast<uint8_t *>(unit_at(unit)) - first,
              std::memory_order_release);
  return true;
}

constexpr uint32_t region_up(uint32_t unit) {
  return (unit + kRegion - 1) & ~(kRegion - 1);
}

// Takes a free span that has a whole block in it, and says in `units` how long
// the span is; 0: there is none.
uint32_t take_wide(uint32_t *units) {
  for (uint32_t c = list_nonempty(space, span_list(kRegion)); c < kSpanLists;
       c = list_nonempty(space, c + 1)) {
    uint32_t unit = space.list[c];
    for (uint32_t left = space.scan; unit && left > 0; left--) {
      if constexpr (kSecure) check_free_span(space, unit);
      *units = free_at(unit)->units;
      if (region_up(unit) + kRegion <= unit + *units) {
        take_from(space, unit, *units);
        return unit;
      }
      unit = free_at(unit)->next;
    }
  }
  return 0;
}

// Gets a region for the arena. False: the brk or the map would have to move,
// and may not, or the space is exhausted.
bool region_take(Arena &arena, bool may_move) {
  Locked locked(space);
  uint32_t units, unit = take_wide(&units);
  if (!unit) {
    units = region_up(space.top) - space.top + kRegion;
    if (!may_move && brk_must_move(units)) return false;
    unit = take_top(units);
    if (!unit) return false;
  }
  uint32_t head = region_up(unit), behind = head + kRegion;
  mark_own(head, 1);
  mark_own(behind - 1, 1);
  if (unit + units > behind) span_give(space, behind, unit + units - behind);
  if (head > unit) span_give(space, unit, head - unit);
  if (!regions_reach(head / kRegion)) {
    span_give(space, head, kRegion);
    return false;
  }
  region_at(head / kRegion)->arena = &arena;
  set_region(head / kRegion, true);
  free_insert(arena, head + 1, kRegionRoom);
  return true;
}

inline bool is_empty_region(uint32_t block) {
  uint32_t room = block * kRegion + 1;
  return looks_free(room) && free_at(room)->units == kRegionRoom;
}

// Something in this region was freed. If it is empty now, its span leaves the
// lists of spans, and the region goes on the list of empty ones.
void region_retire(Arena &arena, uint32_t block) {
  if (!is_empty_region(block)) return;
  free_remove(arena, block * kRegion + 1);
  region_at(block)->next = arena.empty;
  arena.empty = block;
  arena.empties++;
}

// Takes one off the list of empty regions.
uint32_t region_pop(Arena &arena) {
  uint32_t block = arena.empty;
  arena.empty = region_at(block)->next;
  arena.empties--;
  if (arena.empties < arena.idle) arena.idle = arena.empties;
  return block;
}

// Gives so many empty regions back to the space.
void regions_give(Arena &arena, uint32_t count) {
  if (count == 0) return;
  Locked locked(space);
  while (count-- > 0) {
    uint32_t block = region_pop(arena);
    set_region(block, false);
    span_give(space, block * kRegion, kRegion);
  }
}

// ---- What heaps ask for -----------------------------------------------------

// Units, with the lock of the arena held. 0: the brk or the map would have to
// move, and may not, or the space is exhausted.
uint32_t arena_take(Arena &arena, uint32_t units, bool may_move) {
  uint32_t unit = take_fit(arena, units);
  if (unit) return unit;
  if (&arena == &space)
    return may_move || !brk_must_move(units) ? take_top(units) : 0;
  if (units > kRegionRoom) return 0;
  if (arena.empties)
    free_insert(arena, region_pop(arena) * kRegion + 1, kRegionRoom);
  else if (!region_take(arena, may_move))
    return 0;
  return take_fit(arena, units);
}

// The same, for an object at a multiple of `align`, which is more than
// kUnitAlign. Takes a free span that has such a place; or as many units from
// the top as are needed there, unless the map has to grow; or else so many
// units that there must be such a place. Returns the object's address.
char *arena_take_aligned(Arena &arena, uint32_t units, size_t align,
                         bool may_move) {
  uint32_t unit = find_aligned(arena, units, align), taken;
  if (unit) {
    taken = units_before(unit, align) + units;
    take_from(arena, unit, taken);
  } else {
    taken = units_before(space.top, align) + units;
    if (&arena == &space && uint64_t{space.top} + taken <= space.mapped &&
        (may_move || !brk_must_move(taken)))
      unit = take_top(taken);
    if (!unit) {
      taken = units + static_cast<uint32_t>(align / kUnit - 1);
      unit = arena_take(arena, taken, may_move);
    }
    if (!unit) return nullptr;
  }
  uint32_t skip = units_before(unit, align), extra = taken - units - skip;
  mark_object(unit + skip, units); // that the pieces do not merge with
  if (extra) span_give(arena, unit + skip + units, extra);
  if (skip) span_give(arena, unit, skip);
  return unit_at(unit + skip);
}

// Is there no free span of so many units, so that the arena would have to get
// memory first?
bool arena_is_tight(Arena &arena, uint32_t units) {
  Locked locked(arena);
  if (find_fit(arena, units)) return false;
  return &arena == &space ? brk_must_move(units) : arena.empties == 0;
}

// A span for a page of `units` with blocks of `size`. Before the brk moves, a
// shorter page in what is free will do; and then it moves only for `least`.
// When it can move no further, a page of half as many blocks will do, and so
// on: no longer than these need, as others need the rest.
uint32_t arena_take_page(Arena &arena, size_t size, uint32_t least,
                         uint32_t *units, bool may_move) {
  if (!may_move) return arena_take(arena, *units, false);
  uint32_t unit = take_fit(arena, *units);
  if (!unit) unit = take_smaller(arena, units_for_blocks(size, 1), units);
  if (unit) return unit;
  *units = least;
  unit = arena_take(arena, least, true);
  size_t blocks = (least * kUnit - sizeof(Page)) / size;
  while (!unit && blocks > 1) {
    blocks /= 2;
    *units = units_for_blocks(size, blocks);
    unit = arena_take(arena, *units, true);
  }
  return unit;
}

// Gives a span back. The caller holds no lock but that of all heaps, if any.
void arena_give(uint32_t unit, uint32_t units) {
  Arena &arena = arena_of(unit);
  Locked locked(arena);
  span_give(arena, unit, units);
  if (&arena != &space) region_retire(arena, unit / kRegion);
}

// Gives all empty regions back to the space.
void arena_trim(Arena &arena) {
  if (&arena == &space) return;
  Locked locked(arena);
  regions_give(arena, arena.empties);
}

// Gives back a quarter of the regions that were empty ever since the last
// heartbeat.
void arena_heartbeat(Arena &arena) {
  if (&arena == &space) return;
  Locked locked(arena);
  regions_give(arena, (arena.idle + 3) / 4);
  arena.idle = arena.empties;
}

} // namespace
} // namespace chaos
#endif
