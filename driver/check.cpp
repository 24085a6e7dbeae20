#include "check.hpp"

#include "memlib.h"
#include "replay.hpp"
#include "shadow.hpp"
#include "text.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <utility>
#include <vector>

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

// What is known of a heap, by all threads that use it.
struct Truth {
  Truth(size_t slots) : blocks(slots) {}

  void start(int pass) {
    payload = 0;
    seed = mix(static_cast<uint64_t>(pass) + 1) << 1;
    shadow.clear();
    std::fill(blocks.begin(), blocks.end(), shadow.none());
  }

  Shadow shadow;
  std::vector<Shadow::Entry> blocks; // by slot or cell; none(): not live
  std::atomic<uint64_t> payload{0};  // live bytes
  uint64_t seed = 0;                 // of the pass
  std::mutex lock;                   // around the shadow and the report
};

// Checks the operations of a trace, or those of one thread, whose cells are
// then in place of slots.
class Checker {
public:
  Checker(const Trace &trace, const Allocator &allocator,
          const CheckOptions &options, Truth &truth, Progress &progress,
          CheckReport &report)
      : trace_(trace), allocator_(allocator), options_(options), truth_(truth),
        progress_(progress), report_(report) {}

  bool start_heap(int pass);
  bool run_pass(int pass, void **slots);
  bool run_thread(ReplayThread &thread, const Functions &fn);
  bool end_of_pass();

  bool before(size_t i, const Op &op, void *old);
  bool after(size_t i, const Op &op, void *old, void *result);
  void describe_address(char *text, size_t size, const void *address);

private:
  const char *half_lost(uintptr_t at) const;
  bool fault(const std::string &what);
  bool allocated(const Op &op, void *result, uint64_t size);
  bool reallocated(const Op &op, void *old, void *result);
  bool null_result(const Op &op, uint64_t size);
  bool has_place(const Op &op, uint64_t size) const;
  bool placed_well(const Op &op, uintptr_t start, uintptr_t end);
  bool enter(const Op &op, void *result, uint64_t size, uint64_t seed);
  void fill(void *payload, uint64_t from, uint64_t to, uint64_t seed);
  bool contents_hold(Shadow::Entry block, uint64_t size, const char *when);
  bool heap_holds();
  const char *heap_gone();
  size_t index(const Op &op) const {
    return thread_ ? thread_->index(op) : op.slot;
  }
  void keep(const Op &op, uintptr_t start, const Payload &payload);
  void forget(const Op &op);
  std::string label(uintptr_t start, const Payload &payload) const;
  std::string range(uintptr_t start, uintptr_t end) const {
    return format("[0x%llx, 0x%llx)", static_cast<ull>(start),
                  static_cast<ull>(end));
  }

  const Trace &trace_;
  const Allocator &allocator_;
  const CheckOptions &options_;
  Truth &truth_;
  Progress &progress_;
  CheckReport &report_;
  const Functions *fn_ = &allocator_.fn; // maybe under a lock
  ReplayThread *thread_ = nullptr;       // whose operations these are
  size_t now_ = 0;                       // the operation being done
  std::pair<uintptr_t, Payload> old_{};  // the block that is reallocated
  bool at_end_ = false;

  // The heap as the driver reserved it, and the mark that it has reached.
  const void *const lo_ = mem_heap_lo();
  const size_t limit_ = mem_limit();
  size_t high_water_ = 0;
};

// ---- Faults -----------------------------------------------------------------

// The first one stands.
bool Checker::fault(const std::string &what) {
  std::lock_guard guard(truth_.lock);
  if (report_.failed) return false;
  size_t op = thread_ ? operation_of(trace_, thread_->number, now_) : now_;
  std::string text = trace_.path + ": at the end of the trace: ";
  if (!at_end_)
    text = format("%s: %s: ", trace_.where(op).c_str(),
                  trace_.line_text(op).c_str());
  if (thread_)
    text += format("thread %u of %u: ", thread_->number + 1, thread_->threads);
  report_.failed = true;
  report_.op = op;
  std::snprintf(report_.text, sizeof report_.text, "%s%s", text.c_str(),
                what.c_str());
  driver_fault(report_.text);
  return false;
}

// "block 9 [0x.., 0x..) of line 40"
std::string Checker::label(uintptr_t start, const Payload &payload) const {
  const bool own = payload.thread != Payload::kNone;
  size_t op =
      own ? operation_of(trace_, payload.thread, payload.born) : payload.born;
  std::string line = trace_.line_text(op);
  unsigned long long id = 0;
  const char *at = std::strpbrk(line.c_str(), "arcm");
  if (at) std::sscanf(at + 1, "%llu", &id);
  std::string text = format("block %llu %s of line %zu", id,
                            range(start, start + payload.size).c_str(),
                            trace_.line_number(op));
  return own ? text + format(" of thread %u", payload.thread + 1) : text;
}

