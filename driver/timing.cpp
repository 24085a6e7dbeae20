#include "timing.hpp"

#include "clock.hpp"
#include "memlib.h"
#include "replay.hpp"
#include "space.hpp"
#include "text.hpp"

#include <algorithm>
#include <cstdio>

namespace driver {
namespace {

// Notes the operation, for the report of a crash, and nothing else.
struct TimingObserver {
  std::atomic<uint64_t> &op;

  bool before(size_t i, const Op &, void *) {
    op.store(i, std::memory_order_relaxed);
    return true;
  }
  bool after(size_t, const Op &, void *, void *) { return true; }
};

// One pass, and then the blocks that the trace left are freed, untimed.
double timed_pass(const Trace &trace, const Functions &fn, void **slots,
                  Progress &progress) {
  static const double clock_cost = clock_cost_ns();
  TimingObserver observer{progress.op};
  progress.pass++;
  uint64_t start = now_ns();
  replay(trace, trace.ops, fn, slots, observer);
  double ns = static_cast<double>(now_ns() - start) - clock_cost;
  for (uint32_t slot : trace.live_at_end) fn.free(slots[slot]);
  return std::max(ns, 0.1);
}

void fail(RoundReport &report, const std::string &what) {
  report.failed = !what.empty();
  std::snprintf(report.text, sizeof report.text, "%s", what.c_str());
}

// Sees whether each request gets a block, as the reference's results are not
// checked: what fails takes no time, or much. (That a heap is too small for a
// trace, or for an alignment, is nobody's fault.)
struct FirstPassObserver {
  const Trace &trace;
  TimingObserver timing;
  const uint64_t most = trace.peak_payload <= mem_limit() ? mem_limit() : 0;
  std::string fault{};

