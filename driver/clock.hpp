// clock.hpp - the one place that asks what time it is.
#pragma once

#include <cstdint>

namespace driver {

// Nanoseconds since some fixed moment; never runs backwards.
uint64_t now_ns();

// What one now_ns() costs, measured: a timed region contains it once.
double clock_cost_ns();

} // namespace driver
