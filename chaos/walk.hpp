// walk.hpp - the blocks of a page, for mm_walk and mm_checkheap of both
// geometries. A part of mm_chaos.cpp.
#ifndef CHAOS_WALK_HPP
#define CHAOS_WALK_HPP

namespace chaos {
namespace {

// Which blocks of a page are on its lists.
struct FreeBlocks {
  std::array<uint64_t, kPageUnits * kUnit / kAlign / 64> bits{};
  size_t count = 0;

  bool has(size_t i) const { return bits[i / 64] >> (i % 64) & 1; }

  // False: what the list has is no block of the page, or is there twice.
  bool add(Page *page, const Block *block) {
    size_t size = page_block_size(page);
    for (; block; block = block_next(page, block)) {
      auto *at = reinterpret_cast<const char *>(block);
      if (at < page_start(page)) return false;
      auto offset = static_cast<size_t>(at - page_start(page));
      if (offset % size || offset / size >= page_capacity(page)) return false;
      size_t i = offset / size;
      if (has(i)) return false;
      bits[i / 64] |= 1ull << (i % 64);
      count++;
    }
    return true;
  }

  bool add_remote(Page *page) {
    return add(page, page->thread_free.load(std::memory_order_acquire));
  }
};

// Visits what follows a page's head.
void walk_blocks(mm_visit *visit, void *ctx, Page *page) {
  FreeBlocks lists;
  lists.add(page, page->free);
  lists.add(page, page->local_free);
  lists.add_remote(page);
  char *at = page_start(page), *end = page_end(page);
  for (size_t i = 0; i < page_capacity(page); i++, at += page_block_size(page))
    visit(ctx, at, page_block_size(page),
          lists.has(i) ? MM_FREE : MM_ALLOCATED);
  if (at < end) visit(ctx, at, static_cast<size_t>(end - at), MM_UNUSED);
}

} // namespace
} // namespace chaos
#endif