  bool before(size_t i, const Op &op, void *old) {
    return timing.before(i, op, old);
  }
  bool after(size_t i, const Op &op, void *old, void *result) {
    if (result || op.kind == OpKind::Free || op.kind == OpKind::Memalign)
      return true;
    uint64_t size = trace.requested(op);
    // A realloc may need both blocks at a time.
    if (old && trace.peak_payload + size > most) return true;
    if (size > 0 && size <= most && fault.empty())
      fault = format("%s: %s: returned NULL for %llu bytes when it was timed",
                     trace.where(i).c_str(), trace.line_text(i).c_str(),
                     static_cast<unsigned long long>(size));
    return true;
  }
};

// The pass that does not count; returns what went wrong.
std::string first_pass(const Trace &trace, const Functions &fn, void **slots,
                       Progress &progress) {
  FirstPassObserver observer{trace, {progress.op}};
  progress.pass++;
  replay(trace, trace.ops, fn, slots, observer);
  for (uint32_t slot : trace.live_at_end) fn.free(slots[slot]);
  return observer.fault;
}

} // namespace

// Passes that find room in what the heap has not used yet, though none of its
// memory should be used again; one less if the heap grows fast, as they may
// need more than any before.
static uint32_t passes_in_reserve(const RoundReport &report) {
  if (report.most == 0) return UINT32_MAX; // the system's, or no heap
  size_t times = (mem_limit() - mem_high_water()) / report.most;
  if (times > 0 && report.growth > report.most / 8) times--;
  return static_cast<uint32_t>(std::min(times, 1ul << 30));
}

// How long the passes before the first round take, all together. With blocks of
// any size in 40 MB an allocator touches memory for the first time in 20 passes
// and more, glibc as ours, and learns how much to keep.
static const uint64_t kWarmNs = 30'000'000;

// Does report.passes passes, on a new heap if there is none, or hardly any room
// left in one that does not stay as it is. `first` makes the first pass on a
// new heap and returns what went wrong; `passes(n)` makes n more, of which at
// most `stretch` can be made at a time, and returns their time.
template <class First, class Passes>
static void run_round(const Trace &trace, const Allocator &allocator,
                      bool zeroed_heap, Progress &progress, RoundReport &report,
                      First first, uint32_t stretch, Passes passes) {
  const uint64_t start = now_ns();
  auto has_heap = [&] {
    if (report.begun && (!report.grew || passes_in_reserve(report) > 0))
      return true;
    progress.op = Progress::kStarting;
    if (!allocator.start(zeroed_heap))
      fail(report, trace.path + ": mm_init failed when it was timed");
    else
      fail(report, first());
    report.high_water = allocator.simulated ? mem_high_water() : 0;
    report.most = std::max(report.most, report.high_water);
    report.growth = report.most;
    report.grew = true; // until a pass has shown that it needs no more
    return report.begun = !report.failed;
  };
  auto measured = [&](uint32_t n) {
    const uint64_t before = mem_high_water();
    const double ns = passes(n);
    const uint64_t growth = mem_high_water() - before;
    report.grew = growth > 0;
    report.growth = (growth + n - 1) / n;
    report.most = std::max(report.most, report.growth);
    if (allocator.simulated)
      report.last_high_water =
          std::max<uint64_t>(report.last_high_water, mem_high_water());
    return ns;
  };
  report.failed = false;
  report.ns = 0;
  while (has_heap() && !report.warm && now_ns() - start < kWarmNs) measured(1);
  report.warm = true;
  double total = 0;
  for (uint32_t done = 0, n; done < report.passes && has_heap(); done += n) {
    n = std::clamp(passes_in_reserve(report), 1u, stretch);
    n = std::min(n, report.passes - done);
    total += measured(n);
  }
  if (!report.failed) report.ns = total / report.passes;
}

void time_round(const Trace &trace, const Allocator &allocator, void **slots,
                bool zeroed_heap, Progress &progress, RoundReport &report) {
  auto first = [&] { return first_pass(trace, allocator.fn, slots, progress); };
  auto pass = [&](uint32_t) {
    return timed_pass(trace, allocator.fn, slots, progress);
  };
  run_round(trace, allocator, zeroed_heap, progress, report, first, 1, pass);
  if (allocator.simulated && !report.failed)
    fail(report, claims_too_much(trace, report.high_water));
}

namespace {

// Notes the operation, and waits for its turn.
struct ThreadTimer {
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

double timed_passes(ThreadedReplay &threads, const Trace &trace,
                    const Functions &fn, uint32_t passes, Progress &progress) {
  progress.pass++;
  return threads.run([&](ReplayThread &thread) {
    ThreadTimer observer{thread};
    for (uint32_t i = 0; i < passes; i++)
      replay(trace, thread.part->ops, fn, nullptr, observer);
  });
}

} // namespace

void time_threads(ThreadedReplay &threads, const Trace &trace,
                  const Allocator &allocator, const Functions &fn,
                  bool zeroed_heap, Progress &progress, RoundReport &report) {
  auto passes = [&](uint32_t n) {
    return timed_passes(threads, trace, fn, n, progress);
  };
  auto first = [&] {
    threads.start_over();
    passes(1);
    return std::string();
  };
  run_round(trace, allocator, zeroed_heap, progress, report, first, UINT32_MAX,
            passes);
  // Passes that are one stretch also free what the trace leaves.
  const double share = static_cast<double>(trace.replayed_ops()) /
                       static_cast<double>(threads.operations());
  if (!report.failed) report.ns = std::max(report.ns * share, 0.1);
}

Figure figure_of(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  auto quantile = [&](double q) {
    double at = q * static_cast<double>(values.size() - 1);
    size_t below = static_cast<size_t>(at);
    size_t above = std::min(below + 1, values.size() - 1);
    return values[below] +
           (at - static_cast<double>(below)) * (values[above] - values[below]);
  };
  double median = quantile(.5);
  double spread = median > 0 ? (quantile(.75) - quantile(.25)) / 2 / median : 0;
  return {median, spread};
}

double least_of(const std::vector<double> &values) {
  return values.empty() ? 0 : *std::min_element(values.begin(), values.end());
}

} // namespace driver
