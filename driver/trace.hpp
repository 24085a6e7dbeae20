// trace.hpp - a recorded history of malloc and free, parsed and checked.
//
// A trace file (traces/README.md has the format) names blocks by id. Here an
// operation names a *slot* instead: the place in the replay's table of
// pointers where the block's address is kept. Slots of freed blocks are used
// again, so that the table is as large as the number of blocks that live at
// the same time, and the replay's own cache misses do not drown the
// allocator's. A trace with several threads gives each id its own slot: there,
// reuse would order operations that the program did not order.
//
//   file line          operation
//   a 17 640    ->     {Malloc, slot 3, 640}      the id 17 lives in slot 3
//   f 17        ->     {Free, slot 3}             slot 3 may be given again
//   f -1        ->     {Free, slot 0}             slot 0 always holds NULL
//   r 18 32     ->     {ReallocNull, slot 3, 32}  18 is new: realloc(NULL, 32)
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace driver {

enum class OpKind : uint8_t {
  Malloc,
  Free,
  Realloc,
  ReallocNull, // realloc(NULL, size)
  Calloc,      // size is an index into Trace::calloc_args
  Memalign     // at a multiple of 1 << align_log2
};

struct Op {
  uint64_t size;
  uint32_t slot;
  OpKind kind;
  uint8_t thread; // 0 .. Trace::threads - 1
  uint8_t align_log2;
  uint8_t flags; // 0 here; the replay with threads has its own use for it
};
static_assert(sizeof(Op) == 16, "a trace of 10^7 operations stays small");

struct CallocArgs {
  uint64_t count, size;
};

constexpr uint32_t kNullSlot = 0;

struct Trace {
  std::string path; // as it was asked for
  std::string name; // file name without .rep
  int weight = 1;   // 0 ignore, 1 both, 2 utilization only, 3 throughput only

  std::vector<Op> ops;
  std::vector<CallocArgs> calloc_args;
  uint32_t slots = 1; // kNullSlot and those of blocks
  uint32_t threads = 1;
  std::vector<uint32_t> live_at_end; // slots that still hold a block

  // Set by who runs it: so many threads each do all of it, with blocks of
  // their own; 0: it is done as it stands. Nothing for a trace with tags.
  uint32_t replicas = 0;
  bool threaded() const { return threads > 1 || replicas > 0; }
  unsigned replay_threads() const { return replicas ? replicas : threads; }
  uint64_t replayed_ops() const {
    return ops.size() * uint64_t{replicas ? replicas : 1};
  }

  uint64_t peak_payload = 0; // most bytes asked for and live at one time
  size_t peak_op = 0;        // the operation after which they were
  // The most bytes that live blocks took at one time if each were its payload
  // and a 4-byte header, rounded up to the alignment: no boundary-tag
  // allocator that never moves a block can do with a smaller heap.
  uint64_t peak_blocks = 0;

  std::string text; // the file
  size_t body = 0;  // where its operations begin, and on which line
  size_t body_line = 1;

  // The bytes that an operation asks for; SIZE_MAX where calloc's overflow.
  uint64_t requested(const Op &op) const;

  // Peak payload over peak blocks: the utilization that no boundary-tag
  // allocator with 4-byte headers can pass.
  double bound() const;

  // "traces/x.rep:57" and the text of that line, for operation `op`.
  std::string where(size_t op) const;
  std::string line_text(size_t op) const;
  size_t line_number(size_t op) const;
};

// What a trace's figures depend on besides its text.
struct HeapRules {
  uint64_t limit;         // a request for more must fail, and is never live
  uint64_t alignment;     // of payloads
  bool own_slots = false; // one for each id, as in traces with threads
};

// Reads a trace. Throws InputError that shows file, line, column and a caret.
Trace read_trace(const std::string &path, const HeapRules &rules);

// The same of a text in memory; `path` is for messages.
Trace parse_trace(const std::string &path, std::string text,
                  const HeapRules &rules);

} // namespace driver
