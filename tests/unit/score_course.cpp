// score_course.cpp - the mark with the thresholds of another course: built
// with score.cpp of its own and UTIL_WEIGHT=.5, MIN_SPACE=.7, MAX_SPACE=.9,
// AVG_LIBC_THRUPUT=1000e3, MIN_SPEED=100e3, MAX_SPEED=900e3.
#include "driver/score.hpp"

#include "config.h"
#include "tests/check.h"

#include <cmath>

using namespace driver;

namespace {

bool near(double a, double b) {
  return std::fabs(a - b) < 1e-9;
}

Score score_of(double utilization, double ratio) {
  std::vector<Trace> traces(1);
  traces[0].ops.resize(100);
  AllocatorResult a;
  a.traces.resize(1);
  a.traces[0].valid = true;
  a.traces[0].space.utilization = utilization;
  a.traces[0].timing = Timing{{}, {ratio, 0}, 1e-6, 0};
  score(a, traces);
  return a.score;
}

} // namespace

TEST(course_space_is_scaled_between_its_thresholds) {
  CHECK_EQ(UTIL_WEIGHT, .5);
  CHECK(near(score_of(.8, 0).util_points, 25));
  CHECK(near(score_of(.75, 0).util_points, 12.5));
  CHECK(near(score_of(.6, 0).util_points, 0));
  CHECK(near(score_of(.9, 0).util_points, 50));
  CHECK(near(score_of(.99, 0).util_points, 50));
}

// MIN_SPEED and MAX_SPEED are operations a second, as AVG_LIBC_THRUPUT is.
TEST(course_speed_is_scaled_between_its_thresholds) {
  CHECK(near(score_of(.5, .5).thru_points, 25));
  CHECK(near(score_of(.5, .1).thru_points, 0));
  CHECK(near(score_of(.5, .05).thru_points, 0));
  CHECK(near(score_of(.5, .9).thru_points, 50));
  CHECK(near(score_of(.5, 2).thru_points, 50));
}

TEST(course_mark_is_the_sum) {
  CHECK(near(score_of(.8, .5).perf_index, 50));
}
