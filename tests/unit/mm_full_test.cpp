// mm_full_test.cpp - mm.c in a heap that is exhausted: a request fails only if
// no free block has room for it.
#include "memlib.h"
#include "mm.h"
#include "tests/check.h"

#include <cstddef>
#include <vector>

extern "C" int mm_checkheap(int line);

namespace {

constexpr size_t kHeap = size_t{4} << 20;

void start_small_heap() {
  CHECK_EQ(mem_reserve(kHeap, nullptr), 0);
  CHECK_EQ(mm_init(), 0);
}

void fill_heap() {
  for (size_t size : {size_t{500}, size_t{200}, size_t{12}})
    while (mm_malloc(size))
      ;
}

// A search looks at the first few blocks of a list only, as long as there is
// anything else. Here 40 blocks that are too small lie in front of the one.
TEST(mm_full_heap_is_searched_to_the_end_of_a_list) {
  const size_t before = mem_limit();
  start_small_heap();
  std::vector<void *> holes;
  for (int i = 0; i < 41; i++) { // one list is for 20480 to 21500 bytes
    holes.push_back(mm_malloc(i == 0 ? 20960 : 20496));
    CHECK(mm_malloc(20000) != nullptr);
  }
  fill_heap();
  for (void *hole : holes) mm_free(hole);
  CHECK(mm_malloc(20900) == holes[0]);
  CHECK(mm_checkheap(__LINE__));
  if (before) CHECK_EQ(mem_reserve(before, nullptr), 0);
}

// The same where all are kept for blocks in front of them that grow.
TEST(mm_full_heap_is_searched_behind_growing_blocks) {
  const size_t before = mem_limit();
  start_small_heap();
  std::vector<void *> growing, holes;
  for (int i = 0; i < 41; i++) {
    growing.push_back(mm_malloc(3000));
    holes.push_back(mm_malloc(i == 40 ? 600000 : 3000));
    CHECK(mm_malloc(3000) != nullptr);
  }
  fill_heap();
  for (size_t i = holes.size(); i-- > 0;) { // the last one is searched last
    mm_free(holes[i]);
    CHECK(mm_realloc(growing[i], 3100) == growing[i]);
  }
  CHECK(mm_malloc(400000) != nullptr);
  CHECK(mm_checkheap(__LINE__));
  if (before) CHECK_EQ(mem_reserve(before, nullptr), 0);
}

// The last block may have all that is left, as a new one may.
TEST(mm_full_heap_grows_its_last_block_to_the_limit) {
  const size_t before = mem_limit();
  start_small_heap();
  size_t most = kHeap;
  void *p = mm_malloc(most);
  for (; !p; p = mm_malloc(most)) most--;
  mm_free(p);
  p = mm_malloc(kHeap / 2);
  CHECK(p != nullptr);
  CHECK(mm_realloc(p, most) == p);
  CHECK(mm_checkheap(__LINE__));
  if (before) CHECK_EQ(mem_reserve(before, nullptr), 0);
}

// Also one that is too short to be cut: what is left could not be a block.
TEST(mm_full_heap_gives_all_that_the_top_has) {
  const size_t before = mem_limit();
  const size_t limit = size_t{64} << 10; // freed, it stays in the heap
  CHECK_EQ(mem_reserve(limit, nullptr), 0);
  CHECK_EQ(mm_init(), 0);
  size_t most = limit;
  void *p = mm_malloc(most);
  for (; !p; p = mm_malloc(most)) most--;
  for (size_t less = 0; less < 40; less++) {
    mm_free(p);
    p = mm_malloc(most - less);
    CHECK(p != nullptr);
    CHECK(mm_checkheap(__LINE__));
    mm_free(p);
    p = mm_malloc(5000);
    CHECK(mm_realloc(p, most - less) == p);
    CHECK(mm_checkheap(__LINE__));
  }
  if (before) CHECK_EQ(mem_reserve(before, nullptr), 0);
}

// What is set aside for small blocks is given back, merges with what is free
// beside it, and is then on another list than the one of the size.
TEST(mm_full_heap_finds_what_the_nest_merges_with) {
  const size_t before = mem_limit();
  start_small_heap();
  void *first = mm_malloc(3000), *second = mm_malloc(3000);
  while (mm_malloc(3000))
    ;
  fill_heap();
  for (int i = 0; i < 200; i++) CHECK(mm_malloc(3000) == nullptr);
  mm_free(first);
  CHECK(mm_malloc(40) == first); // the rest is set aside for the next ones
  mm_free(second);
  CHECK(mm_malloc(5000) != nullptr);
  CHECK(mm_checkheap(__LINE__));
  if (before) CHECK_EQ(mem_reserve(before, nullptr), 0);
}

} // namespace
