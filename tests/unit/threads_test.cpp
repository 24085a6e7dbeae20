// threads_test.cpp - who does what in a replay with threads, in what order, and
// that the check sees what goes wrong there.
#include "driver/threads.hpp"

#include "driver/check.hpp"
#include "driver/replay.hpp"
#include "driver/timing.hpp"
#include "memlib.h"
#include "tests/check.h"

#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <sched.h>
#include <set>

using namespace driver;

namespace {

Trace trace_of(const std::string &ops, uint32_t replicas = 0,
               bool own_slots = false) {
  Trace t = parse_trace("x.rep", "1 1 1 0\n" + ops, {1 << 30, 16, own_slots});
  t.replicas = replicas;
  return t;
}

// So many operations of four threads, on blocks of each other.
std::string busy_ops(unsigned count) {
  std::string text;
  std::vector<unsigned> live;
  unsigned random = 1, next = 0;
  for (unsigned i = 0; i < count; i++) {
    random = random * 1664525 + 1013904223;
    unsigned tag = random >> 28 & 3, dice = random >> 20 & 7;
    text += "@" + std::to_string(tag) + " ";
    size_t which = live.empty() ? 0 : (random >> 8) % live.size();
    if (live.size() < 2 || (dice < 3 && live.size() < 20)) {
      text += "a " + std::to_string(next) + " 40\n";
      live.push_back(next++);
    } else if (dice < 5) {
      text += "r " + std::to_string(live[which]) + " 50\n";
    } else {
      text += "f " + std::to_string(live[which]) + "\n";
      live[which] = live.back();
      live.pop_back();
    }
  }
  return text;
}

// An allocator that knows which thread it is called by.
thread_local unsigned me;
void *give(size_t size) {
  auto *block = static_cast<unsigned *>(std::malloc(size + 16));
  *block = me;
  return block;
}
std::mutex notes;
std::set<std::pair<unsigned, unsigned>> freed; // by whom, whose

void take(void *block) {
  if (!block) return;
  std::lock_guard guard(notes);
  freed.insert({me, *static_cast<unsigned *>(block)});
  std::free(block);
}

Functions fake() {
  Functions fn{};
  fn.malloc = give;
  fn.free = take;
  fn.realloc = [](void *block, size_t size) {
    return std::realloc(block, size + 16);
  };
  return fn;
}

Allocator system_like(Functions fn) {
  Allocator a;
  a.name = "fake";
  a.simulated = false;
  a.thread_safe = true;
  a.fn = fn;
  fill_in_substitutes(a);
  return a;
}

// Replays in turn, and notes nothing.
struct InTurn {
  ReplayThread &thread;
  void **slot(const Op &op) { return thread.slot(op); }
  bool before(size_t i, const Op &, void *) {
    thread.starts(i);
    return true;
  }
  bool after(size_t, const Op &op, void *, void *) {
    thread.ends(op);
    return true;
  }
};

struct Replayed {
  Trace trace;
  Progress progress;
  ThreadedReplay threads;

  explicit Replayed(Trace t, bool handoff = false)
      : trace(std::move(t)), threads(trace, {0, handoff, false}, progress) {}

  void play(int passes) {
    Functions fn = fake();
    threads.start_over();
    threads.run([&](ReplayThread &thread) {
      me = thread.number;
      InTurn observer{thread};
      for (int i = 0; i < passes; i++)
        replay(trace, thread.part->ops, fn, nullptr, observer);
    });
  }
};

} // namespace

TEST(operations_of_a_thread_in_the_trace) {
  Trace t = trace_of("@5 a 0 8\n@6 a 1 8\n@5 f 0\n@6 f 1\n");
  CHECK_EQ(operation_of(t, 0, 1), 2u);
  CHECK_EQ(operation_of(t, 1, 0), 1u);
  CHECK_EQ(operation_of(t, 1, 1), 3u);
  CHECK_EQ(operation_of(t, 1, 2), 4u); // there is none
  CHECK_EQ(operation_of(trace_of("a 0 8\nf 0\n", 3), 2, 1), 1u);
}

// ---- Order ------------------------------------------------------------------

// How often a cell was used, in this order of its operations. Without atomics:
// the turns alone must make it safe, as ThreadSanitizer can tell.
TEST(operations_of_a_block_keep_their_order) {
  Replayed r(trace_of(busy_ops(4000)));
  CHECK_EQ(r.trace.threads, 4u);
  struct Use {
    unsigned count = 0;
    OpKind last = OpKind::Free;
  };
  std::vector<Use> uses(r.threads.cells());
  std::atomic<int> wrong{0};
  r.threads.start_over();
  constexpr int kPasses = 5;
  r.threads.run([&](ReplayThread &thread) {
    for (int pass = 0; pass < kPasses; pass++)
      for (const Op &op : thread.part->ops) {
        if (!thread.slot(op)) wrong++;
        Use &use = uses[thread.index(op)];
        bool born = op.kind == OpKind::Malloc;
        if (born != (use.last == OpKind::Free)) wrong++;
        use.last = op.kind;
        use.count++;
        thread.ends(op);
      }
  });
  CHECK_EQ(wrong.load(), 0);
  std::map<uint32_t, unsigned> per_slot;
  for (const Op &op : r.trace.ops) per_slot[op.slot]++;
  for (uint32_t slot : r.trace.live_at_end) per_slot[slot]++;
  unsigned sum = 0, cells = 0;
  for (auto [slot, count] : per_slot) sum += count;
  for (const Use &use : uses) cells += use.count;
  CHECK_EQ(cells, sum * kPasses);
  CHECK_EQ(r.threads.operations(), sum);
}

