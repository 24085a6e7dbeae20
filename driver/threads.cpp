#include "threads.hpp"

#include "clock.hpp"
#include "text.hpp"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <pthread.h>
#include <thread>

namespace driver {

// ---- Waiting ----------------------------------------------------------------

namespace {

// Spins for as long as another CPU may need to get there, then lets others
// have this one. Waits until `done` says so.
template <class Done> void spin_until(Done done) {
  constexpr int kSpins = 200;
  for (int i = 0; !done(); i++)
    if (i >= kSpins) std::this_thread::yield();
}

} // namespace

bool ReplayThread::wait_for(const Cell &cell) {
  const uint64_t op = progress->op.load(std::memory_order_relaxed);
  progress->op.store(op | ThreadProgress::kWaiting, std::memory_order_relaxed);
  spin_until([&] {
    return cell.turn.load(std::memory_order_acquire) == number ||
           stop->load(std::memory_order_relaxed);
  });
  progress->op.store(op, std::memory_order_relaxed);
  return cell.turn.load(std::memory_order_acquire) == number;
}

// ---- Who does what ----------------------------------------------------------

size_t operation_of(const Trace &trace, unsigned thread, size_t i) {
  if (trace.threads == 1) return i;
  for (size_t op = 0; op < trace.ops.size(); op++)
    if (trace.ops[op].thread == thread && i-- == 0) return op;
  return trace.ops.size();
}

namespace {

// Deals the operations out, and works out for each who uses its cell next.
class Dealer {
public:
  Dealer(const Trace &trace, bool handoff, std::vector<Part> &parts)
      : trace_(trace), handoff_(handoff), parts_(parts), uses_(trace.slots) {}

  void deal();
  std::vector<uint32_t> first_turns() const;

private:
  // What is known of a slot.
  struct Use {
    bool seen = false, shared = false;
    unsigned first = 0, last = 0; // threads
    size_t op = 0;                // the last one, in its thread's part
  };

  // Of a replica these are relative: 0 is its own thread, 1 the next one.
  unsigned doer(const Op &op) const {
    if (trace_.threads > 1) return op.thread;
    return handoff_ && op.kind == OpKind::Free;
  }
  uint8_t distance(unsigned from, unsigned to) const {
    unsigned n = trace_.replay_threads();
    return static_cast<uint8_t>((to + n - from) % n);
  }
  Part &part(unsigned thread) {
    return parts_[trace_.threads > 1 ? thread : 0];
  }
  void give(Op op, unsigned thread);

