// space_test.cpp - where the heap's bytes were when the payload was at its
// peak, on an allocator whose every byte is known.
#include "driver/space.hpp"

#include "driver/check.hpp"
#include "memlib.h"
#include "tests/check.h"

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

using namespace driver;

namespace {

// Blocks of 64 bytes, one behind the other, below which lie 100 bytes of
// tables; above them, 36 bytes that are no block yet.
struct Toy {
  std::vector<bool> used;
} toy;

int toy_init() {
  toy.used.clear();
  mem_sbrk(100 + 36);
  return 0;
}
void *toy_malloc(size_t size) {
  if (size > 64) return nullptr;
  mem_sbrk(64);
  toy.used.push_back(true);
  return static_cast<char *>(mem_heap_lo()) + 100 + 64 * (toy.used.size() - 1);
}
void toy_free(void *p) {
  if (!p) return;
  auto at = static_cast<char *>(p) - static_cast<char *>(mem_heap_lo()) - 100;
  size_t block = static_cast<size_t>(at) / 64;
  toy.used[block] = false;
  if (block + 1 < toy.used.size()) return;
  toy.used.pop_back();
  mem_sbrk(-64);
}
void toy_walk(mm_visit *visit, void *ctx) {
  char *at = static_cast<char *>(mem_heap_lo());
  visit(ctx, at, 100, MM_METADATA);
  at += 100;
  for (bool used : toy.used) {
    visit(ctx, at, 64, used ? MM_ALLOCATED : MM_FREE);
    at += 64;
  }
  visit(ctx, at, 36, MM_UNUSED);
}

Space measure(const char *ops, Allocator a) {
  Trace t = parse_trace("x.rep", std::string("1 1 1 0\n") + ops, {1 << 20, 16});
  Progress progress;
  SpaceReport report;
  measure_space(t, a, progress, report);
  return space_of(t, report);
}

Space measure(const char *ops, bool walk = true) {
  mem_reserve(1 << 20, nullptr);
  Allocator a;
  a.init_symbol = reinterpret_cast<void *>(toy_init);
  a.fn.malloc = toy_malloc;
  a.fn.free = toy_free;
  if (walk) a.fn.walk = toy_walk;
  return measure(ops, a);
}

// One block, of whole OS pages, which go when it is freed.
int one_init() {
  return 0;
}
void *one_malloc(size_t size) {
  return mem_sbrk(static_cast<intptr_t>(size));
}
void one_free(void *) {
  mem_sbrk(-static_cast<intptr_t>(mem_heapsize()));
}

} // namespace

TEST(breakdown_at_the_peak) {
  // At the peak: 60 + 40 live, a free block between them.
  Space s = measure("a 0 60\na 1 1\na 2 1\nf 1\nf 2\na 4 40\nf 4\n");
  CHECK_EQ(s.high_water, 136 + 3 * 64);
  CHECK_EQ(s.utilization, 100.0 / (136 + 3 * 64));
  CHECK(s.at_peak.has_value());
  const Breakdown &b = *s.at_peak;
  CHECK_EQ(b.payload, 100);
  CHECK_EQ(b.internal, 4 + 24);
  CHECK_EQ(b.external, 64);
  CHECK_EQ(b.metadata, 100);
  CHECK_EQ(b.unused, 36);
  CHECK_EQ(b.payload + b.internal + b.external + b.metadata + b.unused +
               b.above,
           s.high_water);
}

// The brk had been higher than it was at the peak.
TEST(breakdown_knows_what_lies_above_the_brk) {
  Space s = measure("a 0 1\na 1 1\na 2 1\nf 2\nf 1\na 3 64\n");
  CHECK_EQ(s.high_water, 136 + 3 * 64);
  CHECK_EQ(s.at_peak->above, 64);
  CHECK_EQ(s.at_peak->payload, 65);
}

TEST(without_a_walk_there_is_no_breakdown) {
  Space s = measure("a 0 60\n", false);
  CHECK(!s.at_peak.has_value());
  CHECK_EQ(s.utilization, 60.0 / 200);
}

// Less heap than payload: a block was handed out twice.
TEST(a_heap_that_is_too_small) {
  mem_reserve(1 << 20, nullptr);
  Trace t = parse_trace("x.rep", "1 1 1 0\na 0 60\n", {1 << 20, 16});
  CHECK_EQ(claims_too_much(t, 60), "");
  CHECK_EQ(claims_too_much(t, 59),
           "x.rep: its heap reached 59 bytes, but 60 bytes of payload were "
           "live: it hands out memory twice");
  t.peak_payload = 2 << 20; // which could not be live at the same time
  CHECK_EQ(claims_too_much(t, 59), "");
}

// It is no utilization above 100 % either.
TEST(utilization_above_one_is_refused) {
  Trace t = parse_trace("x.rep", "1 1 1 0\na 0 60\n", {1 << 20, 16});
  SpaceReport report;
  report.high_water = 30;
  CHECK_EQ(space_of(t, report).utilization, 0.0);
  report.high_water = 60;
  CHECK_EQ(space_of(t, report).utilization, 1.0);
}

// Pages that an earlier phase touched do not count; what was given back counts
// no more; a payload is touched in all of its pages.
TEST(touched_pages_over_time) {
  const size_t page = mem_pagesize();
  mem_reserve(1 << 20, nullptr);
  std::memset(mem_sbrk(1 << 19), 1, 1 << 19);
  Allocator a;
  a.init_symbol = reinterpret_cast<void *>(one_init);
  a.fn.malloc = one_malloc;
  a.fn.free = one_free;
  std::string size = std::to_string(10 * page);
  std::string ops = "a 0 " + size + "\nf 0\na 1 1\nf 1\n";
  Space s = measure(ops.c_str(), a);
  CHECK(s.touched.has_value());
  CHECK_EQ(s.touched->peak, 10 * page);
  CHECK_EQ(s.touched->end, 0);
  const uint64_t touched[] = {10 * page, 0, page, 0},
                 payload[] = {10 * page, 0, 1, 0};
  for (size_t i = 0; i < Touched::kSteps; i++) {
    CHECK_EQ(s.touched->over_time[i], touched[i * 4 / Touched::kSteps]);
    CHECK_EQ(s.touched->payload[i], payload[i * 4 / Touched::kSteps]);
  }
}

TEST(a_system_allocator_has_no_touched_pages) {
  Allocator a;
  a.simulated = false;
  a.fn.malloc = std::malloc;
  a.fn.free = std::free;
  CHECK(!measure("a 0 60\nf 0\n", a).touched.has_value());
}

// Or the driver's patience with one operation would end while it touches or
// verifies a payload of some GB itself.
TEST(large_payloads_are_progress) {
  constexpr size_t kHeap = 4 * Progress::kOwnBytes;
  mem_reserve(kHeap, nullptr);
  Allocator a;
  a.init_symbol = reinterpret_cast<void *>(one_init);
  a.fn.malloc = one_malloc;
  a.fn.free = one_free;
  std::string text = "1 1 1 0\na 0 " + std::to_string(kHeap) + "\nf 0\n";
  Trace t = parse_trace("x.rep", text, {kHeap, 16});
  Progress touching, checking;
  SpaceReport space;
  measure_space(t, a, touching, space);
  CHECK(touching.own >= 3);
  CheckReport report;
  CHECK(check_trace(t, a, {}, 1, checking, report));
  CHECK(checking.own >= 6); // filled and verified
  CHECK(checking.moves() > uint64_t{checking.op} + checking.pass);
}
