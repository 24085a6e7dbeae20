// paper.hpp - the fixed geometry of the paper, which the adaptive one of
// space.hpp is compared with: segments of 4 MiB, and pages of two lengths. A
// part of mm_chaos.cpp when that is built with CHAOS_PAPER.
//
//   segment, at a multiple of 4 MiB from the base
//     +--------+--------+--------+--------+--------+-- --+--------+
//     | header | page   | page   | page   | page   | ... | page   |   Small
//     +--------+--------+--------+--------+--------+-- --+--------+
//     | header |  unused up to 512 KiB    | page   | ... |        |   Large
//     +--------+--------------------------+--------+-- --+--------+
//     | header | object, to the segment's end or that of a later one |  Object
//     +--------+-------------------------------- - - -
//     0        1        2                 8        9       unit of 64 KiB
//
// A Small segment has pages of a unit, for objects up to 8 KiB, a Large one
// pages of 8 units, for objects up to 512 KiB; what is larger gets whole
// segments: 513 KiB take 4 MiB. The header takes the place of the first page.
// It has the descriptors of all pages of the segment, so that a pointer finds
// its own by masking: the segment's header, and there the descriptor of its
// unit. A run of free segments is linked by address and merges with the ones
// beside it. When none is long enough, the heap doubles.
//
// Units are numbered from the base of the heap on. Number 0 is the header of
// the first segment, so it never belongs to a page or an object.
//
//   P1  a segment's `vacant` has the bit of each unit where a free page begins
//   P2  a segment is on the list of its kind if `vacant` is not 0, and only
//       then; no segment has only vacant pages
//   P3  free runs are in the order of their addresses and do not touch
//
// Not here: growing in place, other than inside of the last segment.
#ifndef CHAOS_PAPER_HPP
#define CHAOS_PAPER_HPP

#include "chaos/page.hpp"

#include <new>