  const Trace &trace_;
  const bool handoff_;
  std::vector<Part> &parts_;
  std::vector<Use> uses_; // by slot
};

void Dealer::give(Op op, unsigned thread) {
  Use &use = uses_[op.slot];
  std::vector<Op> &ops = part(thread).ops;
  op.thread = 0;
  if (op.slot != kNullSlot) {
    if (use.seen)
      part(use.last).ops[use.op].thread = distance(use.last, thread);
    else
      use.first = thread;
    use.shared = use.shared || use.first != thread;
    use.seen = true;
    use.last = thread;
    use.op = ops.size();
  }
  ops.push_back(op);
}

void Dealer::deal() {
  parts_.assign(trace_.threads, {});
  for (const Op &op : trace_.ops) give(op, doer(op));
  for (Part &p : parts_) p.left = p.ops.size();
  // By the thread that had the block last; in a handoff, by the next one.
  for (uint32_t slot : trace_.live_at_end) {
    Op op{};
    op.kind = OpKind::Free;
    op.slot = slot;
    give(op, trace_.threads > 1 ? uses_[slot].last : doer(op));
  }
  for (const Use &use : uses_)
    if (use.seen)
      part(use.last).ops[use.op].thread = distance(use.last, use.first);
  for (Part &p : parts_)
    for (Op &op : p.ops)
      op.flags = uses_[op.slot].shared ? ReplayThread::kShared : 0;
}

std::vector<uint32_t> Dealer::first_turns() const {
  std::vector<uint32_t> turns;
  for (const Use &use : uses_) turns.push_back(use.first);
  return turns;
}

} // namespace

ThreadedReplay::ThreadedReplay(const Trace &trace, const ThreadOptions &options,
                               Progress &progress)
    : trace_(trace), progress_(progress) {
  const bool handoff = options.handoff && trace.replicas > 1;
  Dealer dealer(trace, handoff, parts_);
  dealer.deal();
  first_turn_ = dealer.first_turns();
  if (trace.threads > 1) group_cells();
  const size_t own = first_turn_.size();
  cell_count_ = own * std::max(trace.replicas, 1u);
  cells_ = std::make_unique<Cell[]>(cell_count_);
  for (unsigned t = 0; t < threads(); t++) {
    ReplayThread hand;
    hand.number = t;
    hand.threads = threads();
    hand.part = &parts_[trace.replicas ? 0 : t];
    hand.cells = hand.allocates = hand.frees = cells_.get();
    if (trace.replicas) hand.allocates = hand.frees = cells_.get() + t * own;
    if (handoff)
      hand.frees = cells_.get() + (t + threads() - 1) % threads() * own;
    hand.progress = &progress.thread[t];
    hand.stop = &stop_;
    hands_.push_back(hand);
  }
}

// The cells of each thread's blocks lie together, or threads would get in each
// other's way in the replay's own memory.
void ThreadedReplay::group_cells() {
  constexpr uint32_t kLine = 64 / sizeof(Cell);
  std::vector<uint32_t> place(first_turn_.size()), turns(kLine);
  for (unsigned t = 0; t < threads(); t++) {
    for (size_t slot = 1; slot < first_turn_.size(); slot++) {
      if (first_turn_[slot] != t) continue;
      place[slot] = static_cast<uint32_t>(turns.size());
      turns.push_back(t);
    }
    while (turns.size() % kLine) turns.push_back(t);
  }
  for (Part &part : parts_)
    for (Op &op : part.ops) op.slot = place[op.slot]; // kNullSlot stays
  first_turn_ = std::move(turns);
}

void ThreadedReplay::reset_cells() {
  const size_t own = first_turn_.size();
  for (size_t i = 0; i < cell_count_; i++) {
    cells_[i].block = nullptr;
    cells_[i].turn = first_turn_[i % own] + static_cast<uint32_t>(i / own);
  }
}

uint64_t ThreadedReplay::operations() const {
  uint64_t sum = 0;
  for (const ReplayThread &hand : hands_) sum += hand.part->ops.size();
  return sum;
}

// ---- The threads ------------------------------------------------------------

// They sleep between jobs, and wake up one after the other; so they meet
// before a job begins, and only then its time does.
struct ThreadedReplay::Crew {
  Crew(std::vector<ReplayThread> &hands, Progress &progress);
  ~Crew() { dismiss(); }
  double run(const Job &job);

  struct Member {
    Crew *crew;
    ReplayThread *hand;
    pthread_t thread;
    uint64_t end; // of its job
  };

private:
  void start(Member &member);
  void dismiss();
  void serve(Member &member);
  const Job *next_job(uint64_t number);
  void meet(uint64_t number);

  Progress &progress_;
  std::vector<Member> members_;
  size_t born_ = 0;

  std::mutex lock_; // what follows
  std::condition_variable called_, finished_;
  const Job *job_ = nullptr;
  uint64_t jobs_ = 0; // so far
  size_t done_ = 0;   // members that are done with it
  bool dismissed_ = false;

  std::atomic<size_t> ready_{0};
  std::atomic<uint64_t> begun_{0}; // the job that all are ready for
  uint64_t start_ns_ = 0;
};

ThreadedReplay::Crew::Crew(std::vector<ReplayThread> &hands, Progress &progress)
    : progress_(progress) {
  for (ReplayThread &hand : hands) members_.push_back({this, &hand, {}, 0});
  for (Member &member : members_) start(member);
}

void ThreadedReplay::Crew::start(Member &member) {
  // 256 of the system's 8 MiB would count as an allocator's memory.
  constexpr size_t kStack = 1 << 20;
  auto body = [](void *m) -> void * {
    auto *self = static_cast<Member *>(m);
    self->crew->serve(*self);
    return nullptr;
  };
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStack);
  int error = pthread_create(&member.thread, &attributes, body, &member);
  pthread_attr_destroy(&attributes);
  if (error == 0) {
    born_++;
    return;
  }
  dismiss();
  throw InputError(format("cannot start thread %zu of %zu: %s; raise `ulimit "
                          "-u` and `-v`, or ask for fewer with --threads",
                          born_ + 1, members_.size(), std::strerror(error)));
}

