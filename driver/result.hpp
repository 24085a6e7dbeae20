// result.hpp - the nouns of a measurement, handed from layer to layer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace driver {

// What is known of an allocator before it runs a trace.
struct AllocatorInfo {
  std::string what{}; // as asked for: "", "libc", a file
  std::string name{};
  bool simulated = true;
  bool thread_safe = false;
  bool locked = false; // threads call it under one lock in this run
  bool has_checker = false;
  bool has_walk = false;
  size_t static_data = 0;
  bool has_team = false;
  std::string team_name{}, members[2]{}, emails[2]{};
};

// Where the heap's bytes were when the payload was at its peak. The six add up
// to the high-water mark.
struct Breakdown {
  uint64_t payload = 0;
  uint64_t internal = 0; // in allocated blocks, beside their payload
  uint64_t external = 0; // in free blocks
  uint64_t metadata = 0;
  uint64_t unused = 0; // below the brk, in no block yet
  uint64_t above = 0;  // between the brk and the high-water mark
};

// Bytes of the OS pages of the simulated heap that hold memory, at some moment.
// Unlike the high-water mark this may fall: what is given back is gone from it.
struct Touched {
  static constexpr size_t kSteps = 20; // equal parts of the trace
  uint64_t peak = 0, end = 0;
  uint64_t over_time[kSteps] = {}; // at the end of each step ...
  uint64_t payload[kSteps] = {};   // ... and what was live then
};

struct Space {
  uint64_t high_water = 0; // bytes of the heap, or of the process's growth
  double utilization = 0;  // peak payload / high water; 0: not measurable
  std::optional<Breakdown> at_peak;
  std::optional<Touched> touched; // of a simulated heap
};

// A figure and its spread: half the distance between the quartiles, as a part
// of the median.
struct Figure {
  double median = 0, spread = 0;
};

struct Timing {
  Figure ns_per_op;
  Figure ratio;       // reference's time / ours, paired round by round
  double seconds = 0; // of one pass
  // Bytes that the simulated heap came to while it was used again and again; 0:
  // it is not simulated.
  uint64_t high_water = 0;
};

struct TraceResult {
  bool valid = false;
  std::string fault;  // why not: one line
  std::string advice; // the command that shows it again
  std::string output; // what the allocator printed meanwhile
  Space space;
  std::optional<Timing> timing;
};

struct Score {
  double mean_utilization = 0;
  double throughput = 0;           // operations a second
  double reference_throughput = 0; // the same traces
  std::optional<double> geomean_ratio;
  double util_points = 0, thru_points = 0, perf_index = 0; // of 100
  int errors = 0;
};

struct AllocatorResult {
  AllocatorInfo info;
  std::vector<TraceResult> traces; // in the suite's order
  std::vector<std::string> edge_faults;
  Score score;
};

} // namespace driver
