// space.hpp - the adaptive geometry: spans of any number of units, and the map
// that finds a pointer's page. A part of mm_chaos.cpp.
//
// The space is the heap from its first byte to the brk, in units of 128 bytes.
// A *span* is a row of units: that of a page, an object of its own, a piece of
// the map, or free. Free spans are found by best fit and merge with free
// neighbours at once, like the blocks of mm.c; the brk moves only as far as
// the spans need.
//
//   | page  | object | free | page | map | object | ...  | rest |
//   1                                                   top    brk
//
// The *map* has a byte for each unit, the unit's code:
//
//   0 to 127     a page: so many units back is its head
//   128 to 189   the first unit of an object of 1 to 62 units
//   190          the first of a longer one; its length is in the next 4 bytes
//   255          the first or the last unit of a free span
//
// The codes of units inside of objects and free spans are not looked at; only
// the last unit of an object must not look free. So an object has no header:
// its payload begins where its first unit does. A page has a head of its own.
//
// In the hardened build the map says of every pointer what it points to:
//
//   128 to 149   the first unit of an object of 1 to 22 units
//   150          the first of a longer one; its length is in the next 7 codes
//   151          inside of an object
//   152 to 167   the same, and four bits of the length
//   192 to 214   as 128 to 150, but the object is the space's own
//   255          each unit of a free span, and above the top
//
// The map grows with what it describes. The first one, of 2 KiB, lies in static
// memory. When the top outgrows a map, a longer one takes its place, in the
// space: longer by a quarter. When nothing lies above the map, it slides down
// with the top.
//
// A thread that frees reads the map without a lock, so it may still read the
// map before. That does no harm: the codes of what is in use are in both. But
// then the map before cannot become a free span: it stays, and the next one is
// at least twice as long, so that all that stay are no longer than the last.
// Once other heaps write codes under locks of their own, the map moves only
// with all of these locks held (map_extend).
#ifndef CHAOS_SPACE_HPP
#define CHAOS_SPACE_HPP

#include "chaos/page.hpp"

#include <cstring>
#include <sys/single_threaded.h>