// A note for code of 32-bit times: such an address is that of a byte in the
// heap but for its upper half, which is 0, or the sign of the lower one.
const char *Checker::half_lost(uintptr_t at) const {
  auto lo = reinterpret_cast<uintptr_t>(mem_heap_lo());
  uintptr_t upper = at >> 32, offset = static_cast<uint32_t>(at - lo);
  return allocator_.simulated && (upper == 0 || upper == UINT32_MAX) &&
                 offset <= mem_heapsize()
             ? ", like an address in it that lost its upper 32 bits: an int "
               "holds no pointer (but see --heap-base low)"
             : "";
}

void Checker::describe_address(char *text, size_t size, const void *address) {
  auto at = reinterpret_cast<uintptr_t>(address);
  auto lo = reinterpret_cast<uintptr_t>(mem_heap_lo());
  uintptr_t brk = lo + mem_heapsize(), end = lo + mem_limit();
  const uintptr_t near = mem_limit();
  std::string where;
  Shadow &shadow = truth_.shadow;
  // Another thread may be changing it, and this is no time to wait.
  std::unique_lock guard(truth_.lock, std::try_to_lock);
  Shadow::Entry block = guard ? shadow.at_or_below(at) : shadow.none();
  if (at < 65536)
    where = "near NULL";
  else if (at > UINTPTR_MAX - 65536)
    where = "just below NULL, where a header of NULL's would be";
  else if (block != shadow.none() && at < block->second.end)
    where = format("inside the payload of %s",
                   label(block->first, block->second).c_str());
  else if (allocator_.simulated && at >= brk && at < end + near)
    where = format("%llu bytes beyond the brk", static_cast<ull>(at - brk));
  else if (allocator_.simulated && at < lo && at > lo - near)
    where = format("%llu bytes below the heap", static_cast<ull>(lo - at));
  else if (allocator_.simulated && at >= lo && at < brk)
    where = "inside the heap";
  else
    where = format("far from the heap%s", half_lost(at));
  std::snprintf(text, size, "address 0x%llx is %s", static_cast<ull>(at),
                where.c_str());
}

// ---- Around each operation
// ----------------------------------------------------

void Checker::keep(const Op &op, uintptr_t start, const Payload &payload) {
  truth_.blocks[index(op)] = truth_.shadow.insert(start, payload);
  truth_.payload += payload.size;
}

void Checker::forget(const Op &op) {
  Shadow::Entry &block = truth_.blocks[index(op)];
  truth_.payload -= block->second.size;
  truth_.shadow.erase(block);
  block = truth_.shadow.none();
}

