// fuzz_trace.cpp - bytes as a trace file: the parser takes them or throws an
// InputError, nothing else happens; and what it took is replayed here on paper,
// to see whether slots, live blocks and peak are what they should be.
#include "driver/text.hpp"
#include "driver/trace.hpp"
#include "fuzz.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace {

using driver::Op;
using driver::OpKind;
using driver::Trace;
using fuzz::require;

constexpr driver::HeapRules kRules = {1 << 30, 16};

// One slot of the replay's table.
struct Slot {
  bool taken = false;
  uint64_t bytes = 0; // 0 too if the request was beyond the limit
};

class Replay {
public:
  explicit Replay(const Trace &trace) : trace_(trace), slots_(trace.slots) {}

  void run() {
    for (const Op &op : trace_.ops) apply(op);
    require(peak_ == trace_.peak_payload, "the peak is not right");
    std::vector<uint32_t> live;
    for (uint32_t i = 0; i < slots_.size(); i++)
      if (slots_[i].taken) live.push_back(i);
    require(live == trace_.live_at_end, "live_at_end is not right");
  }

private:
  void apply(const Op &op);
  void set(Slot &slot, bool taken, uint64_t bytes) {
    now_ = now_ - slot.bytes + bytes;
    slot = {taken, bytes};
    peak_ = std::max(peak_, now_);
  }

  const Trace &trace_;
  std::vector<Slot> slots_;
  uint64_t now_ = 0, peak_ = 0;
};

void Replay::apply(const Op &op) {
  require(op.slot < slots_.size(), "a slot is beyond the table");
  require(op.thread < trace_.threads, "a thread is beyond the number of them");
  Slot &slot = slots_[op.slot];
  if (op.kind == OpKind::Free) {
    require(op.slot == driver::kNullSlot || slot.taken, "frees an empty slot");
    return set(slot, false, 0);
  }
  require(op.slot != driver::kNullSlot, "a block in the slot of NULL");
  require(slot.taken == (op.kind == OpKind::Realloc),
          "a slot is taken, or is not");
  uint64_t bytes = trace_.requested(op);
  bool fails = bytes > kRules.limit;
  if (op.kind == OpKind::Realloc && bytes == 0) return set(slot, false, 0);
  set(slot, true, fails ? slot.bytes : bytes);
}

// What a message about an operation shows is the line of an operation.
void check_line(const Trace &trace, size_t op) {
  std::string line = trace.line_text(op);
  require(!line.empty() && std::string("arfcm@").find(line[0]) != line.npos,
          "operation %zu has the line '%s'", op, line.c_str());
  require(trace.line_number(op) >= trace.body_line, "a line of the header");
  require(trace.where(op).starts_with("x.rep:"), "where is this");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string text(reinterpret_cast<const char *>(data), size);
  try {
    Trace trace = driver::parse_trace("x.rep", std::move(text), kRules);
    require(!trace.ops.empty(), "a trace without an operation");
    require(trace.weight >= 0 && trace.weight <= 3, "a weight of %d",
            trace.weight);
    require(trace.bound() > 0 || trace.peak_payload == 0, "a bound of 0");
    require(trace.bound() <= 1, "a bound above 1");
    Replay(trace).run();
    check_line(trace, 0);
    check_line(trace, trace.peak_op);
    check_line(trace, trace.ops.size() - 1);
  } catch (const driver::InputError &error) {
    require(std::string(error.what()).starts_with("x.rep:"),
            "a message without a place: %s", error.what());
  }
  return 0;
}
