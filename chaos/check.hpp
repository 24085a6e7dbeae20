// check.hpp - mm_walk and mm_checkheap of the adaptive geometry. A part of
// mm_chaos.cpp, which lists the invariants C1 to C9. No other thread may be
// inside of the allocator meanwhile.

#include <cstdarg>
#include <cstdio>

namespace chaos {
namespace {

// ---- The walk ---------------------------------------------------------------

// Objects that wait in a heap are free to who walks, and marked meanwhile; in
// the hardened build they always are.
void mark_waiting(int change) {
  if (kSecure) return;
  for (Heap *heap = everyone.heaps; heap; heap = heap->next)
    for (Block *first : heap->waiting)
      for (Block *block = first; block; block = block_next(heap, block)) {
        uint8_t &code = code_of(unit_of(block));
        code = static_cast<uint8_t>(code + change);
      }
}

bool is_own(uint32_t unit) {
  if (unit_of(space.map) == unit) return true;
  for (uint32_t i = 0; i < space.old_count; i++)
    if (space.old_maps[i] == unit) return true;
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
  size_t free_spans = 0, listed = 0;

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

bool in_queue(const Heap *heap, const Page *page) {
  for (const Page *p = heap->first[page->size_class]; p != &empty_page;
       p = page_at(p->next)) {
    if (p == page) return true;
    if (!p->next) return false;
  }
  return false;
}

bool is_returned(const Heap *heap, const Page *page) {
  const Page *p = heap->returned.load(std::memory_order_acquire);
  for (; p; p = p->next_returned ? page_at(p->next_returned) : nullptr)
    if (p == page) return true;
  return false;
}

void check_page(Check &c, Page *page) {
  FreeBlocks lists;
  if (page->size_class >= kClasses || page->units > kPageUnits ||
      page->units == 0)
    return c.failed("C1", page, "%u units, class %u", page->units,
                    page->size_class);
  if (!lists.add(page, page->free) || !lists.add(page, page->local_free))
    return c.failed("C3", page, "a list has what is no block, or one twice");
  if (lists.count + page->used != page_capacity(page))
    return c.failed("C2", page, "%u used and %zu free of %zu blocks",
                    page->used, lists.count, page_capacity(page));
  if (!lists.add_remote(page))
    return c.failed("C3", page, "thread_free has no block, or one twice");
  for (uint32_t i = 0; i < page->units; i++)
    if (code_of(page_index(page) + i) != i)
      return c.failed("C1", page, "unit %u of it has code %u", i,
                      code_of(page_index(page) + i));
  Heap *heap = page_heap(page);
  bool full = page->owner.load(std::memory_order_relaxed) & kFull;
  if (full == in_queue(heap, page))
    c.failed("C5", page, "it is %sfull", full ? "in the queue and " : "not ");
  if (is_returned(heap, page) == !page->thread_free.load())
    c.failed("C5", page, "blocks on thread_free, or returned, but not both");
}

// The code of the span at `unit`, or what it was before it came to wait.
uint8_t code_in_use(uint32_t unit) {
  uint8_t code = code_of(unit);
  bool waits =
      kSecure && code > kObject + kSetAside && code <= kLong + kSetAside;
  return waits ? static_cast<uint8_t>(code - kSetAside) : code;
}

// The hardened build: what lies inside of the span has a code that says so.
void check_inside(Check &c, uint32_t unit, uint32_t units, uint8_t code) {
  for (uint32_t i = unit + 1; kSecure && i < unit + units; i++)
    if (code == kFreeUnit ? code_of(i) != kFreeUnit
                          : code_of(i) < kInside || code_of(i) >= 192)
      return c.failed("C1", unit_at(i), "inside of a span, its code is %u",
                      code_of(i));
}

// What begins at `unit`; returns its length, 0: it cannot be.
uint32_t check_span(Check &c, uint32_t unit, bool free_before) {
  uint8_t code = code_in_use(unit);
  uint32_t units = 0;
  if (code == 0)
    units = page_at(unit)->units;
  else if (code == kFreeUnit)
    units = free_at(unit)->units;
  else if (code > kObject && code <= kLong)
    units = object_units(unit_at(unit), code);
  if (units == 0 || units > space.top - unit) {
    c.failed("C1", unit_at(unit), "code %u and %u units cannot be here", code,
             units);
    return 0;
  }
  bool is_free = code == kFreeUnit;
  if ((code_of(unit + units - 1) == kFreeUnit) != is_free)
    c.failed("C1", unit_at(unit), "its first and last unit do not agree");
  if (code == 0)
    check_page(c, page_at(unit));
  else
    check_inside(c, unit, units, code);
  if (!is_free) return units;
  c.free_spans++;
  if (foot_before(unit + units) != units)
    c.failed("C7", unit_at(unit), "%u units, but %u at its end", units,
             foot_before(unit + units));
  if (free_before || unit + units == space.top)
    c.failed("C6", unit_at(unit), "it is behind a free span or below the top");
  return units;
}

void check_list(Check &c, uint32_t list) {
  bool bit = space.bitmap[list / 64] >> (list % 64) & 1;
  if (bit != (space.list[list] != 0))
    c.failed("C8", &space.list[list], "the bit of list %u is %d", list, bit);
  uint32_t before = 0;
  for (uint32_t unit = space.list[list]; unit; unit = free_at(unit)->next) {
    if (unit >= space.top || code_of(unit) != kFreeUnit ||
        span_list(free_at(unit)->units) != list ||
        free_at(unit)->prev != before || ++c.listed > c.free_spans)
      return c.failed("C7", unit_at(unit), "it is wrong on list %u", list);
    before = unit;
  }
}

void check_queue(Check &c, Heap *heap, size_t size_class) {
  uint32_t before = 0;
  size_t left = space.top;
  for (Page *page = heap->first[size_class]; page != &empty_page;) {
    uint32_t index = page_index(page);
    if (index >= space.top || code_of(index) != 0 ||
        page->size_class != size_class || page_heap(page) != heap ||
        page->prev != before || left-- == 0)
      return c.failed("C4", page, "it is wrong in the queue of class %zu",
                      size_class);
    before = index;
    if (!page->next) {
      if (heap->last[size_class] != index)
        c.failed("C4", page, "it is not the last of class %zu", size_class);
      return;
    }
    page = page_at(page->next);
  }
}

void check_heap(Check &c, Heap *heap) {
  for (size_t i = 0; i < kClasses; i++) check_queue(c, heap, i);
  for (uint32_t units = 1; units <= kWaitUnits; units++) {
    size_t left = space.top;
    for (Block *block = heap->waiting[units]; block;
         block = block_next(heap, block)) {
      uint32_t unit = unit_of(block);
      uint8_t code = unit < space.top ? code_in_use(unit) : kFreeUnit;
      if (code <= kObject || code > kLong ||
          object_units(unit_at(unit), code) != units || left-- == 0)
        return c.failed("C9", block, "no span of %u units waits here", units);
    }
  }
}

bool check_space(Check &c) {
  bool free_before = false;
  if (unit_at(space.end) != static_cast<char *>(mem_sbrk(0)))
    c.failed("C1", unit_at(space.end), "the space does not end at the brk");
  for (uint32_t unit = 1, units; unit < space.top; unit += units) {
    if (!(units = check_span(c, unit, free_before))) return false;
    free_before = code_of(unit) == kFreeUnit;
  }
  for (uint32_t list = 0; list < kSpanLists; list++) check_list(c, list);
  for (uint32_t w = 0; w < kSpanWords; w++)
    if ((space.summary >> w & 1) != (space.bitmap[w] != 0))
      c.failed("C8", &space.bitmap[w], "the bit of word %u is wrong", w);
  if (c.ok && c.listed != c.free_spans)
    c.failed("C7", space.list.data(), "%zu free spans, %zu on lists",
             c.free_spans, c.listed);
  return c.ok;
}

} // namespace
} // namespace chaos

extern "C" void mm_walk(mm_visit *visit, void *ctx) {
  Locked locked;
  auto *lo = static_cast<char *>(mem_heap_lo());
  visit(ctx, lo, static_cast<size_t>(unit_at(1) - lo), MM_METADATA);
  mark_waiting(kSetAside);
  for (uint32_t unit = 1; unit < space.top;)
    unit += walk_span(visit, ctx, unit);
  mark_waiting(-kSetAside);
  if (space.end > space.top)
    visit(ctx, unit_at(space.top), (space.end - space.top) * kUnit, MM_UNUSED);
}

extern "C" int mm_checkheap(int line) {
  Locked locked;
  Check c{line};
  if (check_space(c))
    for (Heap *heap = everyone.heaps; heap; heap = heap->next)
      check_heap(c, heap);
  return c.ok;
}