bool Checker::before(size_t i, const Op &op, void *old) {
  now_ = i;
  if (thread_)
    thread_->starts(i);
  else
    progress_.op.store(i, std::memory_order_relaxed);
  if (i + 1 == options_.stop_at && !thread_) std::raise(SIGTRAP);
  if (old == nullptr) return true;
  Shadow::Entry block = truth_.blocks[index(op)];
  if (!contents_hold(block, block->second.size, "before this operation"))
    return false;
  old_ = *block;
  // With threads, a block that realloc moves is another's before it returns.
  if (op.kind == OpKind::Realloc && op.size > 0 && !thread_) return true;
  std::lock_guard guard(truth_.lock);
  forget(op);
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

// What the whole heap has to say must wait while other threads change it.
bool Checker::heap_holds() {
  if (thread_) return true;
  if (allocator_.simulated) {
    if (const char *why = heap_gone()) return fault(why);
    void *written = mem_guard_broken(at_end_ ? SIZE_MAX : kGuardWindow);
    if (written)
      return fault(format("somebody wrote past the brk, at 0x%llx",
                          reinterpret_cast<ull>(written)));
  }
  uint64_t every = options_.check_every;
  if (every == 0 || (!at_end_ && (now_ + 1) % every != 0)) return true;
  int line = static_cast<int>(at_end_ ? 0 : trace_.line_number(now_));
  progress_.inside = Progress::kChecker;
  const bool consistent = allocator_.check_heap(line);
  progress_.inside = Progress::kOperation;
  if (!consistent)
    return fault("mm_checkheap says that the heap is inconsistent");
  return true;
}

// The functions of memlib.h that are for drivers can be called by all. Without
// a range every request could fail, and no mark would be reached.
const char *Checker::heap_gone() {
  if (mem_heap_lo() != lo_ || mem_limit() != limit_)
    return "the heap has gone: somebody called mem_deinit, which is for the "
           "driver";
  if (mem_high_water() < high_water_)
    return "the heap's high-water mark fell: somebody called mem_reset_brk, "
           "which is for the driver; mem_sbrk also takes negative numbers";
  high_water_ = mem_high_water();
  return nullptr;
}

// Whether the range has a multiple of the alignment with so much room behind.
bool Checker::has_place(const Op &op, uint64_t size) const {
  if (op.kind != OpKind::Memalign) return true;
  const uint64_t mask = (uint64_t{1} << op.align_log2) - 1;
  const auto lo = reinterpret_cast<uintptr_t>(lo_);
  uint64_t start;
  return !__builtin_add_overflow(lo + 1, mask, &start) && // a header lies at lo
         (start & ~mask) - lo <= limit_ - size;
}

// NULL is right where the heap cannot hold the block, and for no bytes.
bool Checker::null_result(const Op &op, uint64_t size) {
  const uint64_t limit = limit_, live = truth_.payload;
  if (size == 0 || size > limit || live + size > limit) return true;
  if (!has_place(op, size)) return true;
  return fault(format("returned NULL for %llu bytes, with %llu live in a heap "
                      "that may have %llu",
                      static_cast<ull>(size), static_cast<ull>(live),
                      static_cast<ull>(limit)));
}

bool Checker::allocated(const Op &op, void *result, uint64_t size) {
  truth_.blocks[index(op)] = truth_.shadow.none();
  if (result == nullptr) return null_result(op, size);
  uint64_t whose = thread_ ? uint64_t{thread_->number} << 48 : 0;
  uint64_t seed = mix(truth_.seed + now_ + whose);
  if (!enter(op, result, size, seed)) return false;
  if (op.kind == OpKind::Calloc) {
    const char *bytes = static_cast<const char *>(result);
    bool zero = progress_.in_pieces(0, size, [&](size_t i, size_t to) {
      for (; i < to; i++)
        if (bytes[i] != 0)
          return fault(format("calloc's byte %zu is not zero", i));
      return true;
    });
    if (!zero) return false;
  }
  fill(result, 0, size, seed);
  return true;
}

bool Checker::reallocated(const Op &op, void *old, void *result) {
  const Payload was = old_.second;
  if (result == nullptr) {
    std::unique_lock guard(truth_.lock);
    if (thread_) keep(op, old_.first, was);
    guard.unlock();
    return null_result(op, op.size) &&
           contents_hold(truth_.blocks[index(op)], was.size,
                         "though realloc failed");
  }
  if (!thread_) forget(op);
  if (!enter(op, result, op.size, was.seed)) return false;
  Shadow::Entry block = truth_.blocks[index(op)];
  block->second.born = was.born;
  block->second.thread = was.thread;
  uint64_t kept = std::min(was.size, op.size);
  if (!contents_hold(block, kept,
                     old == result ? "after realloc in place"
                                   : "after realloc moved it"))
    return false;
  fill(result, kept, op.size, was.seed);
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
  size_t usable = size;
  if (fn_->usable_size) {
    usable = fn_->usable_size(result);
    if (usable < size)
      return fault(
          format("usable_size is %zu, less than what was asked for", usable));
    if (usable < mem_limit()) end = std::max(end, start + usable);
  }
  uint32_t whose = thread_ ? thread_->number : Payload::kNone;
  std::unique_lock guard(truth_.lock);
  Shadow::Entry other = truth_.shadow.overlapping(start, end);
  if (other == truth_.shadow.none()) {
    keep(op, start, {end, size, seed, now_, whose});
    guard.unlock();
    // The largest number of all says that it is not known.
    return !allocator_.simulated || usable <= limit_ || usable == SIZE_MAX ||
           fault(format("usable_size is %zu, more than the heap may have",
                        usable));
  }
  std::string of = label(other->first, other->second);
  guard.unlock();
  return fault(format("payload %s overlaps %s",
                      range(start, start + size).c_str(), of.c_str()));
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
  return fault(format("payload %s %s the heap %s%s", range(start, end).c_str(),
                      how, range(lo, brk).c_str(), half_lost(start)));
}

void Checker::fill(void *payload, uint64_t from, uint64_t to, uint64_t seed) {
  if (!options_.contents) return;
  progress_.in_pieces(from, to, [&](size_t at, size_t end) {
    fill_pattern(payload, at, end, seed);
    return true;
  });
}

bool Checker::contents_hold(Shadow::Entry block, uint64_t size,
                            const char *when) {
  if (!options_.contents) return true;
  auto *bytes = reinterpret_cast<const unsigned char *>(block->first);
  size_t wrong = 0;
  if (progress_.in_pieces(0, size, [&](size_t from, size_t to) {
        return (wrong = check_pattern(bytes, from, to, block->second.seed)) ==
               to;
      }))
    return true;
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
  Shadow &shadow = truth_.shadow;
  at_end_ = true;
  if (!heap_holds()) return false;
  for (Shadow::Entry b = shadow.blocks().begin(); b != shadow.none(); ++b)
    if (!contents_hold(b, b->second.size, "though it was never freed"))
      return false;
  at_end_ = false;
  return true;
}

bool Checker::start_heap(int pass) {
  now_ = 0;
  at_end_ = false;
  high_water_ = 0;
  progress_.pass++;
  progress_.op = Progress::kStarting;
  truth_.start(pass);
  const char *why = allocator_.start(options_.zeroed_heap) ? heap_gone()
                    : pass > 0 ? "mm_init failed when it was called again"
                               : "mm_init failed";
  if (!why) return true;
  std::snprintf(report_.text, sizeof report_.text, "%s: %s",
                trace_.path.c_str(), why);
  report_.failed = true;
  report_.op = Progress::kStarting;
  driver_fault(report_.text);
  return false;
}

bool Checker::run_pass(int pass, void **slots) {
  if (!start_heap(pass)) return false;
  if (!replay(trace_, trace_.ops, allocator_.fn, slots, *this)) return false;
  if (!end_of_pass()) return false;
  if (!allocator_.simulated)
    for (uint32_t slot : trace_.live_at_end) allocator_.fn.free(slots[slot]);
  return true;
}

// ---- A pass of several threads ----------------------------------------------

// A checker whose operations wait for their turn, and say when it is over.
struct InTurn {
  Checker &checker;
  ReplayThread &thread;

  void **slot(const Op &op) { return thread.slot(op); }
  bool before(size_t i, const Op &op, void *old) {
    return checker.before(i, op, old);
  }
  bool after(size_t i, const Op &op, void *old, void *result) {
    if (!checker.after(i, op, old, result)) return false;
    thread.ends(op);
    return !*thread.stop;
  }
};

bool Checker::run_thread(ReplayThread &thread, const Functions &fn) {
  thread_ = &thread;
  fn_ = &fn;
  InTurn observer{*this, thread};
  std::span<const Op> ops(thread.part->ops);
  return replay(trace_, ops.first(thread.part->left), fn, nullptr, observer);
}

// Blocks that a trace leaves in a system's heap are freed.
void free_what_is_left(const ReplayThread &thread, const Functions &fn) {
  std::span<const Op> ops(thread.part->ops);
  for (const Op &op : ops.subspan(thread.part->left))
    fn.free(thread.cells[thread.index(op)].block);
}

// ---- Passes
// -----------------------------------------------------------------

Checker *describing; // for the crash handler

void describe(char *text, size_t size, const void *address) {
  if (describing) describing->describe_address(text, size, address);
}

// Makes a checker known to the crash handler, and guards what is past the brk.
class Watch {
public:
  Watch(Checker &checker, bool guard) : guard_(guard) {
    if (guard_) mem_guard(1);
    describing = &checker;
    set_crash_describer(describe);
  }
  ~Watch() {
    describing = nullptr;
    if (guard_) mem_guard(0);
  }
  Watch(const Watch &) = delete;
  Watch &operator=(const Watch &) = delete;

private:
  bool guard_;
};

} // namespace

