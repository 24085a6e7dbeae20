// check.hpp - mm_walk and mm_checkheap of the adaptive geometry. A part of
// mm_chaos.cpp, which lists the invariants C1 to C12. No other thread may be
// inside of the allocator meanwhile.

#include <cstdarg>
#include <cstdio>

namespace chaos {
namespace {

// ---- The walk ---------------------------------------------------------------

// Objects that wait in a heap are free to who walks, and marked meanwhile. (In
// the hardened build none wait.)
void mark_waiting(int change) {
  for (Heap *heap = everyone.heaps; heap; heap = heap->next)
    for (Block *first : heap->waiting)
      for (Block *block = first; block; block = block_next(heap, block)) {
        uint8_t &code = code_of(unit_of(block));
        code = static_cast<uint8_t>(code + change);
      }
}

bool is_own(uint32_t unit) {
  if (space.map_end && unit_of(space.map) == unit) return true;
  for (uint32_t i = 0; i < space.old_count; i++)
    if (space.old_maps[i] == unit) return true;
  for (uint32_t i = 0; i < space.regions.size(); i++) {
    uint32_t first = i ? 1u << (kPieceBits + i - 1) : 0;
    const uint8_t *piece = region_piece(first).load(std::memory_order_acquire);
    if (piece && unit_of(piece + first) == unit) return true;
  }
  if (is_region(unit / kRegion))
    if (unit % kRegion == 0 || unit % kRegion == kRegion - 1) return true;
  for (Heap *heap = everyone.heaps; heap; heap = heap->next)
    if (heap != &first_heap && unit_of(heap) == unit) return true;
  return false;
}

// Visits what begins at `unit`, and returns its length.
uint32_t walk_span(mm_visit *visit, void *ctx, uint32_t unit) {
  uint8_t code = code_of(unit);
  if (code == 0) {
    visit(ctx, page_at(unit), sizeof(Page), MM_METADATA);
    walk_blocks(visit, ctx, page_at(unit));
    return page_at(unit)->units;
  }
  if (code == kFreeUnit) {
    uint32_t units = free_at(unit)->units;
    visit(ctx, unit_at(unit), units * kUnit, MM_FREE);
    return units;
  }
  bool waits = code > kLong;
  if (waits) code = static_cast<uint8_t>(code - kSetAside);
  if (kSecure && waits && is_own(unit)) waits = false;
  uint32_t units = object_units(unit_at(unit), code);
  visit(ctx, unit_at(unit), units * kUnit,
        waits          ? MM_FREE
        : is_own(unit) ? MM_METADATA
                       : MM_ALLOCATED);
  return units;
}

// ---- The checker ------------------------------------------------------------

struct Check {
  int line;
  bool ok = true;
  // What the walk over the space has found, and what was found of it since.
  size_t free_spans = 0, listed = 0; // but for empty regions
  size_t empty_regions = 0;
  size_t queueable = 0, queued = 0;   // pages that are not full
  size_t shared = 0, returned = 0;    // .. with blocks on thread_free
  size_t look_own = 0, own = 0;       // objects; the hardened build only
  size_t mixed = 0, listed_mixed = 0; // mixed pages with free granules
  std::array<size_t, kClasses + 1> page_bytes{};
  std::array<size_t, kMixedMost + 1> objects{}; // in mixed pages

