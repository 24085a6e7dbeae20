#include "score.hpp"

#include "config.h"

#include <algorithm>
#include <cmath>

namespace driver {
namespace {

static_assert(UTIL_WEIGHT >= 0 && UTIL_WEIGHT <= 1,
              "config.h: UTIL_WEIGHT is a part of 1, not a percentage");

double scaled(double value, double zero, double one) {
  if (one <= zero) return value >= one ? 1 : 0;
  return std::clamp((value - zero) / (one - zero), 0.0, 1.0);
}

// Sums over the traces that count.
struct Sums {
  double utilization = 0, log_ratio = 0;
  int utilizations = 0, ratios = 0;
  double ops = 0, seconds = 0, reference_seconds = 0;

  void add(const Trace &trace, const TraceResult &result) {
    if (!result.valid) return;
    if (counts_for_utilization(trace) && result.space.utilization > 0) {
      utilization += result.space.utilization;
      utilizations++;
    }
    if (!counts_for_throughput(trace) || !result.timing) return;
    const Timing &timing = *result.timing;
    ops += static_cast<double>(trace.replayed_ops());
    seconds += timing.seconds;
    reference_seconds += timing.seconds * timing.ratio.median;
    if (timing.ratio.median > 0) {
      log_ratio += std::log(timing.ratio.median);
      ratios++;
    }
  }
};

} // namespace

bool has_mark(const AllocatorResult &result) {
  if (result.score.errors > 0) return true;
  if (!result.info.simulated && result.score.mean_utilization == 0)
    return false;
  return std::any_of(result.traces.begin(), result.traces.end(),
                     [](const TraceResult &r) { return r.timing; });
}

void score(AllocatorResult &result, const std::vector<Trace> &traces) {
  Score &s = result.score;
  Sums sums;
  s = {};
  for (size_t i = 0; i < result.traces.size(); i++) {
    if (!result.traces[i].valid) s.errors++;
    sums.add(traces[i], result.traces[i]);
  }
  if (sums.utilizations)
    s.mean_utilization = sums.utilization / sums.utilizations;
  if (sums.ratios) s.geomean_ratio = std::exp(sums.log_ratio / sums.ratios);
  if (sums.seconds > 0) s.throughput = sums.ops / sums.seconds;
  if (sums.reference_seconds > 0)
    s.reference_throughput = sums.ops / sums.reference_seconds;
  if (s.errors) return; // no mark for an allocator that is wrong
  double speed =
      s.reference_throughput > 0 ? s.throughput / s.reference_throughput : 0;
  s.util_points =
      100 * UTIL_WEIGHT * scaled(s.mean_utilization, MIN_SPACE, MAX_SPACE);
  s.thru_points =
      100 * (1 - UTIL_WEIGHT) * scaled(speed, MIN_SPEED_RATIO, MAX_SPEED_RATIO);
  s.perf_index = s.util_points + s.thru_points;
}

} // namespace driver
