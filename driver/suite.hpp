// suite.hpp - allocators x traces x phases: what mdriver does in a run.
//
// For each trace: every allocator is checked (twice from mm_init on, and with
// threads if the trace or --threads has any); then its memory is measured, in
// one thread. Those that were correct are timed together with the reference,
// round by round in turn, each in a process of its own. At last they are
// checked once more, to catch an allocator that is right only at first.
#pragma once

#include "options.hpp"
#include "result.hpp"
#include "trace.hpp"

#include <memory>
#include <vector>

namespace driver {

// What a run tells while it goes on.
class Listener {
public:
  virtual ~Listener() = default;
  virtual void begin(const std::vector<Trace> &traces) = 0;
  virtual void step(size_t trace, const char *what, const std::string &who) = 0;
  virtual void trace_failed(const AllocatorInfo &who, size_t trace,
                            const TraceResult &result) = 0;
  virtual void allocator_printed(const AllocatorInfo &who,
                                 const std::string &output) = 0;
};

struct SuiteResult {
  std::vector<Trace> traces;
  std::vector<AllocatorResult> allocators;
  AllocatorInfo reference;       // without a name where there is none
  std::vector<double> replay_ns; // of an operation in each timed trace
  bool noisy = false;            // the spread of some figures is too wide
  double worst_spread = 0;
};

// Finds out what an allocator is, in a child process. Throws InputError if it
// cannot be loaded; `flag` is how it was asked for, for the message.
AllocatorInfo probe_allocator(const std::string &what, const char *flag,
                              const Options &options);

// Loads, checks and measures everything. Throws InputError before the first
// operation if anything that was asked for cannot be read.
SuiteResult run_suite(const Options &options, Listener &listener);

} // namespace driver