  __attribute__((format(printf, 4, 5))) void
  failed(const char *invariant, const void *where, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fprintf(stderr, "mm_checkheap(%d): %s broken at %p: ", line, invariant,
            where);
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    ok = false;
  }
};

// The unit that begins at p; 0: none below the top does. For pointers that may
// be anything.
uint32_t unit_starting(const void *p) {
  size_t offset =
      reinterpret_cast<uintptr_t>(p) - reinterpret_cast<uintptr_t>(space.base);
  bool inside = offset >> kUnitBits < space.top && offset % kUnit == 0;
  return inside ? static_cast<uint32_t>(offset >> kUnitBits) : 0;
}

// In the hardened build that is how an object of the allocator's own differs
// from one in use.
bool looks_own(uint8_t code) {
  return kSecure && code > kObject + kSetAside && code <= kLong + kSetAside;
}

// The code of the span at `unit`, whoever's it is.
uint8_t code_in_use(uint32_t unit) {
  uint8_t code = code_of(unit);
  return looks_own(code) ? static_cast<uint8_t>(code - kSetAside) : code;
}

// Units of the object that begins at `unit`; 0: none can. The length of a long
// one may be read only if all of it is below the top.
uint32_t object_units_at(uint32_t unit) {
  uint8_t code = code_in_use(unit);
  if (code <= kObject || code > kLong) return 0;
  if (code == kLong && space.top - unit <= kShortMax) return 0;
  return object_units(unit_at(unit), code);
}

// An object of the allocator's own; of so many units, or 0: any.
void check_own(Check &c, uint32_t unit, uint32_t units) {
  uint32_t have = unit > 0 && unit < space.top ? object_units_at(unit) : 0;
  if (have == 0 || (units && have != units))
    c.failed("C1", unit_at(unit), "it is no map (of %u units)", units);
  c.own++;
}

// The rest relies on this. False: the codes of the units cannot be looked at.
bool check_map(Check &c) {
  if (unit_at(space.end) != static_cast<char *>(mem_sbrk(0)) ||
      space.top > space.end || space.top == 0) {
    c.failed("C1", unit_at(space.end), "the space does not end at the brk");
    return false;
  }
  bool first = space.map == first_map;
  uint32_t unit = first ? 0 : unit_starting(space.map), mapped = space.mapped;
  uint32_t end = first ? 0 : unit + (mapped >> kUnitBits);
  bool is_there = first ? mapped == kFirstMapped
                        : unit && mapped <= (space.top - unit) * kUnit;
  if (!is_there || mapped % kUnit != 0 || space.map_end != end ||
      space.top > mapped || codes_from(space.base) != space.map) {
    c.failed("C1", space.map, "the map is not there, or not of %u units",
             mapped);
    return false;
  }
  if (space.old_count > space.old_maps.size()) {
    c.failed("C1", &space.old_count, "%u maps are kept", space.old_count);
    return false;
  }
  if (unit) check_own(c, unit, mapped / kUnit);
  for (uint32_t i = 0; i < space.old_count; i++)
    check_own(c, space.old_maps[i], 0);
  return c.ok;
}

// Of everyone's; if these are not a list that ends, no page can be looked at.
bool check_heaps(Check &c) {
  size_t left = space.top;
  for (Heap *heap = everyone.heaps; heap; heap = heap->next) {
    uint32_t unit = heap == &first_heap ? 1 : unit_starting(heap);
    bool is_heap = heap == &first_heap ||
                   (unit && object_units_at(unit) ==
                                units_for(sizeof(Heap) + sizeof(Arena)));
    if (!is_heap || left-- == 0) {
      c.failed("C4", heap, "it is no heap, or one twice");
      return false;
    }
    if (heap != &first_heap) c.own++;
  }
  return true;
}

bool is_heap(const Heap *heap) {
  for (const Heap *h = everyone.heaps; h; h = h->next)
    if (h == heap) return true;
  return false;
}

// A mixed page. Each row of granules in use is one of objects, each of which
// ends.
void check_granules(Check &c, Page *page) {
  uint64_t head = bits_below(kHeadGranules), taken = page->taken & ~head;
  uint64_t all =
      bits_below(static_cast<uint32_t>(page->units * kUnit / kAlign));
  uint64_t ends = page->ends;
  if ((page->taken & head) != head || (taken & ~all) || (ends & ~taken) ||
      (taken & ~(taken >> 1) & ~ends))
    c.failed("C12", page, "%#llx taken, and ends %#llx",
             static_cast<unsigned long long>(page->taken),
             static_cast<unsigned long long>(ends));
  mixed_each(page, [&](uint32_t n) {
    if (n == 0 || n > kMixedMost)
      c.failed("C12", page, "an object of %u granules", n);
    else
      c.objects[n]++;
  });
  if (page->longest != longest_row(mixed_free(page)))
    c.failed("C12", page, "its longest row has %u granules, not %u",
             longest_row(mixed_free(page)), page->longest);
  if (page->longest) c.mixed++;
}

void check_blocks(Check &c, Page *page, FreeBlocks &lists) {
  if (!lists.add(page, page->free) || !lists.add(page, page->local_free))
    return c.failed("C3", page, "a list has what is no block, or one twice");
  if (lists.count + page_used(page) != page_capacity(page))
    return c.failed("C2", page, "%u used and %zu free of %zu blocks",
                    page_used(page), lists.count, page_capacity(page));
  if (!(page->owner.load(std::memory_order_relaxed) & kFull))
    c.queueable++;
  else if (page_is_held(page))
    c.failed("C2", page, "no queue has it, and one holds on to it");
}

void check_page(Check &c, Page *page) {
  if (page->size_class >= kClasses + kMixes || page->units > kPageUnits ||
      page->units == 0)
    return c.failed("C1", page, "%u units, class %u", page->units,
                    page->size_class);
  for (uint32_t i = 0; i < page->units; i++)
    if (code_of(page_index(page) + i) != i)
      return c.failed("C1", page, "unit %u of it has code %u", i,
                      code_of(page_index(page) + i));
  uintptr_t reasons = page->owner.load(std::memory_order_relaxed) & kReasons;
  bool mixed = page_is_mixed(page);
  if (mixed ? reasons != kMixed || page->units > kMixedUnits : reasons & kMixed)
    return c.failed("C12", page, "mixed: %d, with %u units and the reasons %zu",
                    mixed, page->units, static_cast<size_t>(reasons));
  if (!is_heap(page_heap(page)))
    return c.failed("C4", page, "its owner is no heap");
  FreeBlocks lists;
  if (mixed)
    check_granules(c, page);
  else
    check_blocks(c, page, lists);
  if (!c.ok) return;
  if (!lists.add_remote(page))
    return c.failed("C3", page, "thread_free has no block, or one twice");
  c.page_bytes[page->size_class] += page->units * kUnit;
  if (page->thread_free.load(std::memory_order_relaxed)) c.shared++;
}

// The hardened build: what lies inside of the span has a code that says so.
void check_inside(Check &c, uint32_t unit, uint32_t units, uint8_t code) {
  for (uint32_t i = unit + 1; kSecure && i < unit + units; i++)
    if (code == kFreeUnit ? code_of(i) != kFreeUnit
                          : code_of(i) < kInside || code_of(i) >= 192)
      return c.failed("C1", unit_at(i), "inside of a span, its code is %u",
                      code_of(i));
}

bool in_empty_region(uint32_t unit) {
  uint32_t block = unit / kRegion;
  return is_region(block) && is_empty_region(block);
}

// What begins at `unit`; returns its length, 0: it cannot be.
uint32_t check_span(Check &c, uint32_t unit, bool free_before) {
  uint8_t code = code_in_use(unit);
  uint32_t units = object_units_at(unit);
  if (code == 0)
    units = page_at(unit)->units;
  else if (code == kFreeUnit)
    units = free_at(unit)->units;
  if (units == 0 || units > space.top - unit) {
    c.failed("C1", unit_at(unit), "code %u and %u units cannot be here", code,
             units);
    return 0;
  }
  bool is_free = code == kFreeUnit;
  if ((code_of(unit + units - 1) == kFreeUnit) != is_free)
    c.failed("C1", unit_at(unit), "its first and last unit do not agree");
  if (looks_own(code_of(unit))) c.look_own++;
  if (code == 0)
    check_page(c, page_at(unit));
  else
    check_inside(c, unit, units, code);
  if (!is_free) return units;
  if (!in_empty_region(unit)) c.free_spans++;
  if (foot_before(unit + units) != units)
    c.failed("C7", unit_at(unit), "%u units, but %u at its end", units,
             foot_before(unit + units));
  if (free_before || unit + units == space.top)
    c.failed("C6", unit_at(unit), "it is behind a free span or below the top");
  return units;
}

void check_list(Check &c, Arena &arena, uint32_t list) {
  bool bit = arena.bitmap[list / 64] >> (list % 64) & 1;
  if (bit != (arena.list[list] != 0))
    c.failed("C8", &arena.list[list], "the bit of list %u is %d", list, bit);
  uint32_t before = 0;
  for (uint32_t unit = arena.list[list]; unit; unit = free_at(unit)->next) {
    if (unit >= space.top || code_of(unit) != kFreeUnit ||
        span_list(free_at(unit)->units) != list ||
        free_at(unit)->prev != before || &arena_of(unit) != &arena ||
        ++c.listed > c.free_spans)
      return c.failed("C7", unit_at(unit), "it is wrong on list %u", list);
    before = unit;
  }
}

void check_arena(Check &c, Arena &arena) {
  for (uint32_t list = 0; list < kSpanLists; list++) check_list(c, arena, list);
  for (uint32_t bit = kSpanLists; bit < 64 * kSpanWords; bit++)
    if (arena.bitmap[bit / 64] >> (bit % 64) & 1)
      c.failed("C8", &arena.bitmap[bit / 64], "there is no list %u", bit);
  for (uint32_t w = 0; w < 64; w++)
    if ((arena.summary >> w & 1) != (w < kSpanWords && arena.bitmap[w] != 0))
      c.failed("C8", &arena.summary, "the bit of word %u is wrong", w);
}

// Its head and tail are as they must be; counts it if it is empty.
void check_region(Check &c, uint32_t block) {
  const Arena *arena = region_at(block)->arena;
  const Heap *heap = everyone.heaps;
  while (heap && (heap->arena != arena || arena == &space)) heap = heap->next;
  if (!heap) return c.failed("C11", region_at(block), "it is of no arena");
  uint32_t first = block * kRegion, last = first + kRegion - 1;
  if (code_in_use(first) != kObject + 1 || code_in_use(last) != kObject + 1)
    c.failed("C11", region_at(block), "its ends have codes %u and %u",
             code_of(first), code_of(last));
  c.empty_regions += is_empty_region(block);
  c.own += 2;
}

// All that are empty are on the lists of their arenas.
void check_regions(Check &c) {
  for (const auto &piece : space.regions)
    c.own += piece.load(std::memory_order_relaxed) != nullptr;
  for (uint32_t block = 1; block <= space.top / kRegion; block++)
    if (is_region(block)) check_region(c, block);
  if (!c.ok) return;
  size_t left = c.empty_regions;
  for (Heap *heap = everyone.heaps; heap; heap = heap->next) {
    Arena *arena = heap->arena;
    uint32_t count = 0;
    for (uint32_t block = arena->empty; block; count++) {
      if (!is_region(block) || region_at(block)->arena != arena ||
          !is_empty_region(block) || left-- == 0)
        return c.failed("C11", arena, "block %u is no empty region of it",
                        block);
      block = region_at(block)->next;
    }
    if (count != arena->empties)
      c.failed("C11", arena, "%u empty regions, but it counts %u", count,
               arena->empties);
  }
  if (left) c.failed("C11", &space, "%zu empty regions are on no list", left);
}

void check_lists(Check &c) {
  check_arena(c, space);
  for (Heap *heap = everyone.heaps; heap; heap = heap->next)
    if (heap->arena != &space) check_arena(c, *heap->arena);
  check_regions(c);
  if (c.ok && c.listed != c.free_spans)
    c.failed("C7", space.list.data(), "%zu free spans, %zu on lists",
             c.free_spans, c.listed);
}

// A link to a page leads to one. (What lies inside of an object may look like
// one, but has no reason to have a link back.)
bool is_page(const Page *page) {
  uint32_t unit = unit_starting(page);
  return unit && code_of(unit) == 0 && page->size_class <= kClasses;
}

void check_queue(Check &c, Heap *heap, size_t size_class) {
  uint32_t before = 0, held = 0;
  for (Page *page = heap->first[size_class]; page != &empty_page;) {
    if (!is_page(page) || page->size_class != size_class ||
        page_heap(page) != heap || page->prev != before)
      return c.failed("C4", page, "it is wrong in the queue of class %zu",
                      size_class);
    c.queued++;
    held += page_is_held(page);
    if (page_is_alone(page) ? !page_is_held(page) : page->used == 0)
      c.failed("C2", page, "its queue does not hold on to it");
    if (page->owner.load(std::memory_order_relaxed) & kFull)
      c.failed("C5", page, "it is in a queue and full");
    before = page_index(page);
    if (!page->next) {
      if (heap->last[size_class] != before)
        c.failed("C4", page, "it is not the last of class %zu", size_class);
      break;
    }
    page = page_at(page->next);
  }
  if (held != heap->held[size_class])
    c.failed("C2", heap, "%u pages of class %zu are held, it counts %u", held,
             size_class, heap->held[size_class]);
}

bool is_mixed_of(const Heap *heap, const Page *page) {
  return is_page(page) && page_is_mixed(page) && page_heap(page) == heap;
}

void check_mixed_list(Check &c, const Heap *heap, uint32_t n) {
  const MixedPages &pages = heap->mixed;
  if ((pages.listed >> n & 1) != (n <= kMixedMost && pages.first[n] != 0))
    return c.failed("C12", heap, "its bit for mixed pages with %u granules", n);
  uint32_t before = 0, index = n <= kMixedMost ? pages.first[n] : 0;
  for (; index; index = page_at(index)->next) {
    const Page *page = page_at(index);
    if (!is_mixed_of(heap, page) || page->longest != n ||
        page->prev != before || ++c.listed_mixed > c.mixed)
      return c.failed("C12", page, "it is wrong among those of %u granules", n);
    before = index;
  }
}

void check_mixed(Check &c, const Heap *heap) {
  for (uint32_t n = 0; n < 32; n++) check_mixed_list(c, heap, n);
  for (uint32_t n = 0; n <= kMixedMost; n++)
    c.objects[n] -= heap->mixed.objects[n];
  if (uint32_t newest = heap->mixed.newest)
    if (!is_mixed_of(heap, page_at(newest)))
      c.failed("C12", page_at(newest), "the newest mixed page is none");
}

// Pages may be on the list of another heap than theirs, which then passes them
// on.
void check_returned(Check &c, const Heap *heap) {
  Page *page = heap->returned.load(std::memory_order_acquire);
  while (page) {
    if (!is_page(page) || !page->thread_free.load(std::memory_order_relaxed) ||
        ++c.returned > c.shared)
      return c.failed("C5", page, "it is wrong on a list `returned`");
    page = page->next_returned ? page_at(page->next_returned) : nullptr;
  }
}

void check_waiting(Check &c, const Heap *heap, uint32_t units) {
  if (heap->waiting[units] &&
      !(heap->has_waiting[units / 64] >> (units % 64) & 1))
    c.failed("C9", heap, "no bit says that spans of %u units wait", units);
  size_t left = space.top;
  for (Block *block = heap->waiting[units]; block;
       block = block_next(heap, block)) {
    uint32_t unit = unit_starting(block);
    if (!unit || object_units_at(unit) != units || left-- == 0)
      return c.failed("C9", block, "no span of %u units waits here", units);
  }
}

void check_heap(Check &c, Heap *heap) {
  for (size_t i = 0; i < kClasses; i++) {
    check_queue(c, heap, i);
    c.page_bytes[i] -= heap->page_bytes[i];
  }
  c.page_bytes[kMixedClass] -= heap->page_bytes[kMixedClass];
  check_mixed(c, heap);
  check_returned(c, heap);
  for (uint32_t units = 0; units <= kWaitUnits; units++)
    check_waiting(c, heap, units);
}

bool check_space(Check &c) {
  bool free_before = false;
  for (uint32_t unit = 1, units; unit < space.top; unit += units) {
    if (!(units = check_span(c, unit, free_before))) return false;
    free_before = code_of(unit) == kFreeUnit;
  }
  check_lists(c);
  return c.ok;
}

void check_thread(Check &c, const Thread *thread) {
  for (size_t i = 0; i < thread->at_hand.size(); i++)
    if (thread->at_hand[i] != thread->heap->first[kClassTable[i]])
      c.failed("C4", thread->at_hand[i],
               "a thread has it at hand for %zu bytes", i * kAlign);
}

// The heaps, when the walk over the space has found all as it should be.
void check_all_heaps(Check &c) {
  for (Heap *heap = everyone.heaps; heap; heap = heap->next)
    check_heap(c, heap);
  if (!c.ok) return;
  if (c.queued != c.queueable)
    c.failed("C5", everyone.heaps, "%zu pages are not full, %zu in queues",
             c.queueable, c.queued);
  if (c.listed_mixed != c.mixed)
    c.failed("C12", everyone.heaps,
             "%zu mixed pages have free granules, %zu are on lists", c.mixed,
             c.listed_mixed);
  if (c.returned != c.shared)
    c.failed("C5", everyone.heaps,
             "%zu pages have blocks on thread_free, %zu are returned", c.shared,
             c.returned);
  if (kSecure && c.look_own != c.own)
    c.failed("C1", everyone.heaps, "%zu objects look the allocator's, %zu are",
             c.look_own, c.own);
  for (uint32_t n = 0; n <= kMixedMost; n++)
    if (c.objects[n] != 0)
      c.failed("C12", everyone.heaps, "the count of objects of %u granules", n);
  for (size_t i = 0; i <= kMixedClass; i++)
    if (c.page_bytes[i] != 0)
      c.failed("C10", everyone.heaps, "the bytes of class %zu's pages", i);
  for (Thread *t = everyone.threads; c.ok && t; t = t->next) check_thread(c, t);
}

} // namespace
} // namespace chaos

extern "C" void mm_walk(mm_visit *visit, void *ctx) {
  Locked locked(everyone);
  auto *lo = static_cast<char *>(mem_heap_lo());
  if (auto before = static_cast<size_t>(unit_at(1) - lo))
    visit(ctx, lo, before, MM_UNUSED);
  mark_waiting(kSetAside);
  for (uint32_t unit = 1; unit < space.top;)
    unit += walk_span(visit, ctx, unit);
  mark_waiting(-kSetAside);
  if (space.end > space.top)
    visit(ctx, unit_at(space.top), (space.end - space.top) * kUnit, MM_UNUSED);
}

extern "C" int mm_checkheap(int line) {
  Locked locked(everyone);
  Check c{line};
  if (check_map(c) && check_heaps(c) && check_space(c)) check_all_heaps(c);
  return c.ok;
}
