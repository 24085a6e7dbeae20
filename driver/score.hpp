// score.hpp - from figures to a mark, by the lab's formula (config.h).
#pragma once

#include "result.hpp"
#include "trace.hpp"

#include <vector>

namespace driver {

// Fills in result.score from result.traces, which stand in the order of
// `traces`.
void score(AllocatorResult &result, const std::vector<Trace> &traces);

// Weights: does a trace count for this figure?
inline bool counts_for_utilization(const Trace &trace) {
  return trace.weight == 1 || trace.weight == 2;
}
inline bool counts_for_throughput(const Trace &trace) {
  return trace.weight == 1 || trace.weight == 3;
}

// Whether there is a mark. There is none without a measured speed, nor for a
// system's allocator whose memory was too little to measure: it would be lower
// than is right.
bool has_mark(const AllocatorResult &result);

} // namespace driver
