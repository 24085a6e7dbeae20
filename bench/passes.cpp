// passes.cpp - one pass of one allocator over a trace, for an instruction
// counter:
//
//     passes ALLOCATOR TRACE     ALLOCATOR: a .so file, libc, nothing
//
// First come 99 passes that are not counted, as a heap that is used again and
// again is another one than a new heap. bench/run.sh (part `branches`) runs it
// under `valgrind --toggle-collect=counted_pass`. The same with `nothing`
// (functions that do nothing) is the cost of the replay; the difference is the
// allocator's. Prints the number of operations of a pass.
#include "config.h"
#include "driver/allocator.hpp"
#include "driver/replay.hpp"
#include "driver/text.hpp"
#include "driver/trace.hpp"
#include "memlib.h"

#include <cstdio>
#include <exception>
#include <vector>

namespace {

constexpr int kWarm = 99;

struct NoObserver {
  bool before(size_t, const driver::Op &, void *) { return true; }
  bool after(size_t, const driver::Op &, void *, void *) { return true; }
};

} // namespace

// With a name for valgrind.
extern "C" __attribute__((noinline)) void
counted_pass(const driver::Trace &trace, const driver::Functions &fn,
             void **slots) {
  NoObserver none;
  driver::replay(trace, trace.ops, fn, slots, none);
}

static void run(const char *name, const char *file) {
  if (mem_reserve(MAX_HEAP, nullptr) != 0)
    throw driver::InputError("no room for the heap");
  driver::Trace trace = driver::read_trace(file, {MAX_HEAP, ALIGNMENT});
  driver::Allocator allocator = driver::load_allocator(name);
  if (!allocator.start(false)) throw driver::InputError("mm_init failed");
  std::vector<void *> slots(trace.slots);
  NoObserver none;
  for (int i = 0; i < kWarm; i++) {
    driver::replay(trace, trace.ops, allocator.fn, slots.data(), none);
    for (uint32_t slot : trace.live_at_end) {
      if (!slots[slot]) throw driver::InputError("a request failed");
      allocator.fn.free(slots[slot]);
    }
  }
  counted_pass(trace, allocator.fn, slots.data());
  std::printf("%zu\n", trace.ops.size());
}

int main(int argc, char **argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: passes ALLOCATOR TRACE\n");
    return 2;
  }
  try {
    run(argv[1], argv[2]);
  } catch (const std::exception &e) {
    std::fprintf(stderr, "passes: %s: %s\n", argv[1], e.what());
    return 2;
  }
}
