// timing_test.cpp - medians and spreads, and the replay that is timed.
#include "driver/timing.hpp"

#include "driver/clock.hpp"
#include "driver/replay.hpp"
#include "memlib.h"
#include "tests/check.h"

using namespace driver;

TEST(figure_of_values) {
  CHECK_EQ(figure_of({}).median, 0.0);
  CHECK_EQ(figure_of({7}).median, 7.0);
  CHECK_EQ(figure_of({7}).spread, 0.0);
  CHECK_EQ(figure_of({3, 1}).median, 2.0);
  CHECK_EQ(figure_of({9, 1, 5}).median, 5.0);
  CHECK_EQ(figure_of({4, 1, 3, 2}).median, 2.5);
}

// Half the distance between the quartiles, as a part of the median.
TEST(spread_of_values) {
  CHECK_EQ(figure_of({1, 2, 3, 4, 5}).spread, 1.0 / 3);
  CHECK_EQ(figure_of({4, 4, 4, 4, 1000}).spread, 0.0); // one outlier
  CHECK_EQ(figure_of({0, 0, 0}).spread, 0.0);          // no division by 0
}

TEST(least_of_values) {
  CHECK_EQ(least_of({}), 0.0);
  CHECK_EQ(least_of({3, 1000, 2}), 2.0);
}

TEST(the_clock_never_runs_backwards) {
  uint64_t last = now_ns();
  for (int i = 0; i < 10000; i++) {
    uint64_t now = now_ns();
    CHECK(now >= last);
    last = now;
  }
  CHECK(clock_cost_ns() >= 0 && clock_cost_ns() < 1e5);
}

// ---- Replay -----------------------------------------------------------------

namespace {

std::string calls; // what the fake allocator was asked for
char block[8][64];
int next_block;

void *give() {
  return block[next_block++ % 8];
}
void log(const std::string &text) {
  calls += (calls.empty() ? "" : " ") + text;
}
std::string name(void *p) {
  if (!p) return "-";
  return std::to_string((static_cast<char *>(p) - block[0]) / 64);
}

Functions fake() {
  Functions fn{};
  fn.malloc = [](size_t n) {
    log("malloc(" + std::to_string(n) + ")");
    return give();
  };
  fn.free = [](void *p) { log("free(" + name(p) + ")"); };
  fn.realloc = [](void *p, size_t n) -> void * {
    log("realloc(" + name(p) + "," + std::to_string(n) + ")");
    return n == 0 || n > 1000 ? nullptr : give();
  };
  fn.calloc = [](size_t n, size_t s) {
    log("calloc(" + std::to_string(n) + "," + std::to_string(s) + ")");
    return give();
  };
  fn.memalign = [](size_t a, size_t n) {
    log("memalign(" + std::to_string(a) + "," + std::to_string(n) + ")");
    return give();
  };
  return fn;
}

struct Observer {
  size_t stop_before = SIZE_MAX, stop_after = SIZE_MAX, befores = 0, afters = 0;
  bool before(size_t i, const Op &, void *) {
    befores++;
    return i != stop_before;
  }
  bool after(size_t i, const Op &, void *, void *) {
    afters++;
    return i != stop_after;
  }
};

bool play(const char *ops, Observer &observer) {
  Trace t = parse_trace("x.rep", std::string("1 1 1 0\n") + ops, {1 << 30, 16});
  std::vector<void *> slots(t.slots, nullptr);
  calls.clear();
  next_block = 0;
  return replay(t, t.ops, fake(), slots.data(), observer);
}

} // namespace

TEST(replay_calls_what_the_trace_says) {
  Observer o;
  CHECK(play("a 0 5\nr 0 6\nc 1 2 3\nm 2 64 7\nf 0\nf -1\nr 3 9\nf 2\nf 1\n"
             "f 3\n",
             o));
  CHECK_EQ(calls,
           "malloc(5) realloc(0,6) calloc(2,3) memalign(64,7) free(1) free(-) "
           "realloc(-,9) free(3) free(2) free(4)");
  CHECK(o.befores == 10 && o.afters == 10);
}

TEST(replay_keeps_the_block_of_a_realloc_that_failed) {
  Observer o;
  CHECK(play("a 0 5\nr 0 2000\nf 0\na 1 5\nr 1 0\nf 1\n", o));
  CHECK_EQ(calls, "malloc(5) realloc(0,2000) free(0) malloc(5) realloc(1,0) "
                  "free(-)");
}

