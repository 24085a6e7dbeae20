// mixed.hpp - pages for objects of several sizes. A part of mm_chaos.cpp.
//
// A program uses many sizes, and of most of them only a few objects. A page for
// each of these sizes would be mostly unused: it has a head, and is cut into
// more blocks than are needed. So small objects, like larger ones, get a place
// of just their length until their class is worth pages. Larger ones get
// spans; small ones get rows of *granules*, of kAlign bytes each, in a mixed
// page, which has up to 64 of them, with the head. Two words say what they are:
//
//   taken  111 11 1111 0 11 000 111 0000 ..   a bit for each granule in use
//   ends   000 01 0001 0 01 000 001 0000 ..   .. for the last one of an object
//         head
//
// An object's length is found by the bits of its own granules, which do not
// change as long as it is in use: so any thread may ask for it. All else is for
// the page's owner. The lists `free` and `local_free` give their place to the
// two words. What other threads free comes by thread_free, as in all pages.
//
// A heap lists its mixed pages by the longest row of free granules that they
// have, so one scan for a bit finds the page that fits best.
//
// (Bitmaps of blocks in use are common: for the runs of jemalloc, say, of one
// size each. A second bitmap, in place of headers, is for objects of any size,
// as in the mark bits of many garbage collectors.)
#ifndef CHAOS_MIXED_HPP
#define CHAOS_MIXED_HPP

#ifdef CHAOS_PAPER
#include "chaos/paper.hpp"
#else
#include "chaos/region.hpp"
#endif