// A turn that never comes: the replay can be stopped all the same.
TEST(a_thread_that_waits_can_be_stopped) {
  Replayed r(trace_of("@0 a 0 8\n@1 f 0\n"));
  r.threads.start_over();
  std::atomic<int> refused{0};
  r.threads.run([&](ReplayThread &thread) {
    if (thread.number == 0) {
      while ((r.progress.thread[1].op & ThreadProgress::kWaiting) == 0)
        sched_yield();
      r.threads.stop();
    } else {
      thread.starts(0);
      refused += thread.slot(thread.part->ops[0]) == nullptr;
    }
  });
  CHECK_EQ(refused.load(), 1);
}

TEST(free_of_null_waits_for_nobody) {
  Replayed r(trace_of("@1 a 0 8\n@2 f -1\n@1 f -1\n@1 f 0\n"));
  CHECK_EQ(r.threads.operations(), 4u);
  freed.clear();
  r.play(3);
  CHECK_EQ(freed.size(), 1u);
}

// ---- Who frees --------------------------------------------------------------

TEST(replicas_keep_to_themselves) {
  Replayed r(trace_of("a 0 8\na 1 8\nr 0 30\nf 0\na 2 8\nf 2\n", 3));
  CHECK_EQ(r.threads.threads(), 3u);
  CHECK_EQ(r.trace.replayed_ops(), 18u);
  CHECK_EQ(r.threads.operations(), 21u); // and block 1 of each
  freed.clear();
  r.play(10);
  CHECK_EQ(freed.size(), 3u);
  for (unsigned t = 0; t < 3; t++) CHECK(freed.contains({t, t}));
}

TEST(a_handoff_frees_the_blocks_of_the_thread_before) {
  Trace trace =
      trace_of("a 0 8\na 1 8\nr 0 30\nf 0\na 0 8\nf 1\nf 0\na 2 8\n", 3, true);
  Replayed r(std::move(trace), true);
  freed.clear();
  r.play(50);
  CHECK_EQ(freed.size(), 3u);
  for (unsigned t = 0; t < 3; t++) CHECK(freed.contains({(t + 1) % 3, t}));
}

TEST(blocks_that_are_left_are_freed_by_who_had_them_last) {
  Replayed r(trace_of("@1 a 0 8\n@2 r 0 20\n@1 a 1 8\n"));
  freed.clear();
  r.play(4);
  CHECK_EQ(freed.size(), 2u);
  CHECK(freed.contains({1, 0}) && freed.contains({0, 0}));
}

TEST(most_threads_at_once) {
  Replayed r(trace_of("a 0 8\na 1 9\nf 0\nf 1\n", kMostThreads, true), true);
  freed.clear();
  r.play(3);
  CHECK_EQ(freed.size(), size_t{kMostThreads});
}

// ---- The lock ---------------------------------------------------------------

namespace {
int inside; // not atomic: the lock must do
bool two_inside;
} // namespace

TEST(one_at_a_time_under_the_lock) {
  Functions fn{};
  fn.malloc = [](size_t size) {
    two_inside = two_inside || inside++ > 0;
    sched_yield();
    inside--;
    return std::malloc(size);
  };
  fn.free = [](void *block) {
    two_inside = two_inside || inside++ > 0;
    std::free(block);
    inside--;
  };
  Trace trace = trace_of("a 0 8\nf 0\na 1 9\nf 1\n", 4);
  Progress progress;
  ThreadedReplay threads(trace, {}, progress);
  Functions locked = under_a_lock(fn, progress);
  CHECK(locked.usable_size == nullptr);
  threads.start_over();
  threads.run([&](ReplayThread &thread) {
    InTurn observer{thread};
    for (int i = 0; i < 200; i++)
      replay(trace, thread.part->ops, locked, nullptr, observer);
  });
  CHECK(!two_inside);
  CHECK_EQ(inside, 0);
}

// ---- What the parent is told ------------------------------------------------