bool check_trace(const Trace &trace, const Allocator &allocator,
                 const CheckOptions &options, int passes, Progress &progress,
                 CheckReport &report) {
  Truth truth(trace.slots);
  Checker checker(trace, allocator, options, truth, progress, report);
  std::vector<void *> slots(trace.slots, nullptr);
  Watch watch(checker, allocator.simulated);
  report.passes = 0;
  for (int pass = 0; pass < passes; pass++) {
    bool ok = checker.run_pass(pass, slots.data());
    report.high_water = mem_high_water();
    if (!ok) return false;
    report.passes++;
  }
  return true;
}

bool check_threads(ThreadedReplay &threads, const Trace &trace,
                   const Allocator &allocator, const Functions &fn,
                   const CheckOptions &options, int passes, Progress &progress,
                   CheckReport &report) {
  Truth truth(threads.cells());
  Checker whole(trace, allocator, options, truth, progress, report);
  Watch watch(whole, allocator.simulated);
  report.passes = 0;
  for (int pass = 0; pass < passes; pass++) {
    if (!whole.start_heap(pass)) return false;
    threads.start_over();
    threads.run([&](ReplayThread &thread) {
      Checker one(trace, allocator, options, truth, progress, report);
      if (!one.run_thread(thread, fn)) threads.stop();
    });
    if (report.failed || !whole.end_of_pass()) return false;
    if (!allocator.simulated)
      threads.run([&](ReplayThread &t) { free_what_is_left(t, fn); });
    report.passes++;
  }
  return true;
}

} // namespace driver
