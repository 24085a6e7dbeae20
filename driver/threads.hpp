// threads.hpp - several threads that replay one trace: who does which
// operations and in what order, and the threads themselves.
//
//   a trace with tags    each thread does its own lines
//   --threads N          each of N does all of a trace, with its own blocks
//   --handoff            the same, but a block is freed by the next thread
//
// Each block's address is kept in a cell. Operations of one thread stay in
// order by themselves; where several threads use a cell, a number in it says
// whose turn it is:
//
//   thread 0: a 5 100      thread 1: f 5
//     turn is 0: malloc      waits while turn is 0
//     turn = 1         --->  takes the block, frees it
//                            turn = 0, for the next pass
//
// All else may run in any order. There is no deadlock: if the operations ran in
// the order of the file's lines, no thread would ever have to wait. A thread
// may run ahead of the others into its next pass until a turn stops it.
#pragma once

#include "allocator.hpp"
#include "sandbox.hpp"
#include "trace.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

namespace driver {

struct ThreadOptions {
  uint32_t replicas = 0; // --threads; 0: not asked for
  bool handoff = false;
  bool lock = false; // also around allocators that are thread-safe
};

struct Cell {
  void *block = nullptr;
  std::atomic<uint32_t> turn{0}; // which thread uses it next
};

// What a thread does in a pass. In these operations three fields of Op mean
// something else: `slot` is a cell, counted from the thread's first; `thread`
// says which thread uses the cell next: this thread's number plus it, modulo
// the number of threads; `flags` is kShared if several threads use the cell.
struct Part {
  std::vector<Op> ops; // then frees of the blocks that the trace leaves
  size_t left = 0;     // index of the first of those
};

// The same operation in the trace: the `i`th of those of `thread`.
size_t operation_of(const Trace &trace, unsigned thread, size_t i);

// One thread's side of a replay: what an observer of replay() needs to know.
class ReplayThread {
public:
  static constexpr uint8_t kShared = 1;

  // The cell of an operation, as soon as it is this thread's turn to use it;
  // NULL if the replay was stopped.
  void **slot(const Op &op) {
    Cell &cell = cell_of(op);
    if ((op.flags & kShared) &&
        cell.turn.load(std::memory_order_acquire) != number && !wait_for(cell))
      return nullptr;
    return &cell.block;
  }

  void starts(size_t i) { progress->op.store(i, std::memory_order_relaxed); }

  // Release: the next thread sees the block's address and its content.
  void ends(const Op &op) {
    if (op.thread)
      cell_of(op).turn.store((number + op.thread) % threads,
                             std::memory_order_release);
  }

  // Cells counted among all threads'.
  size_t index(const Op &op) const {
    return static_cast<size_t>(&cell_of(op) - cells);
  }

  unsigned number = 0, threads = 1;
  const Part *part = nullptr;
  Cell *cells = nullptr;                       // of all
  Cell *allocates = nullptr, *frees = nullptr; // where its own begin
  ThreadProgress *progress = nullptr;
  const std::atomic<bool> *stop = nullptr;

private:
  Cell &cell_of(const Op &op) const {
    return (op.kind == OpKind::Free ? frees : allocates)[op.slot];
  }
  bool wait_for(const Cell &cell);
};

class ThreadedReplay {
public:
  using Job = std::function<void(ReplayThread &)>;

  // `trace` and `progress` must outlive it. Starts no thread yet.
  ThreadedReplay(const Trace &trace, const ThreadOptions &options,
                 Progress &progress);
  ~ThreadedReplay();
  ThreadedReplay(const ThreadedReplay &) = delete;
  ThreadedReplay &operator=(const ThreadedReplay &) = delete;

  // For a new heap: ends the threads, forgets all blocks and starts new
  // threads, as a thread that used the heap before mm_init may still know
  // something of it. Throws InputError if the system has no threads left.
  void start_over();

  // Has each thread do the job, all at the same time. Returns the nanoseconds
  // from when all were ready until the last one was done.
  double run(const Job &job);

  // Ends the run early in all threads, as one found a fault.
  void stop() { stop_ = true; }

  unsigned threads() const { return trace_.replay_threads(); }
  size_t cells() const { return cell_count_; }
  uint64_t operations() const; // of all threads in a pass

private:
  struct Crew; // the threads

  void group_cells();
  void reset_cells();

  const Trace &trace_;
  Progress &progress_;
  std::vector<Part> parts_;          // of each thread; or one, for all
  std::vector<uint32_t> first_turn_; // by cell of parts_
  size_t cell_count_ = 0;            // of all threads
  std::unique_ptr<Cell[]> cells_;
  std::vector<ReplayThread> hands_;
  std::atomic<bool> stop_{false};
  std::unique_ptr<Crew> crew_;
};

// The allocator's functions, each of which takes one lock; for one allocator
// at a time in a process.
Functions under_a_lock(const Functions &fn, Progress &progress);

} // namespace driver