TEST(replay_ends_when_the_observer_says_so) {
  Observer before{.stop_before = 1}, after{.stop_after = 1};
  CHECK(!play("a 0 1\na 1 2\na 2 3\n", before));
  CHECK_EQ(calls, "malloc(1)");
  CHECK(!play("a 0 1\na 1 2\na 2 3\n", after));
  CHECK_EQ(calls, "malloc(1) malloc(2)");
}

// The replay's own cost, which is subtracted from all figures.
TEST(nothing_costs_something) {
  Trace t = parse_trace("x", "1 1 1 0\na 0 5\nr 0 9\nf 0\n", {1 << 30, 16});
  std::vector<void *> slots(t.slots, nullptr);
  Progress progress;
  RoundReport report;
  report.passes = 1000;
  time_round(t, load_allocator("nothing"), slots.data(), false, progress,
             report);
  CHECK(!report.failed);
  CHECK(report.ns > 0 && report.ns < 1e5);
}

// ---- How long a heap serves -------------------------------------------------

namespace {

int heaps;         // how often the allocator was started
bool out_of_heap;  // it was asked for more than the heap has
void *free_blocks; // one block, if any; free() of a bump allocator drops it

int start_heap() {
  heaps++;
  free_blocks = nullptr;
  return 0;
}

void *bump(size_t size) {
  void *p = mem_sbrk(static_cast<intptr_t>(size));
  out_of_heap = out_of_heap || p == reinterpret_cast<void *>(-1);
  return p;
}

// Two rounds of 500 passes, of which the first needs a tenth of the heap.
RoundReport two_rounds(Functions fn, const char *ops = "a 0 100000\nf 0\n") {
  CHECK_EQ(mem_reserve(1 << 20, nullptr), 0);
  heaps = 0;
  out_of_heap = false;
  Trace t = parse_trace("x", std::string("1 1 1 0\n") + ops, {1 << 20, 16});
  std::vector<void *> slots(t.slots, nullptr);
  Allocator allocator;
  allocator.fn = fn;
  allocator.init_symbol = reinterpret_cast<void *>(start_heap);
  Progress progress;
  RoundReport report;
  report.passes = 500;
  for (int i = 0; i < 2; i++)
    time_round(t, allocator, slots.data(), false, progress, report);
  mem_deinit();
  return report;
}

} // namespace

TEST(a_heap_that_stays_as_it_is_serves_all_rounds) {
  Functions fn{};
  fn.malloc = [](size_t size) {
    void *p = free_blocks ? free_blocks : bump(size);
    free_blocks = nullptr;
    return p;
  };
  fn.free = [](void *p) { free_blocks = p; };
  for (const char *ops : {"a 0 100000\nf 0\n", "a 0 900000\nf 0\n"}) {
    RoundReport report = two_rounds(fn, ops);
    CHECK(!report.failed);
    CHECK(report.ns > 0);
    CHECK_EQ(report.last_high_water, report.high_water);
    CHECK_EQ(heaps, 1);
  }
}

TEST(a_heap_is_replaced_before_it_is_used_up) {
  Functions fn{};
  fn.malloc = bump;
  fn.free = [](void *) {};
  RoundReport report = two_rounds(fn);
  CHECK(!report.failed);
  CHECK(report.ns > 0);
  CHECK(!out_of_heap);
  CHECK(report.last_high_water > report.high_water);
  CHECK(heaps >= 100); // at most ten passes on each
}

// All memory is used again in the second pass, but for a few bytes, and none of
// it later: there is no room for a third pass.
TEST(a_heap_is_replaced_if_a_pass_might_not_find_room) {
  Functions fn{};
  fn.malloc = [](size_t size) {
    static void *first;
    if (free_blocks == nullptr) return free_blocks = first = bump(size);
    if (free_blocks != first) return bump(size);
    free_blocks = bump(16);
    return first;
  };
  fn.free = [](void *) {};
  RoundReport report = two_rounds(fn, "a 0 600000\nf 0\n");
  CHECK(!report.failed);
  CHECK(!out_of_heap);
}

// Each pass after the first takes half as much again: not all that was freed
// was found again.
TEST(a_heap_is_replaced_in_time_if_later_passes_need_more) {
  Functions fn{};
  fn.malloc = [](size_t size) {
    void *p = bump(free_blocks ? size + size / 2 : size);
    free_blocks = &free_blocks;
    return p;
  };
  fn.free = [](void *) {};
  RoundReport report = two_rounds(fn);
  CHECK(!report.failed);
  CHECK(report.ns > 0);
  CHECK(!out_of_heap);
}