namespace chaos {
namespace {

constexpr const char *kName = "chaos";

constexpr size_t kUnitBits = 7, kUnit = size_t{1} << kUnitBits;
constexpr uint32_t kMaxUnits = (uint32_t{1} << 28) - 1; // 32 GiB

constexpr uint8_t kObject = 127, kLong = kSecure ? 150 : 190, kFreeUnit = 255;
constexpr uint8_t kSetAside = 64; // added to codes of what is not the program's
constexpr uint8_t kInside = kLong + 1, kDigit = kInside + 1;
constexpr uint32_t kDigits = 7; // of 4 bits: the length of a long object
constexpr uint32_t kShortMax = kLong - kObject - 1;
constexpr uint32_t kPageUnits = 128; // the most: codes to 127 lead back

// Objects begin at units, so their addresses are multiples of this.
constexpr size_t kUnitAlign = kUnit;
// Spans of up to 64 KiB may wait in the heap when they are freed.
constexpr uint32_t kWaitUnits = (64 << 10) / kUnit;

// Free spans are listed by length: one length a list up to 63, then 16 lists
// a doubling (as in mm.c).
constexpr uint32_t kSpanExactBits = 6, kSpanExact = 1 << kSpanExactBits;
constexpr uint32_t kSpanSteps = 16;
constexpr uint32_t kSpanLists = kSpanExact + (28 - kSpanExactBits) * kSpanSteps;
constexpr uint32_t kSpanWords = (kSpanLists + 63) / 64;
// Spans of a list that best fit looks at, as long as the heap can grow.
constexpr uint32_t kSpanScan = 8;

// Units that the first map has codes of. A longer one would be unused static
// memory in most processes; with a shorter one, maps would lie between the
// spans of small heaps.
constexpr uint32_t kFirstMapped = 2048;
// Maps that stay: each is twice as long as the one before, to 2^28 codes.
constexpr uint32_t kMapsMax = 20;

// What the brk moves over is not written before it is handed out: so calloc
// may rely on its zeros.
constexpr bool kTopStaysFresh = true;
// When heaps have taken so many times the units that the space has, it has
// settled: what it needs for one turn it needs for the next. From then on the
// brk may move by this part of the heap more than was needed, in place of a
// drain: see space_settles.
// (A heap of less than 512 KiB is turned as if it had these, as a program that
// has made few requests has no time to win.)
constexpr uint32_t kSettledTurns = 32, kSettledLeast = (512 << 10) / kUnit;
constexpr uint32_t kLoosePart = 8;
// The brk moves up by at least this part of the heap.
constexpr uint32_t kGrowPart = 1024;
// Memory goes back to the system when so many bytes are free at the top, or
// when a free span of that length was not wanted for so many heartbeats. If the
// heap then needs it again, it was too early: the next time it takes twice as
// many bytes, or beats.
constexpr size_t kIdleBytes = TRIM_THRESHOLD;
constexpr uint32_t kIdleBeats = 4;
constexpr int kIdleScan = 256; // spans looked at in a heartbeat

// At the start of a free span; the last 4 bytes of it repeat `units`.
struct FreeSpan {
  uint32_t units, next, prev;
  uint32_t beat; // when it came to be, or kReleased
};
constexpr uint32_t kReleased = UINT32_MAX;

// Which blocks of the space are regions: see chaos/region.hpp.
constexpr uint32_t kRegionBits = 17 - kUnitBits; // log2 of a region's units
constexpr uint32_t kPieceBits = 8; // the first piece has so many blocks
using RegionTable =
    std::array<std::atomic<uint8_t *>, 28 - kRegionBits - kPieceBits + 1>;

// Free spans, by length. Each heap has an arena to take from. That of the first
// heap is the space; the others' have regions of it (chaos/region.hpp).
struct alignas(kApart) Arena {
  SpinLock lock; // for all below, and for the codes of the arena's spans
  uint32_t top = UINT32_MAX; // unit behind the last span; of the space only
  uint32_t beat = 0;         // the time, where memory is given back
  uint32_t scan = kSpanScan; // spans of a list that a search looks at
  // Empty regions: the first one's block, how many, and the least that there
  // were since the last heartbeat.
  uint32_t empty = 0, empties = 0, idle = 0;
  uint64_t summary = 0;
  std::array<uint64_t, kSpanWords> bitmap{};
  std::array<uint32_t, kSpanLists> list{}; // first span of that length; 0: none
};

struct Space : Arena {
  uint32_t end;        // unit at the brk
  uint32_t needed;     // units that the brk moved up as nothing else was left
  uint32_t loose_end;  // in a settled space it may move so far; else 0
  uint64_t taken;      // units that heaps took; see space_settles
  uint32_t top_seen;   // the highest top since the last heartbeat ...
  uint32_t top_before; // ... and the one before
  uint32_t idle_beats; // the age at which a free span's memory goes back
  size_t trim;         // bytes free above the top from which on they go back
  size_t given_back;   // bytes that did, until the brk moves up again
  std::array<uint32_t, kMapsMax> old_maps; // units where earlier ones are kept
  uint32_t old_count;
  bool map_stays; // there are other arenas: only map_extend may move it
  // Read without the lock, and hardly ever written.
  alignas(kApart) char *base;
  // The map, minus base / kUnit: where the code of the unit that p points into
  // lies is this plus p / kUnit.
  std::atomic<uintptr_t> codes;
  std::atomic<uint32_t> mapped; // units that have a code
  uint8_t *map;                 // the code of unit 0, which is none
  uint32_t map_end;             // unit behind the map; 0: it is the first
  RegionTable regions;
};
constinit Space space{};
alignas(kApart) constinit uint8_t first_map[kFirstMapped]{};

// ---- The map ----------------------------------------------------------------

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

// For who holds the lock of the unit's arena, or is the only thread.
inline uint8_t &code_of(uint32_t unit) {
  return space.map[unit];
}

// The codes, beginning with that of the unit that p points into. Acquire pairs
// with the release in map_set. The code itself was written before the pointer
// was handed out, and is not written while it is in use.
inline const uint8_t *codes_from(const void *p) {
  return reinterpret_cast<const uint8_t *>(
      space.codes.load(std::memory_order_acquire) +
      (reinterpret_cast<uintptr_t>(p) >> kUnitBits));
}

inline uint8_t code_at(const void *p) {
  return *codes_from(p);
}

inline bool looks_free(uint32_t unit) {
  return code_of(unit) == kFreeUnit;
}

inline bool is_free_before(uint32_t unit) {
  return unit > 1 && looks_free(unit - 1);
}

// Says whether p points into a page, and which; `code` is that of p. Pages
// begin at multiples of kUnit. One subtraction does both: the code of an object
// is negative as a signed byte, and with its sign extended it is larger than
// any address, so that the subtraction borrows.
inline bool page_find(const void *p, uint8_t code, Page **page) {
  static_assert(kObject == INT8_MAX);
  uintptr_t unit = reinterpret_cast<uintptr_t>(p) >> kUnitBits, head;
  auto back = static_cast<uintptr_t>(static_cast<int8_t>(code));
  bool is_object = __builtin_sub_overflow(unit, back, &head);
  *page = reinterpret_cast<Page *>(head << kUnitBits);
  return !is_object;
}

// The page of p, which is known to point into one.
inline Page *page_of(const void *p, uint8_t code) {
  Page *page;
  page_find(p, code, &page);
  return page;
}

inline uint32_t page_index(const Page *page) {
  return unit_of(page);
}
inline Page *page_at(uint32_t index) {
  return reinterpret_cast<Page *>(unit_at(index));
}
inline size_t page_capacity(const Page *page) {
  return (page->units * kUnit - sizeof(Page)) / page_block_size(page);
}
inline char *page_start(Page *page) {
  return reinterpret_cast<char *>(page + 1);
}
inline char *page_end(Page *page) {
  return reinterpret_cast<char *>(page) + page->units * kUnit;
}

// Units of the object that begins in the unit of p; `code` is that of p.
inline uint32_t object_units(const void *p, uint8_t code) {
  if (code < kLong) return code - static_cast<uint32_t>(kObject);
  const uint8_t *length = codes_from(p) + 1;
  uint32_t units = 0;
  if constexpr (kSecure)
    for (uint32_t i = kDigits; i-- > 0;)
      units = units << 4 | ((length[i] - kDigit) & 15u);
  else
    std::memcpy(&units, length, 4);
  return units;
}

inline void mark_all(uint32_t unit, uint32_t units, uint8_t code) {
  std::memset(&code_of(unit), code, units);
}

void mark_object(uint32_t unit, uint32_t units) {
  if constexpr (kSecure)
    mark_all(unit, units, kInside);
  else
    code_of(unit + units - 1) = 0;
  code_of(unit) =
      units <= kShortMax ? static_cast<uint8_t>(kObject + units) : kLong;
  if (units <= kShortMax) return;
  uint8_t *length = &code_of(unit) + 1;
  if constexpr (kSecure)
    for (uint32_t i = 0; i < kDigits; i++, units >>= 4)
      length[i] = static_cast<uint8_t>(kDigit + (units & 15));
  else
    std::memcpy(length, &units, 4);
}

// An object of the allocator itself.
inline void mark_own(uint32_t unit, uint32_t units) {
  mark_object(unit, units);
  if constexpr (kSecure) code_of(unit) += kSetAside;
}

constexpr auto kPageCodes = [] {
  std::array<uint8_t, kPageUnits> codes{};
  for (size_t i = 0; i < kPageUnits; i++) codes[i] = static_cast<uint8_t>(i);
  return codes;
}();

void mark_page(uint32_t unit, uint32_t from, uint32_t units) {
  std::memcpy(&code_of(unit) + from, kPageCodes.data() + from, units - from);
}

static_assert(kPageUnits * kUnit / kAlign < kHeld);

// ---- How long pages are -----------------------------------------------------

constexpr uint32_t square_root(uint64_t n) {
  if (n == 0) return 0;
  uint64_t root = uint64_t{1} << ((64 - __builtin_clzll(n)) / 2);
  for (int i = 0; i < 4; i++) root = (root + n / root) / 2; // Newton
  return static_cast<uint32_t>(root);
}

constexpr uint64_t kShare = 128; // bytes

// How many units the next page of a class shall have, whose blocks have `size`
// bytes and which has `class_bytes` in use. From sqrt(kShare * class_bytes) on,
// and from half a KiB, it is the first length whose unusable rest is at most 3
// percent. A class with much in use gets, of the lengths up to twice that, the
// one with the least rest, and of several the longest: it will make many such
// pages.
constexpr uint32_t best_page_units(size_t size, size_t class_bytes) {
  constexpr uint32_t kMany = 40;
  constexpr size_t kLeast = 512;
  size_t bytes = square_root(kShare * class_bytes);
  if (bytes < kLeast) bytes = kLeast;
  if (bytes < sizeof(Page) + size) bytes = sizeof(Page) + size;
  uint32_t least = units_for(bytes), best = least;
  if (least > kPageUnits / 2) least = best = kPageUnits / 2;
  size_t best_rest = SIZE_MAX;
  for (uint32_t units = least; units <= 2 * least; units++) {
    size_t rest = (units * kUnit - sizeof(Page)) % size;
    if (best_rest == SIZE_MAX || rest * best <= best_rest * units) {
      best = units;
      best_rest = rest;
    }
    if (least < kMany && rest * 32 <= units * kUnit) break;
  }
  return best;
}

// The same by class and by the doubling that the bytes in use are in, computed
// for the middle of the doubling.
constexpr size_t kDoublings = 24;
constexpr auto kPageLength = [] {
  std::array<std::array<uint8_t, kDoublings>, kClasses> units{};
  for (size_t c = 0; c < kClasses; c++)
    for (size_t k = 0; k < kDoublings; k++)
      units[c][k] = static_cast<uint8_t>(
          best_page_units(kClassSize[c], k ? (size_t{3} << k) / 4 : 0));
  return units;
}();

inline uint32_t page_units(size_t c, size_t class_bytes) {
  size_t k = class_bytes ? log2_of(class_bytes) + 1 : 0;
  return kPageLength[c][k < kDoublings ? k : kDoublings - 1];
}

// What a page of so many blocks needs.
constexpr uint32_t units_for_blocks(size_t size, size_t blocks) {
  return units_for(sizeof(Page) + blocks * size);
}

// An object of a class gets a span of its own, not a block of a page, while a
// page would have less than kFew blocks, if the span is at most half as large
// again as the block. The table has the bytes in use from which on a class gets
// pages.
constexpr auto kWorthPages = [] {
  constexpr size_t kFew = 4;
  std::array<size_t, kClasses> bytes{};
  for (size_t c = 0; c < kClasses; c++) {
    size_t size = kClassSize[c], few = kFew * kFew * size * size / kShare;
    if (units_for(size) * kUnit * 2 <= size * 3 && few > size)
      bytes[c] = few - size;
  }
  return bytes;
}();

inline bool wants_span(size_t c, size_t class_bytes) {
  return class_bytes < kWorthPages[c];
}

// ---- Free spans -------------------------------------------------------------

inline FreeSpan *free_at(uint32_t unit) {
  return reinterpret_cast<FreeSpan *>(unit_at(unit));
}

inline uint32_t &foot_before(uint32_t unit) {
  return reinterpret_cast<uint32_t *>(unit_at(unit))[-1];
}

inline uint32_t span_list(uint32_t units) {
  if (units < kSpanExact) return units;
  uint32_t top = 31 - static_cast<uint32_t>(__builtin_clz(units));
  uint32_t step = (units >> (top - 4)) & (kSpanSteps - 1);
  return kSpanExact + (top - kSpanExactBits) * kSpanSteps + step;
}

void free_insert(Arena &arena, uint32_t unit, uint32_t units) {
  uint32_t c = span_list(units), first = arena.list[c];
  *free_at(unit) = {units, first, 0, arena.beat};
  foot_before(unit + units) = units;
  code_of(unit) = code_of(unit + units - 1) = kFreeUnit;
  if (first) free_at(first)->prev = unit;
  arena.list[c] = unit;
  arena.bitmap[c / 64] |= 1ull << (c % 64);
  arena.summary |= 1ull << (c / 64);
}

// The hardened build's part (chaos/secure.hpp).
inline void check_free_span(Arena &arena, uint32_t unit);
inline void check_foot_before(Arena &arena, uint32_t unit);

// Where the free span begins that ends before this unit.
inline uint32_t span_before(Arena &arena, uint32_t unit) {
  if constexpr (kSecure) check_foot_before(arena, unit);
  return unit - foot_before(unit);
}

void free_remove(Arena &arena, uint32_t unit) {
  if constexpr (kSecure) check_free_span(arena, unit);
  const FreeSpan *span = free_at(unit);
  if (span->next) free_at(span->next)->prev = span->prev;
  if (span->prev) {
    free_at(span->prev)->next = span->next;
    return;
  }
  uint32_t c = span_list(span->units);
  arena.list[c] = span->next;
  if (span->next) return;
  arena.bitmap[c / 64] &= ~(1ull << (c % 64));
  if (!arena.bitmap[c / 64]) arena.summary &= ~(1ull << (c / 64));
}

// The first list from c on that has a span; kSpanLists if there is none.
uint32_t list_nonempty(Arena &arena, uint32_t c) {
  if (c >= kSpanLists) return kSpanLists;
  uint32_t w = c / 64;
  uint64_t bits = arena.bitmap[w] >> (c % 64);
  if (bits) return c + static_cast<uint32_t>(__builtin_ctzll(bits));
  uint64_t words = arena.summary & ~1ull << w;
  if (!words) return kSpanLists;
  w = static_cast<uint32_t>(__builtin_ctzll(words));
  return w * 64 + static_cast<uint32_t>(__builtin_ctzll(arena.bitmap[w]));
}

// With `all`, searches look at every span of a list: the heap is exhausted.
inline void arena_search(Arena &arena, bool all) {
  arena.scan = all ? UINT32_MAX : kSpanScan;
}

// The shortest of the first spans of list c that have the units; 0: none has.
uint32_t list_best(Arena &arena, uint32_t c, uint32_t units) {
  uint32_t best = 0, best_units = UINT32_MAX, unit = arena.list[c];
  for (uint32_t left = arena.scan; unit && left > 0; left--) {
    if constexpr (kSecure) check_free_span(arena, unit);
    const FreeSpan *span = free_at(unit);
    if (span->units >= units && (span->units < best_units ||
                                 (span->units == best_units && unit < best))) {
      best = unit;
      best_units = span->units;
    }
    unit = span->next;
  }
  return best;
}

// Best fit; 0: there is none.
uint32_t find_fit(Arena &arena, uint32_t units) {
  uint32_t c = list_nonempty(arena, span_list(units));
  if (c == kSpanLists) return 0;
  uint32_t unit = list_best(arena, c, units);
  if (unit) return unit;
  c = list_nonempty(arena, c + 1);
  return c == kSpanLists ? 0 : list_best(arena, c, units);
}

// The first of the longest list that is not empty; 0: all are.
uint32_t find_long(Arena &arena) {
  if (!arena.summary) return 0;
  auto w = 63u - static_cast<uint32_t>(__builtin_clzll(arena.summary));
  auto b = 63u - static_cast<uint32_t>(__builtin_clzll(arena.bitmap[w]));
  return arena.list[w * 64 + b];
}

// Takes the units off the front of a free span; the rest stays free, and as old
// as it was.
void take_from(Arena &arena, uint32_t unit, uint32_t units) {
  uint32_t have = free_at(unit)->units, beat = free_at(unit)->beat;
  if (beat == kReleased && units >= units_for(kIdleBytes) &&
      space.idle_beats <= space.beat)
    space.idle_beats *= 2; // twice the time that there was is enough
  free_remove(arena, unit);
  if (have == units) return;
  free_insert(arena, unit + units, have - units);
  free_at(unit + units)->beat = beat;
}

// 0: no free span has the units.
uint32_t take_fit(Arena &arena, uint32_t units) {
  uint32_t unit = find_fit(arena, units);
  if (unit) take_from(arena, unit, units);
  return unit;
}

// From the longest free span; 0: it is too short.
uint32_t take_longest(Arena &arena, uint32_t units) {
  uint32_t unit = find_long(arena);
  if (!unit || free_at(unit)->units < units) return 0;
  take_from(arena, unit, units);
  return unit;
}

// For a page of `units` for which no free span is long enough: a shorter one,
// from the longest free span, but of `least` units and an eighth of `units` at
// least. `units` becomes what it has. 0: there is none.
uint32_t take_smaller(Arena &arena, uint32_t least, uint32_t *units) {
  constexpr uint32_t kSmaller = 8;
  uint32_t unit = find_long(arena), have = unit ? free_at(unit)->units : 0;
  if (have < least || have < *units / kSmaller) return 0;
  if (have < *units) *units = have;
  take_from(arena, unit, *units);
  return unit;
}

// From now on the map is what lies there.
void map_set(uint32_t unit, uint32_t units) {
  space.map = reinterpret_cast<uint8_t *>(unit_at(unit));
  space.map_end = unit + units;
  space.codes.store(reinterpret_cast<uintptr_t>(space.map) -
                        (reinterpret_cast<uintptr_t>(space.base) >> kUnitBits),
                    std::memory_order_release);
  mark_own(unit, units);
}

// The map ends at the top. When what is free before it is as long as itself, or
// there is nothing before that, it slides down, so that a heap that is empty
// again is one piece. (With other threads it stays: they may be reading it.)
void map_slide() {
  uint32_t units = space.mapped >> kUnitBits, unit = space.map_end - units;
  if (!is_free_before(unit) || !__libc_single_threaded) return;
  uint32_t to = span_before(space, unit);
  if (unit - to < units && to > 1) return;
  free_remove(space, to);
  std::memmove(unit_at(to), unit_at(unit), space.mapped);
  map_set(to, units);
  space.top = to + units;
  if constexpr (kSecure) mark_all(space.top, unit - to, kFreeUnit);
}

// Makes [unit, unit + units) free.
void span_give(Arena &arena, uint32_t unit, uint32_t units) {
  if constexpr (kSecure) mark_all(unit, units, kFreeUnit);
  uint32_t behind = unit + units;
  if (behind < arena.top && looks_free(behind)) {
    units += free_at(behind)->units;
    free_remove(arena, behind);
  }
  if (is_free_before(unit)) {
    uint32_t before = span_before(arena, unit);
    units += unit - before;
    unit = before;
    free_remove(arena, unit);
  }
  if (unit + units == arena.top)
    arena.top = unit;
  else
    free_insert(arena, unit, units);
  if (arena.top == space.map_end) map_slide();
}

// ---- The top, and the brk ---------------------------------------------------

// Is what lies free at the top too short, and also what the brk may move over
// without need?
inline bool brk_must_move(uint32_t units) {
  uint32_t end = space.end > space.loose_end ? space.end : space.loose_end;
  return uint64_t{space.top} + units > end;
}

bool brk_reach(uint64_t unit) {
  if (unit <= space.end) return true;
  if (unit > kMaxUnits) return false;
  uint32_t missing = static_cast<uint32_t>(unit) - space.end;
  uint32_t more = space.end / kGrowPart;
  if (more <= missing || space.end + more > kMaxUnits ||
      mem_sbrk(static_cast<intptr_t>(size_t{more} << kUnitBits)) ==
          reinterpret_cast<void *>(-1)) {
    more = missing;
    if (mem_sbrk(static_cast<intptr_t>(size_t{more} << kUnitBits)) ==
        reinterpret_cast<void *>(-1))
      return false;
  }
  uint32_t loose =
      space.loose_end > space.end ? space.loose_end - space.end : 0;
  if (more > loose) space.needed += more - loose;
  space.end += more;
  if (space.given_back && space.trim < 2 * space.given_back)
    space.trim = 2 * space.given_back;
  space.given_back = 0;
  return true;
}

// The units of a map that has the codes of all units below `end`, and of its
// own. It is a quarter longer than the one before, not twice as long: that is
// seldom enough to copy it, and less of it is unused.
uint32_t map_length(uint64_t end) {
  uint32_t units = space.mapped >> kUnitBits;
  uint32_t part = __libc_single_threaded ? 4 : 1;
  while ((uint64_t{units} << kUnitBits) < end + units)
    units += (units + part - 1) / part;
  return units;
}

// Where it has no room for `end`, the map moves to `unit`. Returns where the
// one before was, if nobody needs it; else 0.
uint32_t map_move(uint32_t unit, uint32_t units) {
  auto *map = reinterpret_cast<uint8_t *>(unit_at(unit));
  uint32_t before = space.map_end ? unit_of(space.map) : 0;
  std::memcpy(map, space.map, space.mapped);
  uint32_t mapped = units << kUnitBits;
  if constexpr (kSecure)
    std::memset(map + space.mapped, kFreeUnit, mapped - space.mapped);
  map_set(unit, units);
  space.mapped = mapped; // after the place: see known_code
  if (__libc_single_threaded || before == 0) return before;
  space.old_maps[space.old_count++] = before;
  return 0;
}

// Moves the top up by `units`, for the span at `unit`, which ends at the top
// and holds `bytes`, or for a new span if `unit` is 0. If that needs a longer
// map, and there is no free span for it, the map is put before the span, which
// moves up. Returns where the span is; 0: the space is exhausted, or the map
// has to move and must not.
uint32_t top_grow(uint32_t unit, uint32_t units, size_t bytes) {
  uint32_t length = 0, map = 0, before = 0, had = space.mapped >> kUnitBits;
  uint64_t end = uint64_t{space.top} + units;
  if (end > kMaxUnits || (end > space.mapped && space.map_stays)) return 0;
  if (end > space.mapped) {
    length = map_length(end);
    map = take_fit(space, length);
  }
  uint32_t below = map ? 0 : length;
  if (!brk_reach(end + below)) {
    if (map) span_give(space, map, length);
    return 0;
  }
  if (!unit) unit = space.top;
  if (below) {
    if (bytes) std::memmove(unit_at(unit + below), unit_at(unit), bytes);
    map = unit;
  }
  if (length) before = map_move(map, length);
  unit += below;
  space.top += below + units;
  if (space.top > space.top_seen) space.top_seen = space.top;
  code_of(unit) = 0; // the map before must not merge with it
  if (before) span_give(space, before, had);
  return unit;
}

// From the end of the heap; 0 if that is exhausted.
uint32_t take_top(uint32_t units) {
  return top_grow(0, units, 0);
}

// Between `least` and `most` units from `unit` on, where another span ends;
// returns how many. 0: there is no room.
uint32_t take_behind(Arena &arena, uint32_t unit, uint32_t least,
                     uint32_t most) {
  if (unit == arena.top)
    return uint64_t{unit} + most <= space.mapped && take_top(most) ? most : 0;
  if (!looks_free(unit) || free_at(unit)->units < least) return 0;
  uint32_t units = free_at(unit)->units < most ? free_at(unit)->units : most;
  take_from(arena, unit, units);
  return units;
}

// Units to leave free in front of an object of `have` units that is about to
// grow at the top. Without room there, the next small object would come to lie
// behind it: then it could grow no more where it is, and would leave a hole as
// long as itself. So it moves up by a 64th of itself; but only when no free
// span has half as much, so that the room is needed when it is copied. (Not
// while other threads may wait for the lock, and not in a settled space, where
// copies cost more than a hole.)
uint32_t room_below(uint32_t have) {
  constexpr uint32_t kRaisePart = 64;
  if (!__libc_single_threaded || space.loose_end) return 0;
  uint32_t room = have / kRaisePart, longest = find_long(space);
  uint32_t free = longest ? free_at(longest)->units : 0;
  return free < room / 2 ? room : 0;
}

// Has the last span, an object of `have` units, grow to `want`, and leaves it
// room below if there is some; returns its unit, see top_grow.
uint32_t top_resize(uint32_t unit, uint32_t have, uint32_t want) {
  size_t bytes = size_t{have} << kUnitBits;
  uint32_t room = room_below(have);
  uint32_t to = room ? top_grow(unit, want - have + room, bytes) : 0;
  if (!to) {
    to = top_grow(unit, want - have, bytes);
    if (to) mark_object(to, want);
    return to;
  }
  std::memmove(unit_at(to + room), unit_at(to), bytes);
  mark_object(to + room, want);
  span_give(space, to, room);
  return to + room;
}

// Makes the object, of `have` units, `want` units long where it lies; returns
// its unit, see top_resize, or 0: it cannot grow there.
uint32_t span_resize(Arena &arena, uint32_t unit, uint32_t have,
                     uint32_t want) {
  uint32_t behind = unit + have;
  if (want < have) {
    mark_object(unit, want);
    span_give(arena, unit + want, have - want);
    return unit;
  }
  if (behind == arena.top) return top_resize(unit, have, want);
  if (!looks_free(behind)) return 0;
  if (have + free_at(behind)->units < want) return 0;
  take_from(arena, behind, want - have);
  mark_object(unit, want);
  return unit;
}

// Slides an object of `have` units down into the free span before it, and on
// into what is free behind, when that gives it `want` units, more than it has.
// Returns its unit.
uint32_t span_slide(Arena &arena, uint32_t unit, uint32_t have, uint32_t want) {
  if (!is_free_before(unit)) return 0;
  uint32_t to = span_before(arena, unit), room = unit - to + have;
  if (room < want) {
    uint32_t more = take_behind(arena, unit + have, want - room, want - room);
    if (!more) return 0;
    room = want;
  }
  free_remove(arena, to);
  std::memmove(unit_at(to), unit_at(unit), size_t{have} << kUnitBits);
  mark_object(to, room);
  return room > want ? span_resize(arena, to, room, want) : to;
}

// Shall an object that grows slide down before it must? Where many grow, the
// hole that one leaves passes on from each to the next, and is used up on its
// way to the top; else each keeps what lies behind it, and all are too short
// for one that has to move. The copy has to gain a part of the object. (What
// ends at the top makes room in front of itself: see room_below.)
bool gains_by_slide(Arena &arena, uint32_t unit, uint32_t have) {
  constexpr uint32_t kGainPart = 8;
  if (unit + have == arena.top || !is_free_before(unit)) return false;
  return unit - span_before(arena, unit) >= have / kGainPart;
}

// An object of its own has at least so many units.
constexpr uint32_t kLeastUnits = 1;

// Shall a block of a page hold an object at such an address? It needs room to
// begin anywhere in the block; a span needs none, but whole units.
constexpr bool page_can_align(size_t align, size_t size) {
  size_t needed = size + align - kAlign;
  if (align > kUnitAlign || size > kPageMax || needed > kPageMax) return false;
  return kClassSize[class_of(needed)] < units_for(size) * kUnit;
}

// Units from this one on to the first whose address is a multiple of `align`.
inline uint32_t units_before(uint32_t unit, size_t align) {
  auto address = reinterpret_cast<uintptr_t>(unit_at(unit));
  return static_cast<uint32_t>(((0 - address) & (align - 1)) >> kUnitBits);
}

// A free span that has `units` from some multiple of `align` on. It looks at
// the first spans of each list, so what it finds is nearly the shortest. 0:
// none of these has them.
uint32_t find_aligned(Arena &arena, uint32_t units, size_t align) {
  for (uint32_t c = list_nonempty(arena, span_list(units)); c < kSpanLists;
       c = list_nonempty(arena, c + 1)) {
    uint32_t unit = arena.list[c];
    for (uint32_t left = arena.scan; unit && left > 0; left--) {
      if constexpr (kSecure) check_free_span(arena, unit);
      const FreeSpan *span = free_at(unit);
      if (units_before(unit, align) + units <= span->units) return unit;
      unit = span->next;
    }
  }
  return 0;
}

// ---- Giving back ------------------------------------------------------------

// What lay free above the top during the last two heartbeats goes back, except
// a quarter of it: the heap may grow into that soon. If it was too early once,
// `trim` is larger; from beat to beat it shrinks again, to half after 44 beats.
void top_give_back() {
  space.trim -= (space.trim - kIdleBytes) / 64;
  uint32_t used =
      space.top_seen > space.top_before ? space.top_seen : space.top_before;
  space.top_before = space.top_seen;
  space.top_seen = space.top;
  uint32_t idle = space.end - used;
  if ((size_t{idle} << kUnitBits) < space.trim) return;
  uint32_t give = idle - idle / 4;
  if (mem_sbrk(-static_cast<intptr_t>(size_t{give} << kUnitBits)) !=
      reinterpret_cast<void *>(-1)) {
    space.end -= give;
    if (space.needed > space.end) space.needed = space.end;
    space.given_back += size_t{give} << kUnitBits;
  }
}

// Gives back the memory of free spans that are long and old. Their first OS
// page stays, as it has the list's links, and the last one, as it has the foot.
void spans_give_back() {
  int left = kIdleScan;
  uint32_t c = span_list(static_cast<uint32_t>(kIdleBytes >> kUnitBits));
  for (c = list_nonempty(space, c); c < kSpanLists;
       c = list_nonempty(space, c + 1))
    for (uint32_t unit = space.list[c]; unit; unit = free_at(unit)->next) {
      if (left-- == 0) return;
      if constexpr (kSecure) check_free_span(space, unit);
      FreeSpan *span = free_at(unit);
      if (span->beat == kReleased || space.beat - span->beat < space.idle_beats)
        continue;
      size_t bytes = size_t{span->units} << kUnitBits;
      mem_release(reinterpret_cast<char *>(span) + sizeof(FreeSpan),
                  bytes - sizeof(FreeSpan) - sizeof(uint32_t));
      span->beat = kReleased;
    }
}

// Has the space settled? `taken`: the units that a heap took since its last
// heartbeat. A space that grows by more than a quarter is not settled any more,
// until as much as it has by then was taken so many times. (The hardened build
// never settles: there nothing waits.)
bool space_settles(uint64_t taken) {
  uint64_t enough =
      uint64_t{kSettledTurns} *
      (space.needed > kSettledLeast ? space.needed : kSettledLeast);
  space.taken += taken;
  if (space.taken > enough / 4 * 5) space.taken = enough / 4 * 5;
  bool settled = !kSecure && space.taken > enough;
  space.loose_end = settled ? space.needed + space.needed / kLoosePart : 0;
  return settled;
}

// Returns the units that a space which has settled needed to move the brk for;
// 0: it has not settled.
uint32_t space_heartbeat(uint64_t taken) {
  space.beat++;
  top_give_back();
  spans_give_back();
  return space_settles(taken) ? space.needed : 0;
}

// An empty space at the brk. It begins with unit 1, as 0 says that there is
// none: the base is a unit below.
bool space_reset() {
  auto at = reinterpret_cast<uintptr_t>(mem_sbrk(0));
  uintptr_t start = (at + kUnit - 1) & ~(kUnit - 1), base = start - kUnit;
  if (mem_sbrk(static_cast<intptr_t>(start - at)) ==
      reinterpret_cast<void *>(-1))
    return false;
  space.base = reinterpret_cast<char *>(base);
  space.top = space.end = space.top_seen = space.top_before = 1;
  space.needed = space.loose_end = 0;
  space.taken = 0;
  space.beat = 0;
  space.trim = kIdleBytes;
  space.given_back = 0;
  space.idle_beats = kIdleBeats;
  space.summary = 0;
  space.bitmap = {};
  space.list = {};
  space.map = first_map;
  space.mapped = kFirstMapped;
  space.map_end = 0;
  space.old_count = 0;
  space.map_stays = false;
  space.codes.store(reinterpret_cast<uintptr_t>(first_map) -
                        (base >> kUnitBits),
                    std::memory_order_release);
  for (auto &piece : space.regions)
    piece.store(nullptr, std::memory_order_relaxed);
  if constexpr (kSecure) mark_all(1, kFirstMapped - 1, kFreeUnit);
  return true;
}

} // namespace
} // namespace chaos
#endif
