// shadow_test.cpp - the truth about payloads: overlap in every constellation,
// and the pattern that fills them.
#include "driver/shadow.hpp"
#include "tests/check.h"

#include <random>
#include <utility>
#include <vector>

using namespace driver;

namespace {

// A shadow with payloads [100, 200) and [300, 301).
Shadow two_blocks() {
  Shadow s;
  s.insert(100, {200, 100, 1, 0});
  s.insert(300, {301, 1, 2, 1});
  return s;
}

// The start of the payload that overlaps [start, end), or 0.
uintptr_t hit(Shadow &s, uintptr_t start, uintptr_t end) {
  Shadow::Entry found = s.overlapping(start, end);
  return found == s.none() ? 0 : found->first;
}

} // namespace

TEST(touching_is_no_overlap) {
  Shadow s = two_blocks();
  CHECK_EQ(hit(s, 50, 100), 0);
  CHECK_EQ(hit(s, 200, 300), 0);
  CHECK_EQ(hit(s, 301, 400), 0);
}

TEST(overlap_from_both_sides) {
  Shadow s = two_blocks();
  CHECK_EQ(hit(s, 50, 101), 100);
  CHECK_EQ(hit(s, 199, 250), 100);
  CHECK_EQ(hit(s, 299, 301), 300);
}

TEST(overlap_by_enclosing_either_way) {
  Shadow s = two_blocks();
  CHECK_EQ(hit(s, 120, 130), 100);
  CHECK_EQ(hit(s, 100, 200), 100);
  CHECK_EQ(hit(s, 50, 250), 100);
  CHECK_EQ(hit(s, 250, 1000), 300);
  CHECK_EQ(hit(s, 300, 301), 300);
}

TEST(block_at_or_below_an_address) {
  Shadow s = two_blocks();
  CHECK(s.at_or_below(99) == s.none());
  CHECK_EQ(s.at_or_below(100)->first, 100);
  CHECK_EQ(s.at_or_below(299)->first, 100);
  CHECK_EQ(s.at_or_below(UINTPTR_MAX)->first, 300);
}

// Random intervals against the obvious way to do it.
TEST(shadow_against_brute_force) {
  std::mt19937 random(20);
  Shadow shadow;
  std::vector<std::pair<uintptr_t, uintptr_t>> live;
  size_t overlaps = 0, inserts = 0;
  for (int i = 0; i < 20000; i++) {
    uintptr_t start = random() % 4000, end = start + 1 + random() % 60;
    bool want = false;
    for (auto [lo, hi] : live) want |= lo < end && start < hi;
    Shadow::Entry found = shadow.overlapping(start, end);
    CHECK_EQ(found != shadow.none(), want);
    if (want) {
      overlaps++;
      CHECK(found->first < end && start < found->second.end);
    } else {
      inserts++;
      shadow.insert(start, {end, end - start, 0, 0});
      live.emplace_back(start, end);
    }
    if (random() % 2 && !live.empty()) {
      size_t which = random() % live.size();
      shadow.erase(shadow.find(live[which].first));
      live[which] = live.back();
      live.pop_back();
    }
  }
  CHECK(overlaps > 1000 && inserts > 1000);
  CHECK_EQ(shadow.blocks().size(), live.size());
}

// ---- Patterns ---------------------------------------------------------------

TEST(pattern_of_every_part) {
  char block[256];
  for (size_t from = 0; from < 40; from += 3)
    for (size_t to = from; to < 200; to += 7) {
      for (char &c : block) c = 0x11;
      fill_pattern(block, from, to, 0x1234567890abcdef);
      CHECK_EQ(check_pattern(block, from, to, 0x1234567890abcdef), to);
      CHECK_EQ(int{block[to]}, 0x11);
      CHECK(from == 0 || block[from - 1] == 0x11);
    }
}

TEST(pattern_does_not_depend_on_how_it_was_filled) {
  unsigned char whole[100], parts[100];
  fill_pattern(whole, 0, 100, 99);
  fill_pattern(parts, 0, 13, 99);
  fill_pattern(parts, 13, 50, 99);
  fill_pattern(parts, 50, 100, 99);
  for (size_t i = 0; i < 100; i++) {
    CHECK_EQ(whole[i], parts[i]);
    CHECK_EQ(whole[i], pattern_byte(i, 99));
  }
}

TEST(pattern_finds_the_first_wrong_byte) {
  unsigned char block[100];
  for (size_t wrong = 0; wrong < 100; wrong++)
    for (unsigned bit = 0; bit < 8; bit++) {
      fill_pattern(block, 0, 100, 5);
      block[wrong] ^= static_cast<unsigned char>(1u << bit);
      if (wrong + 9 < 100) block[wrong + 9] ^= 1;
      CHECK_EQ(check_pattern(block, 0, 100, 5), wrong);
    }
}

// Content that was moved, or taken from another block, reads wrong.
TEST(pattern_differs_by_seed_and_offset) {
  unsigned char block[512];
  fill_pattern(block, 0, 512, 5);
  CHECK(check_pattern(block, 0, 512, 6) < 8);
  CHECK(check_pattern(block + 8, 0, 500, 5) < 8);
  CHECK(check_pattern(block + 256, 0, 256, 5) < 8);
}