namespace chaos {
namespace {

constexpr uint32_t kGranules = 64; // the most in a page
constexpr uint32_t kMixedUnits = kGranules * kAlign / kUnit;
constexpr uint32_t kHeadGranules = sizeof(Page) / kAlign;
static_assert(sizeof(Page) % kAlign == 0);
// Objects have up to so many. Up to there each number of granules is a class.
constexpr uint32_t kMixedMost = 16;
constexpr size_t kMixedMax = kMixedMost * kAlign;
static_assert(!kMixes || kClassSize[kMixedMost - 1] == kMixedMax);

// The mixed pages of a heap.
struct MixedPages {
  // By `longest`, linked by `next` and `prev`: page_index; 0: none.
  std::array<uint32_t, kMixedMost + 1> first{};
  uint32_t listed = 0; // bit n: there is a first[n]
  uint32_t newest = 0; // the page that was made last; it may grow
  // Of objects of so many granules: those in use, and all that there were.
  std::array<uint32_t, kMixedMost + 1> objects{}, ever{};
};

constexpr uint32_t granules_for(size_t size) {
  return size ? static_cast<uint32_t>((size + kAlign - 1) / kAlign) : 1;
}

inline uint32_t granule_of(const Page *page, const void *p) {
  auto bytes =
      reinterpret_cast<uintptr_t>(p) - reinterpret_cast<uintptr_t>(page);
  return static_cast<uint32_t>(bytes / kAlign);
}

// Bits 0 to n - 1.
constexpr uint64_t bits_below(uint32_t n) {
  return n < 64 ? (uint64_t{1} << n) - 1 : UINT64_MAX;
}

inline uint64_t mixed_free(const Page *page) {
  auto count = static_cast<uint32_t>(page->units * kUnit / kAlign);
  return bits_below(count) & ~page->taken;
}

inline bool mixed_is_empty(const Page *page) {
  return page->taken == bits_below(kHeadGranules);
}

// Only the owner writes `ends`. Relaxed, as the bits that a thread looks for
// were there before it got the object. (In C++20 what is const cannot be read
// atomically.)
inline uint64_t mixed_ends(const Page *page) {
  auto &ends = const_cast<uint64_t &>(page->ends);
  return std::atomic_ref(ends).load(std::memory_order_relaxed);
}

inline void mixed_set_ends(Page *page, uint64_t ends) {
  std::atomic_ref(page->ends).store(ends, std::memory_order_relaxed);
}

// Granules of the object that begins at p.
inline uint32_t mixed_length(const Page *page, const void *p) {
  uint64_t ends = mixed_ends(page) >> granule_of(page, p);
  return static_cast<uint32_t>(__builtin_ctzll(ends)) + 1;
}

// ---- Rows of free granules --------------------------------------------------

// Where n free granules in a row begin; the first at a multiple of `align`.
constexpr uint64_t rows_of(uint64_t free, uint32_t n, size_t align) {
  for (uint32_t have = 1, more; have < n; have += more) {
    more = have < n - have ? have : n - have;
    free &= free >> more;
  }
  if (align == kAlign) return free;
  uint64_t aligned = 1;
  for (size_t step = align / kAlign; step < kGranules; step *= 2)
    aligned |= aligned << step;
  return free & aligned;
}

// Granules in the longest row; of no more than an object may have. From rows of
// one, two, four and eight it puts together the longest that there is.
constexpr uint32_t longest_row(uint64_t free) {
  static_assert(kMixedMost == 16);
  std::array<uint64_t, 4> rows{free};
  for (size_t i = 1; i < rows.size(); i++)
    rows[i] = rows[i - 1] & rows[i - 1] >> (1 << (i - 1));
  if (rows[3] & rows[3] >> 8) return kMixedMost;
  uint64_t longest = UINT64_MAX;
  uint32_t n = 0;
  for (size_t i = rows.size(); i-- > 0;)
    if (uint64_t longer = longest & rows[i] >> n) {
      longest = longer;
      n += 1u << i;
    }
  return n;
}
static_assert(longest_row(0) == 0 && longest_row(0b1011'1110'1111) == 5);
static_assert(longest_row(UINT64_MAX) == 16 && longest_row(0x7fff0) == 15);

// ---- The lists --------------------------------------------------------------

// A page without free granules is on no list.
inline void mixed_list(MixedPages &pages, Page *page) {
  uint32_t n = longest_row(mixed_free(page));
  page->longest = static_cast<uint16_t>(n);
  if (n == 0) return;
  uint32_t &first = pages.first[n];
  page->prev = 0;
  page->next = first;
  if (first) page_at(first)->prev = page_index(page);
  first = page_index(page);
  pages.listed |= 1u << n;
}

inline void mixed_unlist(MixedPages &pages, Page *page) {
  uint32_t n = page->longest;
  if (n == 0) return;
  if (page->next) page_at(page->next)->prev = page->prev;
  if (page->prev)
    page_at(page->prev)->next = page->next;
  else
    pages.first[n] = page->next;
  if (!pages.first[n]) pages.listed &= ~(1u << n);
}

// Its free granules are others now.
inline void mixed_relist(MixedPages &pages, Page *page) {
  if (longest_row(mixed_free(page)) == page->longest) return;
  mixed_unlist(pages, page);
  mixed_list(pages, page);
}

inline void mixed_make(MixedPages &pages, Page *page, Heap *owner,
                       uint32_t units) {
  page->taken = bits_below(kHeadGranules);
  mixed_set_ends(page, 0);
  page->thread_free.store(nullptr, std::memory_order_relaxed);
  page->owner.store(reinterpret_cast<uintptr_t>(owner) | kMixed,
                    std::memory_order_release);
  page->size_class = kMixedClass;
  page->units = static_cast<uint8_t>(units);
  pages.newest = page_index(page);
  mixed_list(pages, page);
}

// ---- Objects ----------------------------------------------------------------

// In the lowest place; nullptr: the page has none.
inline Block *mixed_take_from(MixedPages &pages, Page *page, uint32_t n,
                              size_t align) {
  uint64_t rows = rows_of(mixed_free(page), n, align);
  if (!rows) return nullptr;
  auto i = static_cast<uint32_t>(__builtin_ctzll(rows));
  page->taken |= bits_below(n) << i;
  mixed_set_ends(page, page->ends | uint64_t{1} << (i + n - 1));
  mixed_relist(pages, page);
  pages.objects[n]++;
  pages.ever[n]++;
  return reinterpret_cast<Block *>(reinterpret_cast<char *>(page) + i * kAlign);
}

// An object of n granules, at a multiple of `align`, which is at most
// kUnitAlign. Looks at the first page of each list; nullptr: these have no
// place.
inline Block *mixed_take(MixedPages &pages, uint32_t n, size_t align) {
  for (uint32_t lists = pages.listed >> n << n; lists; lists &= lists - 1) {
    Page *page =
        page_at(pages.first[static_cast<size_t>(__builtin_ctz(lists))]);
    if (Block *block = mixed_take_from(pages, page, n, align)) return block;
  }
  return nullptr;
}

inline void mixed_give(MixedPages &pages, Page *page, const Block *block) {
  uint32_t i = granule_of(page, block), n = mixed_length(page, block);
  page->taken &= ~(bits_below(n) << i);
  mixed_set_ends(page, page->ends & ~(uint64_t{1} << (i + n - 1)));
  mixed_relist(pages, page);
  pages.objects[n]--;
}

// Calls `visit` with the number of granules of each object.
template <class Visit> void mixed_each(const Page *page, const Visit &visit) {
  uint64_t taken = page->taken & ~bits_below(kHeadGranules);
  for (uint64_t ends = page->ends; ends; ends &= ends - 1) {
    uint64_t object = taken & (ends ^ (ends - 1)); // and all below
    visit(static_cast<uint32_t>(__builtin_popcountll(object)));
    taken &= ~object;
  }
}

} // namespace
} // namespace chaos
#endif
