// sandbox.hpp - a child process that runs what may crash, hang or exit.
//
//   parent                               child
//   Sandbox box(limits, serve)  --fork-->  waits for a command
//   box.call('c')               --'c'--->  serve('c')
//        waits, watching        <--'c'---  done
//   ~Sandbox                    --close->  exits
//
// Whatever serve learns it writes into memory shared with the parent
// (SharedMemory). With fork off, call() runs serve in this process, for use
// under a debugger.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <sys/types.h>

namespace driver {

// One object that both processes see. Atomics aside, T must be trivially
// copyable, and must not point to memory that only one of them has.
void *map_shared(size_t bytes);
void unmap_shared(void *memory, size_t bytes);

template <class T> class SharedMemory {
public:
  SharedMemory() : object_(new (map_shared(sizeof(T))) T()) {}
  ~SharedMemory() { unmap_shared(object_, sizeof(T)); }
  SharedMemory(const SharedMemory &) = delete;
  SharedMemory &operator=(const SharedMemory &) = delete;
  T *operator->() { return object_; }
  const T *operator->() const { return object_; }
  T &operator*() { return *object_; }

private:
  T *object_;
};

// Where a thread of the child is: each has a cache line of its own, as it
// writes there at every operation.
struct alignas(64) ThreadProgress {
  static constexpr uint64_t kWaiting = uint64_t{1} << 63; // for another thread
  static constexpr uint64_t kIdle = UINT64_MAX;
  std::atomic<uint64_t> op{kIdle}; // counted among its own
};
constexpr unsigned kMostThreads = 256;

// Where the child is, so that the parent can tell slow from stuck, and knows
// what was going on when the child ended.
struct Progress {
  static constexpr uint64_t kStarting = UINT64_MAX;
  std::atomic<uint64_t> op{0};   // index of the operation being done
  std::atomic<uint32_t> pass{0}; // counts replays
  std::atomic<uint64_t> own{0};  // counts kOwnBytes that the driver worked on
  char crash[512] = "";          // what the crash handler saw
  std::string note() const { return crash[0] ? "; " + std::string(crash) : ""; }

  // What of the allocator is called, where that is not the operation itself.
  enum Inside : uint8_t { kOperation, kChecker, kWalk };
  std::atomic<Inside> inside{kOperation};

  // While threads replay: how many, and the number, from 1, of the one that
  // has the lock around the allocator and of the one that ended the child.
  std::atomic<uint32_t> threads{0}, locked_by{0}, ended_by{0};
  ThreadProgress thread[kMostThreads];

  // The driver fills, touches and verifies payloads. For one of some GB that
  // takes longer than an operation may take. So this calls part(from, to) for
  // pieces of the range, as long as it returns true, and counts the pieces,
  // which shows that the child is not stuck.
  static constexpr uint64_t kOwnBytes = 16 << 20;
  template <class Part> bool in_pieces(uint64_t from, uint64_t to, Part part) {
    for (; to > from && to - from > kOwnBytes; from += kOwnBytes) {
      if (!part(from, from + kOwnBytes)) return false;
      own.fetch_add(1, std::memory_order_relaxed);
    }
    return part(from, to);
  }

  // Changes whenever something was done.
  uint64_t moves() const;

  // The thread that was in the allocator when all ended, as far as that can
  // be known, or none.
  std::optional<unsigned> culprit() const;
};

// Each thread that calls the allocator makes one, for as long as it lives: so
// it is known which thread crashed or exited, even if its stack overflowed.
class ThreadInChild {
public:
  ThreadInChild(Progress &progress, unsigned number);
  ~ThreadInChild();
  ThreadInChild(const ThreadInChild &) = delete;
  ThreadInChild &operator=(const ThreadInChild &) = delete;

  // The calling thread's number, from 1; 0 for the process's first thread.
  static unsigned number();

private:
  std::unique_ptr<char[]> stack_; // for signal handlers
};

struct Limits {
  bool fork = true;
  double seconds = 60;   // for one call
  double op_seconds = 5; // without progress
  uint64_t memory = 0;   // bytes beyond what the parent has
};

struct Ending {
  enum Kind { kDone, kExited, kKilled, kTimeout, kStuck } kind = kDone;
  int code = 0;       // exit status or signal
  double seconds = 0; // how long it was waited for
};

// "killed by SIGSEGV (Segmentation fault)", "ended its process with ..."
std::string describe(const Ending &ending);

class Sandbox {
public:
  using Serve = std::function<void(char command)>;

  Sandbox(const Limits &limits, Progress &progress, Serve serve);
  ~Sandbox();
  Sandbox(const Sandbox &) = delete;
  Sandbox &operator=(const Sandbox &) = delete;

  // Has the child do one thing. After any ending but kDone it is gone.
  Ending call(char command);

  // What it wrote to stdout and stderr so far, at most a few dozen lines.
  std::string output() const;

private:
  void start_child();
  Ending wait_for_reply();
  bool child_ended() const;
  Ending reap(Ending::Kind kind, double seconds);

  Limits limits_;
  Progress &progress_;
  Serve serve_;
  pid_t pid_ = -1;
  int command_fd_ = -1, reply_fd_ = -1, output_fd_ = -1;
};

// Whether there is a `ulimit -v`, so that the driver itself may lack memory.
bool address_space_is_limited();

// Has writing beyond `ulimit -f` fail rather than end the driver.
void outlive_file_limit();

// Called in the child when a signal is about to end it: describes the fault
// address in `text`. Set by the code that knows the heap. It only reads memory,
// as it runs in a signal handler.
using CrashDescriber = void (*)(char *text, size_t size, const void *address);
void set_crash_describer(CrashDescriber describer);

} // namespace driver
