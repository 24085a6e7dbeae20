#include "check.hpp"

#include "memlib.h"
#include "replay.hpp"
#include "shadow.hpp"
#include "text.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>

namespace driver {

__attribute__((noinline)) void driver_fault(const char *text) {
  asm volatile("" : : "r"(text) : "memory");
}

namespace {

using ull = unsigned long long;

// How many bytes above the brk are looked at after every operation; all up to
// the end of the OS page at the end of a pass and whenever the brk moves.
constexpr size_t kGuardWindow = 64;

uint64_t mix(uint64_t x) { // the finalizer of splitmix64
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

class Checker {
public:
  Checker(const Trace &trace, const Allocator &allocator,
          const CheckOptions &options, Progress &progress, CheckReport &report)
      : trace_(trace), allocator_(allocator), options_(options),
        progress_(progress), report_(report), blocks_(trace.slots) {}

  bool run_pass(int pass, void **slots);

  bool before(size_t i, const Op &op, void *old);
  bool after(size_t i, const Op &op, void *old, void *result);
  void describe_address(char *text, size_t size, const void *address);

private:
  bool fault(const std::string &what);
  bool allocated(const Op &op, void *result, uint64_t size);
  bool reallocated(const Op &op, void *old, void *result);
  bool null_result(uint64_t size);
  bool placed_well(const Op &op, uintptr_t start, uintptr_t end);
  bool enter(const Op &op, void *result, uint64_t size, uint64_t seed);
  bool contents_hold(Shadow::Entry block, uint64_t size, const char *when);
  bool heap_holds();
  bool end_of_pass();
  std::string label(uintptr_t start, const Payload &payload) const;
  std::string range(uintptr_t start, uintptr_t end) const {
    return format("[0x%llx, 0x%llx)", static_cast<ull>(start),
                  static_cast<ull>(end));
  }

  const Trace &trace_;
  const Allocator &allocator_;
  const CheckOptions &options_;
  Progress &progress_;
  CheckReport &report_;
  Shadow shadow_;
  std::vector<Shadow::Entry> blocks_; // by slot; shadow_.none(): not live
  size_t now_ = 0;                    // the operation being done
  uint64_t pass_seed_ = 0;
  uint64_t payload_ = 0; // live bytes
  bool at_end_ = false;
};

// ---- Faults -----------------------------------------------------------------

bool Checker::fault(const std::string &what) {
  std::string text = at_end_
                         ? format("%s: at the end of the trace: %s",
                                  trace_.path.c_str(), what.c_str())
                         : format("%s: %s: %s", trace_.where(now_).c_str(),
                                  trace_.line_text(now_).c_str(), what.c_str());
  report_.failed = true;
  report_.op = now_;
  std::snprintf(report_.text, sizeof report_.text, "%s", text.c_str());
  driver_fault(report_.text);
  return false;
}

// "block 9 [0x.., 0x..) of line 40"
std::string Checker::label(uintptr_t start, const Payload &payload) const {
  std::string line = trace_.line_text(payload.born);
  unsigned long long id = 0;
  const char *at = std::strpbrk(line.c_str(), "arcm");
  if (at) std::sscanf(at + 1, "%llu", &id);
  return format("block %llu %s of line %zu", id,
                range(start, start + payload.size).c_str(),
                trace_.line_number(payload.born));
}

void Checker::describe_address(char *text, size_t size, const void *address) {
  auto at = reinterpret_cast<uintptr_t>(address);
  auto lo = reinterpret_cast<uintptr_t>(mem_heap_lo());
  uintptr_t brk = lo + mem_heapsize(), end = lo + mem_limit();
  const uintptr_t near = mem_limit();
  std::string where;
  Shadow::Entry block = shadow_.at_or_below(at);
  if (at < 65536)
    where = "near NULL";
  else if (block != shadow_.none() && at < block->second.end)
    where = format("inside the payload of %s",
                   label(block->first, block->second).c_str());
  else if (allocator_.simulated && at >= brk && at < end + near)
    where = format("%llu bytes beyond the brk", static_cast<ull>(at - brk));
  else if (allocator_.simulated && at < lo && at > lo - near)
    where = format("%llu bytes below the heap", static_cast<ull>(lo - at));
  else if (allocator_.simulated && at >= lo && at < brk)
    where = "inside the heap";
  else
    where = "far from the heap";
  std::snprintf(text, size, "address 0x%llx is %s", static_cast<ull>(at),
                where.c_str());
}

// ---- Around each operation
// ----------------------------------------------------

bool Checker::before(size_t i, const Op &op, void *old) {
  now_ = i;
  progress_.op.store(i, std::memory_order_relaxed);
  if (i + 1 == options_.stop_at) std::raise(SIGTRAP);
  if (old == nullptr) return true;
  Shadow::Entry block = blocks_[op.slot];
  if (!contents_hold(block, block->second.size, "before this operation"))
    return false;
  if (op.kind == OpKind::Realloc && op.size > 0) return true;
  payload_ -= block->second.size;
  shadow_.erase(block);
  blocks_[op.slot] = shadow_.none();
  return true;
}

bool Checker::after(size_t i, const Op &op, void *old, void *result) {
  (void)i;
  bool ok = true;
  if (op.kind == OpKind::Realloc && old && op.size > 0)
    ok = reallocated(op, old, result);
  else if (op.kind == OpKind::Realloc && op.size == 0 && old)
    ok = true; // the block is gone; NULL or a block of no bytes may come back
  else if (op.kind != OpKind::Free)
    ok = allocated(op, result, trace_.requested(op));
  return ok && heap_holds();
}

bool Checker::heap_holds() {
  if (allocator_.simulated) {
    void *written = mem_guard_broken(at_end_ ? SIZE_MAX : kGuardWindow);
    if (written)
      return fault(format("somebody wrote past the brk, at 0x%llx",
                          reinterpret_cast<ull>(written)));
  }
  uint64_t every = options_.check_every;
  if (every == 0 || (!at_end_ && (now_ + 1) % every != 0)) return true;
  int line = static_cast<int>(at_end_ ? 0 : trace_.line_number(now_));
  if (!allocator_.check_heap(line))
    return fault("mm_checkheap says that the heap is inconsistent");
  return true;
}

// NULL is right where the heap cannot hold the block, and for no bytes.
bool Checker::null_result(uint64_t size) {
  uint64_t limit = mem_limit();
  if (size == 0 || size > limit || payload_ + size > limit) return true;
  return fault(format("returned NULL for %llu bytes, with %llu live in a heap "
                      "that may have %llu",
                      static_cast<ull>(size), static_cast<ull>(payload_),
                      static_cast<ull>(limit)));
}

bool Checker::allocated(const Op &op, void *result, uint64_t size) {
  blocks_[op.slot] = shadow_.none();
  if (result == nullptr) return null_result(size);
  uint64_t seed = mix(pass_seed_ + now_);
  if (!enter(op, result, size, seed)) return false;
  if (op.kind == OpKind::Calloc) {
    const char *bytes = static_cast<const char *>(result);
    for (size_t i = 0; i < size; i++)
      if (bytes[i] != 0)
        return fault(format("calloc's byte %zu is not zero", i));
  }
  if (options_.contents) fill_pattern(result, 0, size, seed);
  return true;
}

bool Checker::reallocated(const Op &op, void *old, void *result) {
  Shadow::Entry block = blocks_[op.slot];
  Payload was = block->second;
  if (result == nullptr)
    return null_result(op.size) &&
           contents_hold(block, was.size, "though realloc failed");
  payload_ -= was.size;
  shadow_.erase(block);
  if (!enter(op, result, op.size, was.seed)) return false;
  blocks_[op.slot]->second.born = was.born;
  uint64_t kept = std::min(was.size, op.size);
  if (!contents_hold(blocks_[op.slot], kept,
                     old == result ? "after realloc in place"
                                   : "after realloc moved it"))
    return false;
  if (options_.contents) fill_pattern(result, kept, op.size, was.seed);
  return true;
}

// Checks where the new payload lies, and makes it known.
bool Checker::enter(const Op &op, void *result, uint64_t size, uint64_t seed) {
  auto start = reinterpret_cast<uintptr_t>(result);
  uintptr_t end;
  if (__builtin_add_overflow(start, std::max<uint64_t>(size, 1), &end))
    return fault(format("payload 0x%llx of %llu bytes ends beyond the last "
                        "address",
                        static_cast<ull>(start), static_cast<ull>(size)));
  // No bytes may lie at the brk, behind a header.
  if (!placed_well(op, start, start + size)) return false;
  if (allocator_.fn.usable_size) {
    size_t usable = allocator_.fn.usable_size(result);
    if (usable < size)
      return fault(
          format("usable_size is %zu, less than what was asked for", usable));
    if (usable < mem_limit()) end = std::max(end, start + usable);
  }
  Shadow::Entry other = shadow_.overlapping(start, end);
  if (other != shadow_.none())
    return fault(format("payload %s overlaps %s",
                        range(start, start + size).c_str(),
                        label(other->first, other->second).c_str()));
  payload_ += size;
  blocks_[op.slot] = shadow_.insert(start, {end, size, seed, now_});
  return true;
}

bool Checker::placed_well(const Op &op, uintptr_t start, uintptr_t end) {
  uint64_t align = options_.alignment;
  // System allocators align a small block no more than a type of its size
  // could need, which ISO C allows.
  if (!allocator_.simulated && end - start < align) align = 8;
  if (op.kind == OpKind::Memalign && allocator_.aligns)
    align = std::max(align, uint64_t{1} << op.align_log2);
  if (start % align != 0)
    return fault(format("payload address 0x%llx is not a multiple of %llu",
                        static_cast<ull>(start), static_cast<ull>(align)));
  if (!allocator_.simulated) return true;
  auto lo = reinterpret_cast<uintptr_t>(mem_heap_lo());
  uintptr_t brk = lo + mem_heapsize();
  if (start >= lo && end <= brk) return true;
  const char *how = start < lo || start >= lo + mem_limit() ? "lies outside"
                    : start >= brk                          ? "lies beyond"
                                                            : "reaches beyond";
  return fault(format("payload %s %s the heap %s", range(start, end).c_str(),
                      how, range(lo, brk).c_str()));
}

bool Checker::contents_hold(Shadow::Entry block, uint64_t size,
                            const char *when) {
  if (!options_.contents) return true;
  auto *bytes = reinterpret_cast<const unsigned char *>(block->first);
  size_t wrong = check_pattern(bytes, 0, size, block->second.seed);
  if (wrong == size) return true;
  unsigned right = pattern_byte(wrong, block->second.seed);
  return fault(
      format("%s lost its content %s: byte %zu of %llu is 0x%02x, was 0x%02x",
             label(block->first, block->second).c_str(), when, wrong,
             static_cast<ull>(size), bytes[wrong], right));
}

// ---- A pass
// -------------------------------------------------------------------

// Blocks that nobody freed are checked as if they were freed now.
bool Checker::end_of_pass() {
  at_end_ = true;
  if (!heap_holds()) return false;
  for (Shadow::Entry b = shadow_.blocks().begin(); b != shadow_.none(); ++b)
    if (!contents_hold(b, b->second.size, "though it was never freed"))
      return false;
  at_end_ = false;
  return true;
}

bool Checker::run_pass(int pass, void **slots) {
  now_ = 0;
  at_end_ = false;
  progress_.op = Progress::kStarting;
  payload_ = 0;
  pass_seed_ = mix(static_cast<uint64_t>(pass) + 1) << 1;
  shadow_.clear();
  std::fill(blocks_.begin(), blocks_.end(), shadow_.none());
  if (!allocator_.start(options_.zeroed_heap)) {
    std::snprintf(report_.text, sizeof report_.text, "%s: mm_init failed%s",
                  trace_.path.c_str(),
                  pass > 0 ? " when it was called again" : "");
    report_.failed = true;
    report_.op = Progress::kStarting;
    driver_fault(report_.text);
    return false;
  }
  if (!replay(trace_, trace_.ops, allocator_.fn, slots, *this)) return false;
  if (!end_of_pass()) return false;
  if (!allocator_.simulated)
    for (uint32_t slot : trace_.live_at_end) allocator_.fn.free(slots[slot]);
  return true;
}

Checker *describing; // for the crash handler

void describe(char *text, size_t size, const void *address) {
  if (describing) describing->describe_address(text, size, address);
}

} // namespace

bool check_trace(const Trace &trace, const Allocator &allocator,
                 const CheckOptions &options, int passes, Progress &progress,
                 CheckReport &report) {
  Checker checker(trace, allocator, options, progress, report);
  std::vector<void *> slots(trace.slots, nullptr);
  if (allocator.simulated) mem_guard(1);
  describing = &checker;
  set_crash_describer(describe);
  report.passes = 0;
  bool ok = true;
  for (int pass = 0; ok && pass < passes; pass++) {
    progress.pass++;
    ok = checker.run_pass(pass, slots.data());
    report.high_water = mem_high_water();
    if (ok) report.passes++;
  }
  describing = nullptr;
  if (allocator.simulated) mem_guard(0);
  return ok;
}

} // namespace driver
