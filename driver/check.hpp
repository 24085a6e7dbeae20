// check.hpp - is the allocator correct on a trace? Replays it with every
// payload filled, and watches alignment, place, overlap and content.
#pragma once

#include "allocator.hpp"
#include "sandbox.hpp"
#include "threads.hpp"
#include "trace.hpp"

#include <cstdint>

namespace driver {

struct CheckOptions {
  uint64_t alignment = 16;
  bool contents = true;     // fill payloads and verify them
  uint64_t check_every = 0; // operations between calls of mm_checkheap
  bool zeroed_heap = false; // hand mm_init zeroes instead of old bytes
  uint64_t stop_at = 0;     // operation (from 1) before which to trap
};

// What a check found, in memory that parent and child share.
struct CheckReport {
  bool failed = false;
  uint64_t op = 0;         // index of the operation that showed it, or
                           // Progress::kStarting
  char text[1500] = "";    // "file:line: op: what"
  uint64_t high_water = 0; // of the last pass
  int passes = 0;          // that were completed without a fault
};

// Replays `trace` `passes` times, each from mm_init on; stops at the first
// fault, which it writes to `report`. Returns whether there was none.
bool check_trace(const Trace &trace, const Allocator &allocator,
                 const CheckOptions &options, int passes, Progress &progress,
                 CheckReport &report);

// The same with the trace's threads, which call `fn` (the allocator's own
// functions, or those under a lock). The shadow has a block from when the
// allocator returned it until it is freed; the thread that frees it verifies
// it. The heap as a whole is looked at when all threads are done.
bool check_threads(ThreadedReplay &threads, const Trace &trace,
                   const Allocator &allocator, const Functions &fn,
                   const CheckOptions &options, int passes, Progress &progress,
                   CheckReport &report);

// Called where a fault is found, for debuggers: `break driver_fault` stops
// after the faulty call has returned, with the heap as that left it.
extern "C" void driver_fault(const char *text);

} // namespace driver
