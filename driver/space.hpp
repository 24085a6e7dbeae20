// space.hpp - how much memory does the allocator take for a trace?
//
// In the simulated heap that is the high-water mark of the brk, exact to the
// byte. A system allocator takes memory where it likes, so its figure is by
// how much the resident memory of its process grew, sampled during the trace,
// with every OS page of every payload touched: good to some ten KiB. The pages
// of the simulated heap that hold memory are counted in the same way, by the
// page.
#pragma once

#include "allocator.hpp"
#include "result.hpp"
#include "sandbox.hpp"
#include "trace.hpp"

namespace driver {

// What the child hands to the parent.
struct SpaceReport {
  bool done = false;
  char text[1500] = ""; // what was wrong
  uint64_t high_water = 0;
  bool has_breakdown = false;
  Breakdown at_peak;
  Touched touched;
};

void measure_space(const Trace &trace, const Allocator &allocator,
                   Progress &progress, SpaceReport &report);

// An allocator that behaves only while its payloads are watched gives itself
// away by a heap that is too small for what it claims to hold. Says so of a
// simulated heap that reached `high_water` bytes, or returns "".
std::string claims_too_much(const Trace &trace, uint64_t high_water);

// The figures of a report.
Space space_of(const Trace &trace, const SpaceReport &report);

} // namespace driver
