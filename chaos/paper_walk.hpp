// paper_walk.hpp - mm_walk of the paper's geometry. A part of mm_chaos.cpp. No
// other thread may be inside of the allocator meanwhile. There is no
// mm_checkheap.

namespace chaos {
namespace {

// A heap lies in the space like a small page.
bool is_heap(uint32_t unit) {
  for (Heap *heap = everyone.heaps; heap; heap = heap->next)
    if (heap != &first_heap && unit_of(heap) == unit) return true;
  return false;
}

void walk_pages(mm_visit *visit, void *ctx, Segment *s) {
  uint32_t units = s->kind == Kind::Small ? 1 : kPageUnits;
  visit(ctx, s, units * kUnit, MM_METADATA);
  for (uint32_t i = units; i < kSegmentUnits; i += units) {
    uint32_t unit = unit_of(s) + i;
    if (s->vacant >> i & 1)
      visit(ctx, unit_at(unit), units * kUnit, MM_FREE);
    else if (is_heap(unit))
      visit(ctx, unit_at(unit), units * kUnit, MM_METADATA);
    else
      walk_blocks(visit, ctx, page_at(unit));
  }
}

void walk_segment(mm_visit *visit, void *ctx, Segment *s) {
  auto bytes = [](char *from, char *to) {
    return static_cast<size_t>(to - from);
  };
  auto *start = reinterpret_cast<char *>(s);
  if (s->kind == Kind::Object) {
    visit(ctx, start, bytes(start, s->payload), MM_METADATA);
    visit(ctx, s->payload, bytes(s->payload, segment_end(s)), MM_ALLOCATED);
  } else if (s->kind == Kind::Free) {
    visit(ctx, start, bytes(start, segment_end(s)), MM_FREE);
  } else {
    walk_pages(visit, ctx, s);
  }
}

} // namespace
} // namespace chaos

extern "C" void mm_walk(mm_visit *visit, void *ctx) {
  Locked locked(everyone);
  auto *lo = static_cast<char *>(mem_heap_lo());
  if (space.base > lo)
    visit(ctx, lo, static_cast<size_t>(space.base - lo), MM_METADATA);
  for (uint32_t i = 0; i < space.segments;) {
    Segment *s = segment_of(i * kSegmentUnits);
    walk_segment(visit, ctx, s);
    i += s->count;
  }
}
