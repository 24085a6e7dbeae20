// mm_again_test.cpp - mm.c in a heap that is used again and again in the same
// way: it must neither need more and more of it, nor give back each time what
// it needs the next.
#include "memlib.h"
#include "mm.h"
#include "tests/check.h"

#include <algorithm>
#include <cstdio>
#include <random>
#include <utility>
#include <vector>

extern "C" int mm_checkheap(int line);

namespace {

// One buffer grows by half, eight times over, and after each growth some small
// blocks come, of which a few stay until the end.
void grow_among_small_blocks(std::mt19937 &random, size_t limit) {
  std::vector<void *> kept;
  for (int round = 0; round < 8; round++) {
    void *buffer = nullptr;
    for (size_t size = 64; size < limit; size += size / 2) {
      buffer = mm_realloc(buffer, size);
      CHECK(buffer != nullptr);
      void *small[4];
      for (void *&p : small) p = mm_malloc(32 + random() % 32);
      for (void *p : small) {
        if (random() % 4 == 0)
          kept.push_back(p);
        else
          mm_free(p);
      }
    }
    mm_free(buffer);
  }
  for (void *p : kept) mm_free(p);
}

TEST(mm_heap_of_a_growing_buffer_stays_as_large) {
  const unsigned seed = std::random_device{}();
  const size_t before = mem_limit();
  CHECK_EQ(mem_reserve(size_t{64} << 20, nullptr), 0);
  CHECK_EQ(mm_init(), 0);
  size_t early = 0;
  for (int pass = 0; pass < 300; pass++) {
    std::mt19937 random(seed);
    grow_among_small_blocks(random, 3 << 20);
    if (pass == 9) early = mem_high_water();
  }
  if (mem_high_water() > early + early / 8) std::printf("    seed %u\n", seed);
  CHECK(mem_high_water() <= early + early / 8);
  CHECK(mm_checkheap(__LINE__));
  if (before) CHECK_EQ(mem_reserve(before, nullptr), 0);
}

// A buffer grows by small steps while small blocks come and go. The first one
// beside it cuts it off; the hole that it leaves must not stay for good, as one
// of them always waits between.
TEST(mm_growing_buffer_takes_the_hole_that_it_left) {
  const size_t before = mem_limit();
  CHECK_EQ(mem_reserve(size_t{1} << 20, nullptr), 0);
  CHECK_EQ(mm_init(), 0);
  size_t size = 4092;
  void *buffer = mm_malloc(size);
  void *small[2] = {mm_malloc(16), mm_malloc(16)};
  for (int i = 0; i < 4800; i++) {
    buffer = mm_realloc(buffer, size += 5);
    CHECK(buffer != nullptr);
    void *fresh = mm_malloc(16);
    mm_free(std::exchange(small[i % 2], fresh));
  }
  CHECK(mem_high_water() < size + size / 20);
  CHECK(mm_checkheap(__LINE__));
  if (before) CHECK_EQ(mem_reserve(before, nullptr), 0);
}

// Fills the heap with random blocks and empties it in another order.
void fill_and_empty(std::mt19937 &random) {
  std::vector<void *> blocks(1000);
  for (void *&p : blocks) {
    p = mm_malloc(1 + random() % (32 << 10));
    CHECK(p != nullptr);
  }
  std::shuffle(blocks.begin(), blocks.end(), random);
  for (void *p : blocks) mm_free(p);
}

TEST(mm_gives_an_empty_heap_back_but_not_again_and_again) {
  const unsigned seed = std::random_device{}();
  std::mt19937 random(seed);
  const size_t before = mem_limit();
  CHECK_EQ(mem_reserve(size_t{64} << 20, nullptr), 0);
  CHECK_EQ(mm_init(), 0);
  fill_and_empty(random);
  if (mem_heapsize() > mem_high_water() / 2) std::printf("    seed %u\n", seed);
  CHECK(mem_heapsize() <= mem_high_water() / 2);
  int gave_back = 0;
  for (int pass = 0; pass < 50; pass++) {
    fill_and_empty(random);
    gave_back += mem_heapsize() < mem_high_water() / 2;
  }
  if (gave_back > 2) std::printf("    %d of 50, seed %u\n", gave_back, seed);
  CHECK(gave_back <= 2);
  CHECK(mm_checkheap(__LINE__));
  if (before) CHECK_EQ(mem_reserve(before, nullptr), 0);
}

// With room on both sides of it, a block that grows in small steps slides into
// that in front now and then, not at each step.
TEST(mm_growth_in_small_steps_copies_rarely) {
  const size_t before = mem_limit();
  const size_t room = size_t{1} << 20;
  CHECK_EQ(mem_reserve(size_t{64} << 20, nullptr), 0);
  CHECK_EQ(mm_init(), 0);
  void *grower = mm_malloc(200000), *in_front = mm_malloc(room);
  void *block = mm_malloc(20000), *behind = mm_malloc(room);
  CHECK(mm_malloc(20000) != nullptr);
  mm_free(in_front);
  CHECK(mm_realloc(grower, 200100) == grower);
  mm_free(behind);
  int moves = 0;
  for (size_t size = 20000; size < room; size += 64) {
    void *to = mm_realloc(block, size);
    moves += to != block;
    block = to;
  }
  CHECK(moves <= 20);
  CHECK(mm_checkheap(__LINE__));
  if (before) CHECK_EQ(mem_reserve(before, nullptr), 0);
}

// The last block may grow into the hole in front of it: then the heap needs no
// more than it has, also if it could not have more.
TEST(mm_last_block_slides_in_a_full_heap) {
  const size_t before = mem_limit();
  const size_t limit = size_t{1} << 20;
  CHECK_EQ(mem_reserve(limit, nullptr), 0);
  CHECK_EQ(mm_init(), 0);
  void *first = mm_malloc(limit / 2 - 1000);
  void *last = mm_malloc(limit / 2 - 1000);
  const size_t heap = mem_high_water();
  mm_free(first);
  CHECK(mm_realloc(last, limit / 4 * 3) == first);
  CHECK_EQ(mem_high_water(), heap);
  CHECK(mm_checkheap(__LINE__));
  if (before) CHECK_EQ(mem_reserve(before, nullptr), 0);
}

} // namespace
