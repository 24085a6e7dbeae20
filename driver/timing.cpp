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
      timed_pass(trace, allocator.fn, slots, progress);
      report.high_water = allocator.simulated ? mem_high_water() : 0;
      report.left = passes_in_a_heap(allocator);
    }
    total += timed_pass(trace, allocator.fn, slots, progress);
  }
  report.ns = total / report.passes;
  if (allocator.simulated)
    fail(report, claims_too_much(trace, report.high_water));
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
