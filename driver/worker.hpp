// worker.hpp - one allocator on one trace, in a process of its own.
#pragma once

#include "check.hpp"
#include "options.hpp"
#include "result.hpp"
#include "sandbox.hpp"
#include "space.hpp"
#include "threads.hpp"
#include "timing.hpp"
#include "trace.hpp"

#include <optional>

namespace driver {

class Worker {
public:
  // `trace` and `options` must outlive the worker.
  Worker(const AllocatorInfo &who, const Trace &trace, const Options &options);

  // Each does its phase in the child, and returns whether that went well; if
  // not, fault() says why, and the worker is of no more use.
  bool check(int passes);
  bool check_threads();
  bool measure_space();
  bool time_round(uint32_t passes);

  const SpaceReport &space() { return shared_->space; }
  const RoundReport &round() { return shared_->round; }

  const std::string &fault() const { return fault_; }
  const std::string &advice() const { return advice_; }
  std::string output() const { return sandbox_.output(); }

private:
  // What parent and child share.
  struct Shared {
    Progress progress;
    int check_passes = 2;
    CheckReport check;
    SpaceReport space;
    RoundReport round;
    char error[4000] = "";
  };

  bool call(char command, const char *phase);
  void serve(char command);
  void do_phase(char command);
  void do_threaded_phase(char command);
  void locate();
  bool fail(const std::string &fault, const char *how_to_see);
  std::string place() const;
  std::string pass_of_fault() const;
  std::string describe_end(const Ending &ending, const char *phase);
  std::string advise(const char *how) const;

  const AllocatorInfo &who_;
  const Trace &trace_;
  const Options &options_;
  SharedMemory<Shared> shared_;
  std::optional<Allocator> allocator_;    // in the child
  std::vector<void *> slots_;             // in the child, for time_round
  std::optional<ThreadedReplay> threads_; // in the child
  bool in_threads_ = false;               // what was called last
  Ending::Kind ended_ = Ending::kDone;    // .. and how it ended
  std::string thread_; // "thread 2 of 4: ", where that is known
  std::string fault_, advice_;
  Sandbox sandbox_; // last: it forks, and the child uses all of the above
};

} // namespace driver
