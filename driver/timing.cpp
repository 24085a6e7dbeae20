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

// An allocator that never uses memory again gets a new heap before it has
// used up this one.
static uint32_t passes_in_a_heap(const Allocator &allocator) {
  if (!allocator.simulated || mem_high_water() == 0) return UINT32_MAX;
  size_t times = mem_limit() / mem_high_water();
  return times < 4 ? 1 : static_cast<uint32_t>(std::min(times / 2, 1ul << 30));
}

void time_round(const Trace &trace, const Allocator &allocator, void **slots,
                bool zeroed_heap, Progress &progress, RoundReport &report) {
  double total = 0;
  report.ns = 0;
  for (uint32_t i = 0; i < report.passes; i++, report.left--) {
    if (report.left == 0) {
      progress.op = Progress::kStarting;
      if (!allocator.start(zeroed_heap))
        return fail(report, trace.path + ": mm_init failed when it was timed");
      std::string fault = first_pass(trace, allocator.fn, slots, progress);
      if (!fault.empty()) return fail(report, fault);
      report.high_water = allocator.simulated ? mem_high_water() : 0;
      report.left = passes_in_a_heap(allocator);
    }
    total += timed_pass(trace, allocator.fn, slots, progress);
  }
  report.ns = total / report.passes;
  if (allocator.simulated)
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
  double total = 0;
  report.ns = 0;
  for (uint32_t done = 0; done < report.passes;) {
    if (report.left == 0) {
      progress.op = Progress::kStarting;
      if (!allocator.start(zeroed_heap))
        return fail(report, trace.path + ": mm_init failed when it was timed");
      threads.start_over();
      timed_passes(threads, trace, fn, 1, progress);
      report.high_water = allocator.simulated ? mem_high_water() : 0;
      report.left = passes_in_a_heap(allocator);
    }
    uint32_t passes = std::min(report.passes - done, report.left);
    total += timed_passes(threads, trace, fn, passes, progress);
    done += passes;
    report.left -= passes;
  }
  const double share = static_cast<double>(trace.replayed_ops()) /
                       static_cast<double>(threads.operations());
  report.ns = std::max(total / report.passes * share, 0.1);
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