TEST(the_culprit_among_threads) {
  auto p = std::make_unique<Progress>();
  CHECK(!p->culprit());
  p->threads = 3;
  CHECK(!p->culprit()); // all idle
  p->thread[0].op = 7 | ThreadProgress::kWaiting;
  p->thread[2].op = 5;
  CHECK_EQ(p->culprit().value_or(99), 2u);
  p->locked_by = 2;
  CHECK_EQ(p->culprit().value_or(99), 1u);
  p->ended_by = 1;
  CHECK_EQ(p->culprit().value_or(99), 0u);
}

TEST(progress_of_threads_is_seen) {
  auto p = std::make_unique<Progress>();
  p->threads = 2;
  p->thread[0].op = p->thread[1].op = 1;
  uint64_t before = p->moves();
  p->thread[1].op = 2;
  CHECK(p->moves() != before);
}

// ---- The check --------------------------------------------------------------

namespace {

CheckReport checked(Trace trace, const Allocator &a, Functions fn,
                    bool handoff = false) {
  auto progress = std::make_unique<Progress>();
  ThreadedReplay threads(trace, {0, handoff, false}, *progress);
  CheckReport report;
  CheckOptions options;
  options.alignment = 8;
  check_threads(threads, trace, a, fn, options, 3, *progress, report);
  return report;
}

char shared_block[64];

} // namespace

TEST(threads_of_an_allocator_under_the_lock_are_valid) {
  mem_init();
  Allocator mm = load_allocator("");
  Progress progress;
  Functions fn = under_a_lock(mm.fn, progress);
  CheckReport report = checked(trace_of(busy_ops(3000)), mm, fn);
  CHECK_EQ(std::string(report.text), "");
  CHECK_EQ(report.passes, 3);
  report = checked(
      trace_of("a 0 800\nr 0 900\nc 1 5 9\nm 2 64 100\nf 0\nf 1\n", 8, true),
      mm, fn, true);
  CHECK_EQ(std::string(report.text), "");
  CHECK_EQ(report.passes, 3);
}

TEST(a_block_that_two_threads_are_given_is_found) {
  Functions fn{};
  fn.malloc = [](size_t) -> void * { return shared_block; };
  fn.free = [](void *) {};
  fn.realloc = [](void *block, size_t) { return block; };
  CheckReport report =
      checked(trace_of("a 0 8\na 1 20\n", 2), system_like(fn), fn);
  CHECK(report.failed);
  CHECK_EQ(report.passes, 0);
  CHECK_HAS(report.text, "of 2: payload [");
  CHECK_HAS(report.text, " overlaps block 0 [");
  CHECK_HAS(report.text, " of line 2 of thread ");
}

// The content is verified by who frees, wherever it was allocated.
TEST(a_block_that_changes_on_its_way_is_found) {
  Functions fn{};
  fn.malloc = [](size_t size) {
    if (size == 13) std::memset(shared_block, 7, sizeof shared_block);
    return size == 40 ? shared_block : std::malloc(size);
  };
  fn.free = [](void *block) {
    if (block != shared_block) std::free(block);
  };
  fn.realloc = std::realloc;
  CheckReport report =
      checked(trace_of("@1 a 0 40\n@1 a 1 13\n@1 r 1 14\n@2 f 1\n@2 f 0\n"),
              system_like(fn), fn);
  CHECK(report.failed);
  CHECK_HAS(report.text, "x.rep:6: @2 f 0: thread 2 of 2: block 0 [");
  CHECK_HAS(report.text, "of line 2 of thread 1 lost its content before this "
                         "operation: byte 0 of 40 is 0x07, was ");
}

TEST(a_realloc_that_fails_leaves_the_block_to_its_thread) {
  Functions fn{};
  fn.malloc = std::malloc;
  fn.free = std::free;
  fn.realloc = [](void *block, size_t size) -> void * {
    return size > 1 << 20 ? nullptr : std::realloc(block, size);
  };
  std::string huge = std::to_string(size_t{2} << 30);
  CheckReport report =
      checked(trace_of("a 0 40\nr 0 " + huge + "\nr 0 50\nf 0\n", 2),
              system_like(fn), fn);
  CHECK_EQ(std::string(report.text), "");
  CHECK_EQ(report.passes, 3);
}

// ---- Timing -----------------------------------------------------------------

TEST(time_of_a_round_with_threads) {
  Trace trace = trace_of("a 0 8\na 1 8\nf 0\n", 2);
  auto progress = std::make_unique<Progress>();
  ThreadedReplay threads(trace, {}, *progress);
  Allocator nothing = load_allocator("nothing");
  RoundReport report;
  report.passes = 1000;
  time_threads(threads, trace, nothing, nothing.fn, false, *progress, report);
  CHECK(!report.failed);
  CHECK(report.ns > 0 && report.ns < 1e7);
  CHECK(progress->pass.load() >
        2u); // at least one that does not count, and one
  uint32_t before = progress->pass;
  time_threads(threads, trace, nothing, nothing.fn, false, *progress, report);
  CHECK_EQ(progress->pass.load(), before + 1u);
}
