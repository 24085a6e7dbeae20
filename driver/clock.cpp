#include "clock.hpp"

#include <algorithm>
#include <ctime>

namespace driver {

uint64_t now_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1000000000u +
         static_cast<uint64_t>(t.tv_nsec);
}

// The least of several batches: what disturbs a batch only adds to it.
double clock_cost_ns() {
  constexpr int kCalls = 200, kBatches = 20;
  uint64_t best = ~0ull;
  for (int b = 0; b < kBatches; b++) {
    uint64_t start = now_ns();
    for (int i = 1; i < kCalls; i++) now_ns();
    best = std::min(best, now_ns() - start);
  }
  return static_cast<double>(best) / kCalls;
}

} // namespace driver