namespace chaos {
namespace {

constexpr const char *kName = "chaos-paper";

constexpr size_t kUnitBits = 16, kUnit = size_t{1} << kUnitBits;
constexpr uint32_t kSegmentUnits = 64;
constexpr size_t kSegmentSize = kSegmentUnits * kUnit;
constexpr uint32_t kMaxUnits = (uint32_t{1} << 24) - 1; // 1 TiB
constexpr uint32_t kPageUnits = 8; // of a large page; objects have more units
constexpr size_t kSmallMax = 8 << 10; // bytes of an object in a small page
constexpr uint8_t kObject = 127;      // the code of a page is less than this
// The base, and so each unit, is at a multiple of this.
constexpr size_t kUnitAlign = 4 << 10;
// No object is so short that it waits in the heap when it is freed.
constexpr uint32_t kWaitUnits = kPageUnits;
// The head of a free run may lie above what it becomes a part of.
constexpr bool kTopStaysFresh = false;
// A free run's memory goes back to the system after so many heartbeats. If the
// heap then needs it again, it was too early: the next time it takes twice as
// many.
constexpr uint32_t kIdleBeats = 4;

enum class Kind : uint8_t { Small, Large, Object, Free };

struct Segment {
  Kind kind;
  uint8_t back;   // a unit's number, masked by this: units back to its page
  uint8_t object; // kObject + 1 if it is of that kind, else 0
  bool released;  // free, and its memory went back
  uint32_t count; // segments in a row: of an object, or free
  uint32_t beat;  // when it became free
  uint64_t vacant;
  Segment *next; // with vacant pages of the same kind, or free
  char *payload; // of the object
  std::array<Page, kSegmentUnits> pages; // by the unit they begin at
};
static_assert(sizeof(Segment) <= kUnitAlign, "see space_reset");
static_assert(kPageMax == kPageUnits * kUnit);
static_assert(kUnit / kAlign < kHeld); // large pages have fewer

// All heaps take from one arena, the space.
struct Arena {
  SpinLock lock;
};

struct Space : Arena { // the lock is for all behind `base`
  // Read without it, like all that finds a pointer's page.
  alignas(kApart) char *base;
  alignas(kApart) uint32_t segments; // from the base to the brk
  uint32_t beat, idle_beats;
  bool lowered;                         // the brk, since it was raised
  std::array<Segment *, 2> with_vacant; // small, large
  Segment *free_runs;
};
constinit Space space{};

// ---- From a pointer to its page ---------------------------------------------

inline uint32_t unit_of(const void *p) {
  return static_cast<uint32_t>(
      static_cast<size_t>(static_cast<const char *>(p) - space.base) >>
      kUnitBits);
}

inline char *unit_at(uint32_t unit) {
  return space.base + (static_cast<size_t>(unit) << kUnitBits);
}

constexpr uint32_t units_for(size_t bytes) {
  return bytes ? static_cast<uint32_t>((bytes + kUnit - 1) >> kUnitBits) : 1;
}

inline Segment *segment_of(uint32_t unit) {
  return reinterpret_cast<Segment *>(unit_at(unit & ~(kSegmentUnits - 1)));
}

inline char *segment_end(const Segment *s) {
  return reinterpret_cast<char *>(const_cast<Segment *>(s)) +
         s->count * kSegmentSize;
}

// If p points into a page: how many units back that begins. More than kObject:
// p points into an object.
inline uint8_t code_at(const void *p) {
  uint32_t unit = unit_of(p);
  const Segment *s = segment_of(unit);
  return static_cast<uint8_t>((unit & s->back) | s->object);
}

inline Page *page_at(uint32_t index) {
  return &segment_of(index)->pages[index % kSegmentUnits];
}

inline Page *page_of(const void *p, uint8_t code) {
  return page_at(unit_of(p) - code);
}

// Says whether p points into a page, and which.
inline bool page_find(const void *p, uint8_t code, Page **page) {
  if (code > kObject) return false;
  *page = page_of(p, code);
  return true;
}

// The unit that the page begins at.
inline uint32_t page_index(const Page *page) {
  uint32_t unit = unit_of(page);
  return unit + static_cast<uint32_t>(page - segment_of(unit)->pages.data());
}
inline size_t page_capacity(const Page *page) {
  return page->units * kUnit / page_block_size(page);
}
inline char *page_start(Page *page) {
  return unit_at(page_index(page));
}
inline char *page_end(Page *page) {
  return page_start(page) + page->units * kUnit;
}

// Whole units of the object that p points to.
inline uint32_t object_units(const void *p, uint8_t) {
  const Segment *s = segment_of(unit_of(p));
  return static_cast<uint32_t>(
      static_cast<size_t>(segment_end(s) - s->payload) >> kUnitBits);
}

// A segment knows already what is in it.
inline void mark_object(uint32_t, uint32_t) {}
inline void mark_page(uint32_t, uint32_t, uint32_t) {}

// ---- How long pages are -----------------------------------------------------

constexpr uint32_t page_units(size_t c, size_t) {
  return kClassSize[c] <= kSmallMax ? 1 : kPageUnits;
}

// What fits into a page gets a page.
constexpr bool wants_span(size_t, size_t) {
  return false;
}

// ---- Runs of free segments --------------------------------------------------

void run_join_next(Segment *run) {
  Segment *next = run->next;
  if (!next || segment_end(run) != reinterpret_cast<char *>(next)) return;
  run->count += next->count;
  run->next = next->next;
}

void run_insert(Segment *run, uint32_t count) {
  Segment **link = &space.free_runs, *before = nullptr;
  while (*link && *link < run) {
    before = *link;
    link = &before->next;
  }
  run->kind = Kind::Free;
  run->count = count;
  run->beat = space.beat;
  run->released = false;
  run->next = *link;
  *link = run;
  run_join_next(run);
  if (!before || segment_end(before) != reinterpret_cast<char *>(run)) return;
  run_join_next(before);
  before->beat = space.beat;
  before->released = false;
}

// Makes segments of the first run that is long enough; nullptr: none is.
Segment *segment_take(Kind kind, uint32_t count) {
  Segment **link = &space.free_runs;
  while (*link && (*link)->count < count) link = &(*link)->next;
  Segment *s = *link;
  if (!s) return nullptr;
  uint32_t rest = s->count - count, beat = s->beat;
  bool released = s->released;
  *link = s->next;
  if (released) space.idle_beats *= 2;
  new (s) Segment{};
  s->kind = kind;
  s->count = count;
  if (!rest) return s;
  // That the heap needs a part does not make the rest young.
  auto *run = reinterpret_cast<Segment *>(segment_end(s));
  run_insert(run, rest);
  run->beat = beat;
  run->released = released;
  return s;
}

// Doubles the heap, for a run of `count` segments. If that is too much, only
// what the run at the brk lacks is added.
bool space_grow(uint32_t count) {
  constexpr uint32_t kMost = kMaxUnits / kSegmentUnits;
  char *end = space.base + space.segments * kSegmentSize;
  for (Segment *run = space.free_runs; run; run = run->next)
    if (segment_end(run) == end) count -= run->count;
  if (count > kMost - space.segments) return false;
  auto raise = [](uint32_t by) {
    return mem_sbrk(static_cast<intptr_t>(by * kSegmentSize)) !=
           reinterpret_cast<void *>(-1);
  };
  uint32_t ask = space.segments;
  if (ask <= count || ask > kMost - space.segments || !raise(ask)) {
    ask = count;
    if (!raise(ask)) return false;
  }
  if (space.lowered) space.idle_beats *= 2;
  space.lowered = false;
  space.segments += ask;
  run_insert(reinterpret_cast<Segment *>(end), ask);
  return true;
}

// ---- Units ------------------------------------------------------------------

constexpr uint32_t segments_for(uint32_t units) { // and their header
  return units / kSegmentUnits + 1;
}

inline Kind kind_for(uint32_t units) {
  return units == 1            ? Kind::Small
         : units <= kPageUnits ? Kind::Large
                               : Kind::Object;
}

// The units at which the pages of a segment begin, but for the first page's.
constexpr uint64_t all_vacant(Kind kind) {
  return kind == Kind::Small ? ~uint64_t{1} : 0x0101010101010100;
}

uint32_t page_take(Kind kind) {
  Segment *&first = space.with_vacant[static_cast<size_t>(kind)];
  if (!first) {
    Segment *s = segment_take(kind, 1);
    if (!s) return 0;
    s->back = kind == Kind::Small ? 0 : kPageUnits - 1;
    s->vacant = all_vacant(kind);
    first = s;
  }
  Segment *s = first;
  auto i = static_cast<uint32_t>(__builtin_ctzll(s->vacant));
  s->vacant &= s->vacant - 1;
  if (!s->vacant) first = s->next;
  return unit_of(s) + i;
}

// A page, if `units` are those of a page; else an object in segments of its
// own. 0: the heap has to grow.
uint32_t take_fit(uint32_t units) {
  Kind kind = kind_for(units);
  if (kind != Kind::Object) return page_take(kind);
  Segment *s = segment_take(kind, segments_for(units));
  if (!s) return 0;
  s->object = kObject + 1;
  s->payload = unit_at(unit_of(s) + 1);
  return unit_of(s) + 1;
}

uint32_t take_top(uint32_t units) {
  bool one = units <= kPageUnits;
  return space_grow(one ? 1 : segments_for(units)) ? take_fit(units) : 0;
}

void page_give(Segment *s, uint32_t unit) {
  Segment **link = &space.with_vacant[static_cast<size_t>(s->kind)];
  if (!s->vacant) {
    s->next = *link;
    *link = s;
  }
  s->vacant |= uint64_t{1} << (unit % kSegmentUnits);
  if (s->vacant != all_vacant(s->kind)) return;
  while (*link != s) link = &(*link)->next;
  *link = s->next;
  run_insert(s, 1);
}

// Gives back a page or an object.
void span_give(uint32_t unit, uint32_t) {
  Segment *s = segment_of(unit);
  if (s->kind == Kind::Object)
    run_insert(s, s->count);
  else
    page_give(s, unit);
}

// Gives back the segments behind those that the object's first `units` units
// lie in.
void object_cut(Segment *s, uint32_t units) {
  size_t bytes = static_cast<size_t>(s->payload - reinterpret_cast<char *>(s)) +
                 units * kUnit;
  auto count = static_cast<uint32_t>((bytes + kSegmentSize - 1) / kSegmentSize);
  uint32_t rest = s->count - count;
  if (!rest) return;
  s->count = count;
  run_insert(reinterpret_cast<Segment *>(segment_end(s)), rest);
}

// Makes the object, of `have` units, `want` units long where it lies; 0: it
// cannot grow there, or belongs in a page now.
uint32_t span_resize(Arena &, uint32_t unit, uint32_t have, uint32_t want) {
  if (want > have || want <= kPageUnits) return 0;
  object_cut(segment_of(unit), want);
  return unit;
}

constexpr uint32_t span_slide(Arena &, uint32_t, uint32_t, uint32_t) {
  return 0;
}
constexpr bool gains_by_slide(Arena &, uint32_t, uint32_t) {
  return false;
}

// ---- What heaps ask for, as in chaos/region.hpp -----------------------------

inline Arena &arena_of(uint32_t) {
  return space;
}
inline Arena &arena_for(Arena *, uint32_t) {
  return space;
}
inline Arena *arena_make(void *) {
  return &space;
}
inline void arena_search(Arena &, bool) {}
inline void arena_trim(Arena &) {}
inline void arena_heartbeat(Arena &) {}

// When take_fit finds nothing, what it needs is above the brk.
uint32_t arena_take(Arena &, uint32_t units, bool may_move) {
  uint32_t unit = take_fit(units);
  return unit || !may_move ? unit : take_top(units);
}

// Lengths are not looked at.
constexpr uint32_t take_longest(Arena &, uint32_t) {
  return 0;
}

// There are no smaller pages.
uint32_t arena_take_page(Arena &arena, size_t, uint32_t, uint32_t *units,
                         bool may_move) {
  return arena_take(arena, *units, may_move);
}

void arena_give(uint32_t unit, uint32_t units) {
  Locked locked(space);
  span_give(unit, units);
}

// ---- Alignment --------------------------------------------------------------

// Can a block of a page hold an object at such an address?
constexpr bool page_can_align(size_t align, size_t size) {
  return align <= kPageMax && size <= kPageMax - align;
}

// An object of its own has at least so many units: more than a page.
constexpr uint32_t kLeastUnits = kPageUnits + 1;

// An object with a payload at a multiple of `align`. The payload's segment
// becomes the first, so that it is found by masking: there is always room for
// the header, see space_reset.
char *arena_take_aligned(Arena &arena, uint32_t units, size_t align,
                         bool may_move) {
  uint32_t unit = arena_take(arena, units + units_for(align), may_move);
  if (!unit) return nullptr;
  auto address = reinterpret_cast<uintptr_t>(unit_at(unit));
  char *payload = unit_at(unit) + ((0 - address) & (align - 1));
  Segment *s = segment_of(unit), *at = segment_of(unit_of(payload));
  if (at != s) {
    auto skip =
        static_cast<uint32_t>(static_cast<size_t>(reinterpret_cast<char *>(at) -
                                                  reinterpret_cast<char *>(s)) /
                              kSegmentSize);
    uint32_t count = s->count - skip;
    new (at) Segment{};
    at->kind = Kind::Object;
    at->count = count;
    at->object = kObject + 1;
    run_insert(s, skip);
  }
  at->payload = payload;
  object_cut(at, units);
  return payload;
}

// ---- Giving back ------------------------------------------------------------

// Runs that have long been free go back: the last one by the brk.
// 0: this geometry never settles.
uint32_t space_heartbeat(uint64_t) {
  space.beat++;
  char *end = space.base + space.segments * kSegmentSize;
  for (Segment **link = &space.free_runs; *link; link = &(*link)->next) {
    Segment *run = *link;
    uint32_t count = run->count;
    if (space.beat - run->beat < space.idle_beats) continue;
    if (segment_end(run) == end) {
      Segment *next = run->next; // none
      if (mem_sbrk(-static_cast<intptr_t>(count * kSegmentSize)) ==
          reinterpret_cast<void *>(-1))
        break;
      *link = next;
      space.segments -= count;
      space.lowered = true;
      break;
    }
    if (run->released) continue;
    mem_release(run + 1, count * kSegmentSize - sizeof *run);
    run->released = true;
  }
  return 0;
}

// An empty space at the brk. The base is not at a multiple of 4 MiB: so no
// segment is, and what has to be at a multiple of that or more never begins
// where a header is.
bool space_reset() {
  auto at = reinterpret_cast<uintptr_t>(mem_sbrk(0));
  uintptr_t base = (at + kUnitAlign - 1) & ~(kUnitAlign - 1);
  if (base % kSegmentSize == 0) base += kUnitAlign;
  if (mem_sbrk(static_cast<intptr_t>(base - at)) ==
      reinterpret_cast<void *>(-1))
    return false;
  space.base = reinterpret_cast<char *>(base);
  space.segments = space.beat = 0;
  space.idle_beats = kIdleBeats;
  space.lowered = false;
  space.with_vacant = {};
  space.free_runs = nullptr;
  return true;
}

// ---- The hardened build -----------------------------------------------------

// There is none: the checks look at the map of the adaptive geometry.
static_assert(!kSecure, "CHAOS_SECURE and CHAOS_PAPER exclude each other");
inline bool page_has_block(const Page *, const void *) {
  return true;
}
inline void page_check_link(const Page *, const Block *, const Block *) {}
inline void page_link_shuffled(Page *, char *, size_t, size_t) {}
inline void check_object(Heap *, void *, const char *) {}
inline void mark_own(uint32_t unit, uint32_t units) {
  mark_object(unit, units);
}

} // namespace
} // namespace chaos
#endif
