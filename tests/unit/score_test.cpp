// score_test.cpp - from figures to a mark, with the thresholds as config.h
// ships them (score_course.cpp has those of another course).
#include "driver/score.hpp"

#include "config.h"
#include "tests/check.h"

#include <cmath>

using namespace driver;

namespace {

Trace trace_of(size_t ops, int weight) {
  Trace t;
  t.ops.resize(ops);
  t.weight = weight;
  return t;
}

TraceResult result_of(double utilization, double seconds, double ratio) {
  TraceResult r;
  r.valid = true;
  r.space.utilization = utilization;
  r.timing = Timing{{}, {ratio, 0}, seconds, 0};
  return r;
}

bool near(double a, double b) {
  return std::fabs(a - b) < 1e-9;
}

} // namespace

TEST(score_by_the_formula) {
  std::vector<Trace> traces{trace_of(100, 1), trace_of(300, 1)};
  AllocatorResult a;
  a.traces = {result_of(.8, 1e-6, .5), result_of(.6, 3e-6, 2)};
  score(a, traces);
  CHECK(near(a.score.mean_utilization, .7));
  CHECK(near(*a.score.geomean_ratio, 1)); // sqrt(.5 * 2)
  CHECK(near(a.score.throughput, 400 / 4e-6));
  // The reference took half of 1 us, and twice 3 us.
  CHECK(near(a.score.reference_throughput / (400 / 6.5e-6), 1));
  CHECK(near(a.score.util_points, 100 * UTIL_WEIGHT * .7));
  CHECK(near(a.score.thru_points, 100 * (1 - UTIL_WEIGHT))); // 1.6, cut at 1
  CHECK(near(a.score.perf_index, a.score.util_points + a.score.thru_points));
  CHECK_EQ(a.score.errors, 0);
}

TEST(score_of_a_slow_allocator) {
  std::vector<Trace> traces{trace_of(100, 1)};
  AllocatorResult a;
  a.traces = {result_of(.5, 1e-6, .25)};
  score(a, traces);
  CHECK(near(a.score.thru_points, 100 * (1 - UTIL_WEIGHT) * .25));
}

TEST(score_honours_weights) {
  std::vector<Trace> traces{trace_of(100, 0), trace_of(100, 1),
                            trace_of(100, 2), trace_of(100, 3)};
  AllocatorResult a;
  a.traces = {result_of(.1, 1e-3, 9), result_of(.6, 1e-6, 1),
              result_of(.8, 1e-3, 9), result_of(.1, 3e-6, 4)};
  score(a, traces);
  CHECK(near(a.score.mean_utilization, .7));
  CHECK(near(*a.score.geomean_ratio, 2));
  CHECK(near(a.score.throughput, 200 / 4e-6));
}

TEST(no_mark_for_who_is_wrong) {
  std::vector<Trace> traces{trace_of(100, 1), trace_of(100, 1)};
  AllocatorResult a;
  a.traces = {result_of(.8, 1e-6, 1), {}};
  score(a, traces);
  CHECK_EQ(a.score.errors, 1);
  CHECK_EQ(a.score.perf_index, 0.0);
  CHECK(near(a.score.mean_utilization, .8)); // of the valid ones
}

// What was measured before the fault was found is worth nothing.
TEST(figures_of_an_invalid_trace_do_not_count) {
  std::vector<Trace> traces{trace_of(100, 1), trace_of(100, 1)};
  AllocatorResult a;
  a.traces = {result_of(.8, 1e-6, 1), result_of(.2, 1e-3, 9)};
  a.traces[1].valid = false;
  score(a, traces);
  CHECK(near(a.score.mean_utilization, .8));
  CHECK(near(*a.score.geomean_ratio, 1));
  CHECK(near(a.score.throughput, 100 / 1e-6));
}

// Wrong is wrong, also on a trace that counts for no figure.
TEST(an_ignored_trace_can_still_fail) {
  std::vector<Trace> traces{trace_of(100, 0), trace_of(100, 1)};
  AllocatorResult a;
  a.traces = {{}, result_of(.8, 1e-6, 1)};
  score(a, traces);
  CHECK_EQ(a.score.errors, 1);
  CHECK_EQ(a.score.perf_index, 0.0);
}

TEST(score_without_timing_or_reference) {
  std::vector<Trace> traces{trace_of(100, 1)};
  AllocatorResult a;
  a.traces = {result_of(.5, 1e-6, 0)};
  score(a, traces);
  CHECK(!a.score.geomean_ratio.has_value());
  CHECK_EQ(a.score.thru_points, 0.0);
  a.traces[0].timing.reset();
  score(a, traces);
  CHECK_EQ(a.score.throughput, 0.0);
  CHECK(near(a.score.perf_index, 100 * UTIL_WEIGHT * .5));
}

// A utilization that could not be measured is no utilization of zero.
TEST(utilization_that_is_unknown_does_not_count) {
  std::vector<Trace> traces{trace_of(100, 1), trace_of(100, 1)};
  AllocatorResult a;
  a.traces = {result_of(.5, 1e-6, 1), result_of(0, 1e-6, 1)};
  score(a, traces);
  CHECK(near(a.score.mean_utilization, .5));
}
