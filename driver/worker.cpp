#include "worker.hpp"

#include "config.h"
#include "text.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <new>

namespace driver {

// The limit is for what an allocator takes beside its heap. The driver's tables
// are not its; a system's allocator has its heap there, which may be as long as
// one of the lab's.
static Limits limits_of(const AllocatorInfo &who, const Trace &trace,
                        const Options &options) {
  constexpr uint64_t kBlock = 128, kThread = 2 << 20;
  const uint64_t replicas = std::max(trace.replicas, 1u);
  Limits limits = options.limits;
  if (limits.memory == 0) return limits;
  if (!who.simulated)
    limits.memory = std::max(limits.memory, MEMORY_LIMIT) + options.max_heap;
  limits.memory += trace.slots * kBlock * replicas;
  if (trace.threaded())
    limits.memory += trace.replayed_ops() * 2 * sizeof(Op) +
                     trace.replay_threads() * kThread;
  return limits;
}

Worker::Worker(const AllocatorInfo &who, const Trace &trace,
               const Options &options)
    : who_(who), trace_(trace), options_(options),
      sandbox_(limits_of(who, trace, options), shared_->progress,
               [this](char command) { serve(command); }) {}

// ---- In the child ---------------------------------------------------------

void Worker::serve(char command) {
  Shared &s = *shared_;
  try {
    if (!allocator_) allocator_ = load_allocator(who_.what);
    do_phase(command);
  } catch (const InputError &error) {
    std::snprintf(s.error, sizeof s.error, "%s", error.what());
  } catch (const std::bad_alloc &) {
    // Where only --memory-limit bounds what there is, the allocator took it.
    if (!address_space_is_limited()) throw;
    std::snprintf(s.error, sizeof s.error,
                  "out of memory; raise `ulimit -v`, or give smaller traces");
  }
}

void Worker::do_phase(char command) {
  Shared &s = *shared_;
  if (command == 'C' || (command == 't' && trace_.threaded())) {
    do_threaded_phase(command);
  } else if (command == 'c') {
    check_trace(trace_, *allocator_, options_.check, s.check_passes, s.progress,
                s.check);
  } else if (command == 's') {
    driver::measure_space(trace_, *allocator_, s.progress, s.space);
  } else {
    slots_.resize(trace_.slots);
    driver::time_round(trace_, *allocator_, slots_.data(),
                       options_.check.zeroed_heap, s.progress, s.round);
  }
}

void Worker::do_threaded_phase(char command) {
  Shared &s = *shared_;
  const Allocator &a = *allocator_;
  if (!threads_) threads_.emplace(trace_, options_.threads, s.progress);
  Functions fn = who_.locked ? under_a_lock(a.fn, s.progress) : a.fn;
  if (command == 'C')
    driver::check_threads(*threads_, trace_, a, fn, options_.check,
                          s.check_passes, s.progress, s.check);
  else
    time_threads(*threads_, trace_, a, fn, options_.check.zeroed_heap,
                 s.progress, s.round);
}

// ---- In the parent --------------------------------------------------------

bool Worker::call(char command, const char *phase) {
  in_threads_ = command == 'C' || (command == 't' && trace_.threaded());
  Ending ending = sandbox_.call(command);
  ended_ = ending.kind;
  if (ending.kind != Ending::kDone) locate();
  // What the driver itself lacks is no fault of the allocator.
  if (shared_->error[0])
    throw InputError(format("%s: %s: %s", trace_.path.c_str(),
                            who_.name.c_str(), shared_->error));
  if (ending.kind != Ending::kDone) fault_ = describe_end(ending, phase);
  return fault_.empty();
}

// The first fault stays; `how_to_see` is the flag that repeats the phase.
bool Worker::fail(const std::string &fault, const char *how_to_see) {
  if (fault_.empty()) fault_ = fault;
  advice_ = advise(how_to_see);
  return false;
}

// Whether the work was done is seen from its results: the child's word for it
// may be the allocator's, which can write to whatever is open.
constexpr char kUnfinished[] =
    "its process said that it was done, but did not finish being ";

// What went well once and fails when it is done again mostly has one cause,
// which the operation does not show. (That mm_init says so itself is clear, and
// to be slow is no such fault.)
std::string Worker::pass_of_fault() const {
  const CheckReport &check = shared_->check;
  bool init_said_so = check.failed && check.op == Progress::kStarting;
  bool done = check.passes == shared_->check_passes; // what came then is not it
  if (shared_->check_passes < 2 || shared_->progress.pass < 2 || init_said_so ||
      done || ended_ == Ending::kTimeout)
    return "";
  return "; in pass 2, the first was right: does mm_init reset all variables, "
         "and is no byte of the heap taken for zero?";
}

bool Worker::check(int passes) {
  shared_->check_passes = passes;
  const char *how = passes > 1 ? "-c" : "-f";
  if (!call('c', "checked")) {
    fault_ += pass_of_fault();
    return fail("", how);
  }
  if (shared_->check.failed) {
    shared_->progress.op = shared_->check.op;
    return fail(shared_->check.text + pass_of_fault(), how);
  }
  return shared_->check.passes == passes ||
         fail(place() + kUnfinished + "checked", how);
}

// Of more than one pass, as a race does not show in each.
bool Worker::check_threads() {
  constexpr int kPasses = 3;
  shared_->check_passes = kPasses;
  if (!call('C', "checked with threads")) return fail("", "-c");
  if (shared_->check.failed) {
    shared_->progress.op = shared_->check.op;
    return fail(shared_->check.text, "-c");
  }
  return shared_->check.passes == kPasses ||
         fail(place() + kUnfinished + "checked with threads", "-c");
}

bool Worker::measure_space() {
  if (!call('s', "measured for space")) return fail("", "-c");
  if (shared_->space.text[0]) return fail(shared_->space.text, "-c");
  return shared_->space.done ||
         fail(place() + kUnfinished + "measured for space", "-c");
}

bool Worker::time_round(uint32_t passes) {
  shared_->round.passes = passes;
  // In one process the allocators take turns in one heap; and as many passes
  // each time, since there instructions are counted.
  if (!options_.limits.fork) {
    shared_->round.begun = false;
    shared_->round.warm = true;
  }
  shared_->round.ns = 0;
  if (!call('t', "timed")) return fail("", "-f");
  if (shared_->round.failed) return fail(shared_->round.text, "-f");
  return shared_->round.ns > 0 || fail(place() + kUnfinished + "timed", "-f");
}

// When threads came to an end: which of them did, and in which operation.
void Worker::locate() {
  Progress &progress = shared_->progress;
  std::optional<unsigned> thread = progress.culprit();
  if (!thread) return;
  uint64_t own = progress.thread[*thread].op & ~ThreadProgress::kWaiting;
  progress.op = operation_of(trace_, *thread, own);
  thread_ = format("thread %u of %u: ", *thread + 1, progress.threads.load());
}

// "traces/x.rep:57: r 12 640: ", of the operation that was being done.
std::string Worker::place() const {
  uint64_t op = shared_->progress.op;
  if (op >= trace_.ops.size()) return trace_.path + ": " + thread_;
  return format("%s: %s: %s", trace_.where(op).c_str(),
                trace_.line_text(op).c_str(), thread_.c_str());
}

static const char *doing(Progress::Inside inside) {
  return inside == Progress::kChecker ? "mm_checkheap after operation"
         : inside == Progress::kWalk  ? "mm_walk after operation"
                                      : "operation";
}

// "traces/x.rep:57: r 12 640: killed by SIGSEGV (..), in operation 53 of .."
std::string Worker::describe_end(const Ending &ending, const char *phase) {
  Progress &progress = shared_->progress;
  uint64_t op = progress.op;
  bool inside = op < trace_.ops.size();
  std::string text = place() + describe(ending);
  if (inside)
    text += format(", in %s %llu of %zu", doing(progress.inside),
                   static_cast<unsigned long long>(op + 1), trace_.ops.size());
  else
    text += progress.threads ? ", when threads were at work"
            : in_threads_    ? ", in mm_init or as a thread ended"
                             : ", in mm_init or before";
  text += format(" while it was %s", phase);
  return text + progress.note();
}

// Those without which the heap would not be the same.
static std::string heap_flags(const Options &options) {
  using ull = unsigned long long;
  std::string text;
  if (options.check.alignment != ALIGNMENT)
    text +=
        format(" --alignment %llu", static_cast<ull>(options.check.alignment));
  if (options.max_heap != MAX_HEAP)
    text += format(" --max-heap %llu", static_cast<ull>(options.max_heap));
  if (options.heap_base)
    text += format(" --heap-base 0x%llx", static_cast<ull>(options.heap_base));
  if (options.check.zeroed_heap) text += " --zero-heap";
  return text;
}

// A fault that only timing shows is not to be had at one operation.
std::string Worker::advise(const char *how) const {
  uint64_t op = shared_->progress.op;
  std::string text =
      "gdb -ex run --args " + shell_quote(options_.program) + " --no-fork";
  if (!who_.what.empty()) text += " --allocator " + shell_quote(who_.what);
  text += heap_flags(options_);
  if (options_.check.check_every)
    text += format(" --check-every %llu",
                   static_cast<unsigned long long>(options_.check.check_every));
  if (in_threads_ && trace_.replicas)
    text += format(" --threads %u", trace_.replicas);
  if (in_threads_ && options_.threads.handoff) text += " --handoff";
  if (in_threads_ && options_.threads.lock) text += " --lock";
  text += format(" %s %s", how, shell_quote(trace_.path).c_str());
  if (op < trace_.ops.size() && std::strcmp(how, "-c") == 0 && !in_threads_)
    text += format(" --stop-at %llu", static_cast<unsigned long long>(op + 1));
  return text;
}

} // namespace driver