void ThreadedReplay::Crew::dismiss() {
  {
    std::lock_guard guard(lock_);
    dismissed_ = true;
  }
  called_.notify_all();
  for (size_t i = 0; i < born_; i++) pthread_join(members_[i].thread, nullptr);
}

void ThreadedReplay::Crew::serve(Member &member) {
  ThreadInChild here(progress_, member.hand->number);
  for (uint64_t number = 1;; number++) {
    const Job *job = next_job(number);
    if (!job) return;
    meet(number);
    (*job)(*member.hand);
    member.end = now_ns();
    member.hand->progress->op = ThreadProgress::kIdle;
    std::lock_guard guard(lock_);
    if (++done_ == members_.size()) finished_.notify_one();
  }
}

const ThreadedReplay::Job *ThreadedReplay::Crew::next_job(uint64_t number) {
  std::unique_lock guard(lock_);
  called_.wait(guard, [&] { return jobs_ == number || dismissed_; });
  return dismissed_ ? nullptr : job_;
}

void ThreadedReplay::Crew::meet(uint64_t number) {
  if (++ready_ == members_.size()) {
    ready_ = 0;
    start_ns_ = now_ns();
    begun_.store(number, std::memory_order_release);
  } else {
    spin_until(
        [&] { return begun_.load(std::memory_order_acquire) == number; });
  }
}

double ThreadedReplay::Crew::run(const Job &job) {
  std::unique_lock guard(lock_);
  job_ = &job;
  done_ = 0;
  jobs_++;
  called_.notify_all();
  finished_.wait(guard, [&] { return done_ == members_.size(); });
  uint64_t end = start_ns_;
  for (const Member &member : members_) end = std::max(end, member.end);
  return static_cast<double>(end - start_ns_);
}

ThreadedReplay::~ThreadedReplay() = default;

void ThreadedReplay::start_over() {
  crew_.reset();
  reset_cells();
  stop_ = false;
  crew_ = std::make_unique<Crew>(hands_, progress_);
}

double ThreadedReplay::run(const Job &job) {
  progress_.ended_by = progress_.locked_by = 0;
  progress_.threads = threads();
  double ns = crew_->run(job);
  progress_.threads = 0;
  return ns;
}

// ---- One lock for all -------------------------------------------------------

namespace {

struct {
  std::mutex lock;
  Functions fn;
  Progress *progress;
} locked;

// While it is held, the parent can see by whom.
class Held {
public:
  Held() : guard_(locked.lock) { say(ThreadInChild::number()); }
  ~Held() { say(0); }
  Held(const Held &) = delete;
  Held &operator=(const Held &) = delete;

private:
  static void say(unsigned number) {
    locked.progress->locked_by.store(number, std::memory_order_relaxed);
  }
  std::lock_guard<std::mutex> guard_;
};

} // namespace

Functions under_a_lock(const Functions &fn, Progress &progress) {
  locked.fn = fn;
  locked.progress = &progress;
  Functions all{};
  all.malloc = [](size_t size) {
    Held held;
    return locked.fn.malloc(size);
  };
  all.free = [](void *block) {
    Held held;
    locked.fn.free(block);
  };
  all.realloc = [](void *block, size_t size) {
    Held held;
    return locked.fn.realloc(block, size);
  };
  all.calloc = [](size_t count, size_t size) {
    Held held;
    return locked.fn.calloc(count, size);
  };
  all.memalign = [](size_t align, size_t size) {
    Held held;
    return locked.fn.memalign(align, size);
  };
  all.usable_size = [](void *block) {
    Held held;
    return locked.fn.usable_size(block);
  };
  if (!fn.usable_size) all.usable_size = nullptr;
  return all;
}

} // namespace driver
