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

// The same for a mixed page: its objects, and the rows of free granules. What
// other threads freed is free to who walks.
void walk_granules(mm_visit *visit, void *ctx, Page *page) {
  FreeBlocks freed;
  freed.add_remote(page);
  auto count = static_cast<uint32_t>(page->units * kUnit / kAlign);
  for (uint32_t i = kHeadGranules, n; i < count; i += n) {
    auto *at = reinterpret_cast<char *>(page) + i * kAlign;
    bool taken = page->taken >> i & 1;
    uint64_t rest = (taken ? page->ends << 1 : page->taken) >> i & ~uint64_t{1};
    n = rest ? static_cast<uint32_t>(__builtin_ctzll(rest)) : count - i;
    bool used = taken && !freed.has(i - kHeadGranules);
    visit(ctx, at, n * kAlign, used ? MM_ALLOCATED : MM_FREE);
  }
}

// Visits what follows a page's head.
void walk_blocks(mm_visit *visit, void *ctx, Page *page) {
  if (page_is_mixed(page)) return walk_granules(visit, ctx, page);
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
