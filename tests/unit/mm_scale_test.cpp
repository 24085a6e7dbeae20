// mm_scale_test.cpp - mm.c in a heap of 64 GiB: links and sizes that do not
// fit 32 bits of bytes, blocks of more than 4 GiB, and what is too large. The
// payloads are left alone, so that only headers take memory.
#include "config.h"
#include "memlib.h"
#include "mm.h"
#include "tests/check.h"

#include <cerrno>
#include <cstdint>
#include <iterator>
#include <map>
#include <random>
#include <vector>

extern "C" int mm_checkheap(int line);
extern "C" size_t mm_usable_size(void *ptr);

namespace {

constexpr size_t kGiB = size_t{1} << 30;
// Links are 32-bit and count units, of which 64 GiB have 2^32 at 16 bytes.
constexpr size_t kHeap = ALIGNMENT >= 16 ? 64 * kGiB : 32 * kGiB;
constexpr size_t kBlock = kHeap / 64;

// A test in a heap of its own size; afterwards it is as large as before.
template <class Body> void in_large_heap(Body body, size_t limit = kHeap) {
  if (check::kSanitized) return check::skip("too large for a sanitizer");
  size_t before = mem_limit();
  if (mem_reserve(limit, nullptr) == 0) {
    CHECK_EQ(mm_init(), 0);
    body();
  } else {
    check::skip("no range of that many addresses");
  }
  if (before) CHECK_EQ(mem_reserve(before, nullptr), 0);
}

// The live blocks by their place; a new one must not touch its neighbours.
using Blocks = std::map<uintptr_t, size_t>;

bool put(Blocks &live, void *p, size_t size) {
  auto at = reinterpret_cast<uintptr_t>(p);
  auto next = live.lower_bound(at);
  bool apart = next == live.end() || at + size <= next->first;
  if (next != live.begin()) {
    auto prev = std::prev(next);
    apart = apart && prev->first + prev->second <= at;
  }
  live[at] = size;
  return apart && at % ALIGNMENT == 0 &&
         at >= reinterpret_cast<uintptr_t>(mem_heap_lo()) &&
         at + size - 1 <= reinterpret_cast<uintptr_t>(mem_heap_hi());
}

TEST(mm_fills_the_largest_heap) {
  in_large_heap([] {
    std::vector<void *> blocks;
    Blocks live;
    errno = 0;
    while (void *p = mm_malloc(kBlock)) {
      CHECK(put(live, p, kBlock));
      blocks.push_back(p);
    }
    CHECK_EQ(errno, ENOMEM);
    CHECK(blocks.size() >= 63);
    CHECK(mm_checkheap(__LINE__));

    for (size_t i = 0; i < blocks.size(); i += 2) mm_free(blocks[i]);
    CHECK(mm_checkheap(__LINE__));
    for (size_t i = 0; i < blocks.size(); i += 2)
      CHECK(live.count(reinterpret_cast<uintptr_t>(mm_malloc(kBlock))));
    CHECK(mm_checkheap(__LINE__));
    // From the end down: what is free there is given back piece by piece.
    for (auto at = live.rbegin(); at != live.rend(); ++at)
      mm_free(reinterpret_cast<void *>(at->first));
    CHECK(mm_checkheap(__LINE__));
    CHECK(mem_heapsize() < kHeap / 16);
  });
}

TEST(mm_blocks_beyond_4_gib) {
  in_large_heap([] {
    // The header says up to 2^29 units.
    size_t size = (size_t{ALIGNMENT} << 29) / 8 * 7;
    void *first = mm_malloc(100);
    std::vector<void *> blocks;
    Blocks live;
    for (int i = 0; i < 8; i++) {
      blocks.push_back(mm_malloc(size));
      CHECK(blocks.back());
      CHECK(put(live, blocks.back(), size));
    }
    CHECK(mm_checkheap(__LINE__));
    // Neighbours that are free and too large for one header stay two.
    for (void *p : blocks) mm_free(p);
    CHECK(mm_checkheap(__LINE__));
    for (int i = 0; i < 8; i++) CHECK(mm_malloc(size));
    CHECK(mm_checkheap(__LINE__));
    mm_free(first);
  });
}

// What is free beside a block may be more than one header can say together
// with it: 8 GiB at an alignment of 16.
TEST(mm_reallocs_beside_large_free_blocks) {
  in_large_heap([] {
    constexpr size_t kPart = kHeap / 64; // eight are the largest block
    void *a = mm_malloc(5 * kPart), *b = mm_malloc(6 * kPart);
    void *last = mm_malloc(5 * kPart);
    mm_free(b);
    CHECK(mm_checkheap(__LINE__));
    CHECK(mm_realloc(a, 7 * kPart) == a); // into what is free behind
    CHECK(mm_checkheap(__LINE__));
    CHECK(mm_realloc(a, 5 * kPart) == a);
    CHECK(mm_checkheap(__LINE__));
    CHECK(mm_realloc(last, 7 * kPart) == last); // not into what is in front
    CHECK(mm_checkheap(__LINE__));
    mm_free(a);
    mm_free(last);
    CHECK(mm_checkheap(__LINE__));
  });
}

// A free block behind one that grew, and too large to be merged with it when
// that is freed, is on another list from then on.
TEST(mm_large_free_block_behind_a_grown_one) {
  in_large_heap([] {
    constexpr size_t kPart = kHeap / 64;
    void *grower = mm_malloc(5 * kPart), *behind = mm_malloc(5 * kPart);
    void *next = mm_malloc(1000), *last = mm_malloc(1000);
    mm_free(behind);
    CHECK(mm_realloc(grower, 5 * kPart + 4096) == grower);
    mm_free(grower);
    CHECK(mm_checkheap(__LINE__));
    mm_free(next); // is merged with what is in front
    CHECK(mm_checkheap(__LINE__));
    Blocks live;
    for (int i = 0; i < 20; i++)
      CHECK(put(live, mm_malloc(2 * kPart), 2 * kPart));
    CHECK(mm_checkheap(__LINE__));
    mm_free(last);
  });
}

// What is free behind it leaves a rest that is too short for a block: so the
// block gets it, too.
TEST(mm_grows_to_the_largest_block) {
  in_large_heap([] {
    constexpr size_t kUnits = (size_t{1} << 29) - 1, kHeader = 4;
    constexpr size_t kLess = 16 / ALIGNMENT - 1; // than the smallest block
    constexpr size_t kHalf = kUnits / 2;
    for (size_t more : {size_t{0}, kLess, 2 * kLess}) {
      CHECK_EQ(mm_init(), 0);
      void *p = mm_malloc(kHalf * ALIGNMENT - kHeader);
      void *behind = mm_malloc((kUnits - kHalf + more) * ALIGNMENT - kHeader);
      void *guard = mm_malloc(100);
      size_t largest = (kUnits - kLess) * ALIGNMENT - kHeader;
      CHECK(p && behind && guard);
      mm_free(behind);
      CHECK(mm_realloc(p, largest + 1) == nullptr);
      CHECK(mm_realloc(p, largest) == p);
      CHECK(mm_usable_size(p) >= largest);
      CHECK(mm_checkheap(__LINE__));
    }
  });
}

// Two free blocks that were too long to be one, of which the top becomes
// shorter as the brk moves down.
TEST(mm_gives_back_beside_a_large_free_block) {
  in_large_heap([] {
    constexpr size_t kPart = kHeap / 64; // eight are the largest block
    void *a = mm_malloc(6 * kPart), *b = mm_malloc(6 * kPart);
    mm_free(a);
    CHECK(mm_checkheap(__LINE__));
    mm_free(b);
    CHECK(mem_heapsize() < 12 * kPart);
    CHECK(mm_checkheap(__LINE__));
    CHECK(mm_malloc(6 * kPart) == a);
    CHECK(mm_checkheap(__LINE__));
  });
}

TEST(mm_takes_no_more_than_its_links_reach) {
  in_large_heap(
      [] {
        std::vector<void *> blocks;
        while (void *p = mm_malloc(4 * kBlock)) blocks.push_back(p);
        CHECK_EQ(errno, ENOMEM);
        CHECK(mem_heapsize() <= kHeap);
        CHECK_EQ(blocks.size(), size_t{15});
        for (size_t size = kBlock; size > 0; size /= 2) // the rest, to the end
          while (mm_malloc(size))
            ;
        for (void *p : blocks) mm_free(p); // too large to be merged
        CHECK(mm_checkheap(__LINE__));
      },
      kHeap + kHeap / 2);
}

TEST(mm_sizes_above_fail_cleanly) {
  in_large_heap([] {
    void *p = mm_malloc(1000);
    size_t before = mem_heapsize();
    for (size_t size : {size_t{ALIGNMENT} << 29, kHeap, SIZE_MAX / 2,
                        SIZE_MAX - 4, SIZE_MAX}) {
      errno = 0;
      CHECK(mm_malloc(size) == nullptr);
      CHECK_EQ(errno, ENOMEM);
      CHECK(mm_realloc(p, size) == nullptr);
    }
    CHECK_EQ(mem_heapsize(), before);
    CHECK(mm_checkheap(__LINE__));
    mm_free(p);
  });
}

TEST(mm_random_blocks_in_the_largest_heap) {
  in_large_heap([] {
    std::mt19937_64 random(std::random_device{}());
    Blocks live;
    std::vector<uintptr_t> places;
    size_t total = 0, failed = 0;
    for (int i = 0; i < 20000; i++) {
      // As many bytes of each doubling, from 16 bytes to 128 MiB.
      size_t size = size_t{16} << random() % 23;
      size += random() % size;
      if (total + size < kHeap / 8 * 7) {
        void *p = mm_malloc(size);
        failed += p == nullptr;
        if (p == nullptr) continue;
        CHECK(put(live, p, size));
        places.push_back(reinterpret_cast<uintptr_t>(p));
        total += size;
      }
      if (random() % 4 == 0 || total + size >= kHeap / 8 * 7) {
        std::swap(places[random() % places.size()], places.back());
        auto block = live.find(places.back());
        total -= block->second;
        mm_free(reinterpret_cast<void *>(block->first));
        live.erase(block);
        places.pop_back();
      }
      if (i % 1000 == 0) CHECK(mm_checkheap(__LINE__));
    }
    CHECK_EQ(failed, 0);
    CHECK(mem_high_water() > kHeap / 2);
    for (uintptr_t at : places) mm_free(reinterpret_cast<void *>(at));
    CHECK(mm_checkheap(__LINE__));
  });
}

} // namespace
