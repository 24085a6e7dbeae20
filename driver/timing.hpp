// timing.hpp - how fast is the allocator on a trace?
//
// The allocator makes some passes over the trace that do not count, from
// mm_init on; then come rounds of as many passes as take a few milliseconds,
// each timed from its first operation to its last, on the heap that the one
// before left. So every allocator, the system's as well, is measured in the
// same steady state: memory that the trace touches for the first time is
// nobody's cost. What an allocator gives back and takes again by itself costs
// it the page faults, in the simulated heap as in the system's. Between two
// passes the blocks that the trace left are freed; that is not timed. Only an
// allocator that goes on using up its heap gets a new one before that is full,
// and makes another pass that does not count.
//
// The replay itself takes some nanoseconds an operation, as much as a fast
// allocator. An allocator that does nothing is timed in the same rounds, and
// the least that it took is subtracted: figures are the time spent in the
// allocator.
//
// With threads, a round is one stretch from the moment when all threads are
// ready to the end of the last; they come to a heap that each of them has
// replayed the trace on, untimed, and the same threads stay with it from round
// to round. What differs from the above:
//
//   - passes follow each other without a stop, as it would often take longer
//     than the trace to assemble all threads between two passes. So the frees
//     of the blocks that the trace leaves are within the time. They are counted
//     as operations, and `ns` is the time for as many as the trace has.
//   - nothing is subtracted: while one thread waits for another's block, others
//     work, so the replay's own time does not simply add to the allocator's.
//   - how high the heap gets depends on which thread runs ahead, so a low heap
//     is no proof of a lie (claims_too_much).
#pragma once

#include "allocator.hpp"
#include "result.hpp"
#include "sandbox.hpp"
#include "threads.hpp"
#include "trace.hpp"

#include <vector>

namespace driver {

struct RoundReport {
  uint32_t passes = 1;     // asked for
  bool begun = false;      // there is a heap to go on with
  bool grew = false;       // the last pass used more of it than those before
  bool warm = false;       // there were enough passes that do not count
  double ns = 0;           // of one pass, on average; 0: not finished
  uint64_t high_water = 0; // of the simulated heap, in the first pass on it
  uint64_t last_high_water = 0; // .. and the highest in the later ones
  uint64_t most = 0;   // bytes: the most that one pass added to the heap
  uint64_t growth = 0; // .. and what the last one did
  bool failed = false;
  char text[1500] = "";
};

// Runs report.passes passes. Needs `slots` of trace.slots pointers.
void time_round(const Trace &trace, const Allocator &allocator, void **slots,
                bool zeroed_heap, Progress &progress, RoundReport &report);

// The same with threads, which call `fn`.
void time_threads(ThreadedReplay &threads, const Trace &trace,
                  const Allocator &allocator, const Functions &fn,
                  bool zeroed_heap, Progress &progress, RoundReport &report);

// Median and spread.
Figure figure_of(std::vector<double> values);

// The least of the values; 0 if there are none. Of what is subtracted the least
// is taken: what disturbs a round only adds to its time, and an allocator must
// not look faster than it is.
double least_of(const std::vector<double> &values);

} // namespace driver
