#include "sandbox.hpp"

#include "clock.hpp"
#include "text.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <initializer_list>
#include <poll.h>
#include <set>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace driver {
namespace {

[[noreturn]] void system_failure(const char *what) {
  const char *remedy = errno == EMFILE   ? "raise `ulimit -n`"
                       : errno == EAGAIN ? "raise `ulimit -u`"
                                         : "--no-fork runs it in the driver's "
                                           "own process";
  throw InputError(format("cannot isolate an allocator: %s: %s; %s", what,
                          std::strerror(errno), remedy));
}

// ---- When a signal ends the driver ------------------------------------------

// The process groups of the sandboxes, which a signal for the driver does not
// reach. The children themselves die with the driver (confine), theirs would
// not. (Against SIGKILL there is no help, and none for who left its group.)
constexpr int kEndings[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM,
                            SIGPIPE, SIGALRM, SIGXCPU};
std::atomic<pid_t> groups[64];

void take_along(int signal_number) {
  for (const std::atomic<pid_t> &group : groups)
    if (pid_t pid = group) kill(-pid, SIGKILL);
  signal(signal_number, SIG_DFL);
  sigset_t now;
  sigemptyset(&now);
  sigaddset(&now, signal_number);
  sigprocmask(SIG_UNBLOCK, &now, nullptr);
  raise(signal_number);
  // The first process of a container does not end by that.
  _exit(128 + signal_number);
}

// Changes a group that is known; 0 is none. With more than there is room for,
// those that come last are not known.
void note_group(pid_t old, pid_t now) {
  for (std::atomic<pid_t> &group : groups)
    if (group == old) {
      group = now;
      return;
    }
}

// What the driver's caller ignores is still ignored.
void replace_handlers(sighandler_t old, sighandler_t now) {
  for (int number : kEndings) {
    sighandler_t was = signal(number, now);
    if (was != old) signal(number, was);
  }
}

// ---- In the child ---------------------------------------------------------

// Bytes that a child may print; describe() names the number too.
constexpr rlim_t kOutputLimit = 16 << 20;

Progress *crash_progress;
CrashDescriber crash_describer;
thread_local unsigned thread_number; // from 1; 0: the first

// Where the stack was when the signal came; 0 where we do not know how.
uintptr_t stack_pointer(const void *context) {
  [[maybe_unused]] auto *c = static_cast<const ucontext_t *>(context);
#if defined(__x86_64__)
  return static_cast<uintptr_t>(c->uc_mcontext.gregs[REG_RSP]);
#elif defined(__aarch64__)
  return c->uc_mcontext.sp;
#else
  return 0;
#endif
}

void describe_crash(const siginfo_t *info, const void *context) {
  constexpr uintptr_t kNear = 64 << 10;
  char *text = crash_progress->crash;
  const size_t size = sizeof crash_progress->crash;
  auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  uintptr_t stack = stack_pointer(context);
  // The CPU keeps a non-canonical address to itself: si_addr is 0 then.
  if (info->si_code == SI_KERNEL && address == 0)
    std::snprintf(text, size,
                  "it used a wild address that no program can have");
  else if (address > stack - kNear && address < stack + kNear)
    std::snprintf(text, size, "the stack overflowed, an endless recursion?");
  else if (crash_describer)
    crash_describer(text, size, info->si_addr);
}

// Called by the thread that ends the process.
void note_thread() {
  if (crash_progress) crash_progress->ended_by = thread_number;
}

// Says what the address is near, and lets the signal do its work.
void on_crash(int signal_number, siginfo_t *info, void *context) {
  signal(signal_number, SIG_DFL); // also for a crash in what follows
  note_thread();
  if (crash_progress && (signal_number == SIGSEGV || signal_number == SIGBUS))
    describe_crash(info, context);
  raise(signal_number);
}

constexpr size_t kSignalStack = 64 << 10;

// Signals are handled on that stack: the thread's own may be what overflowed.
void set_signal_stack(void *stack) {
  stack_t alternative{};
  alternative.ss_sp = stack;
  alternative.ss_size = kSignalStack;
  alternative.ss_flags = stack ? 0 : SS_DISABLE;
  sigaltstack(&alternative, nullptr);
}

void install_crash_handler(Progress &progress) {
  static char stack[kSignalStack];
  set_signal_stack(stack);
  crash_progress = &progress;
  std::atexit(note_thread);
  struct sigaction action {};
  action.sa_sigaction = on_crash;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  for (int number : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL})
    sigaction(number, &action, nullptr);
}

bool limit(int resource, rlim_t value) {
  struct rlimit bound {
    value, value
  };
  return setrlimit(static_cast<__rlimit_resource>(resource), &bound) == 0;
}

// Data pages that this process may write by now, in bytes: the limit counts
// from there, as the parent's traces and reserved heap are in it already.
uint64_t data_size() {
  unsigned long size, resident, shared, text, library, data = 0;
  std::FILE *file = std::fopen("/proc/self/statm", "r");
  if (!file) return 0;
  if (std::fscanf(file, "%lu %lu %lu %lu %lu %lu", &size, &resident, &shared,
                  &text, &library, &data) != 6)
    data = 0;
  std::fclose(file);
  return static_cast<uint64_t>(data) *
         static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

// An allocator may write to whatever is open; it shall not be another
// program's, such as the pipe of a grader that started the driver.
void close_all_but(std::initializer_list<int> kept) {
  unsigned from = STDERR_FILENO + 1;
  std::vector<int> sorted(kept);
  std::sort(sorted.begin(), sorted.end());
  for (int fd : sorted) {
    auto keep = static_cast<unsigned>(fd);
    if (keep > from) close_range(from, keep - 1, 0);
    from = keep + 1;
  }
  close_range(from, ~0u, 0);
}

// A signal that the driver's caller blocks must not keep the crash handler, or
// the end of who prints too much, from coming.
void unblock_signals() {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

void confine(const Limits &limits, int output_fd) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  setpgid(0, 0); // so that what it forks is killed with it
  int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  dup2(null, STDIN_FILENO);
  dup2(output_fd, STDOUT_FILENO);
  dup2(output_fd, STDERR_FILENO);
  setvbuf(stdout, nullptr, _IONBF, 0); // a crash must not swallow anything
  limit(RLIMIT_CORE, 0);
  // Under a lower limit of the caller's to print must not be fatal.
  if (limit(RLIMIT_FSIZE, kOutputLimit)) signal(SIGXFSZ, SIG_DFL);
  replace_handlers(take_along, SIG_DFL);
  unblock_signals();
  if (limits.memory > 0) limit(RLIMIT_DATA, data_size() + limits.memory);
}

// noexcept: nothing that is thrown here may reach the parent's handlers, as
// these would go on in the child.
void serve_until_closed(const Sandbox::Serve &serve, int commands,
                        int replies) noexcept {
  char command;
  while (read(commands, &command, 1) == 1) {
    serve(command);
    std::fflush(stdout);
    if (write(replies, &command, 1) != 1) break;
  }
  // If the driver is still there to read this, it has not closed them.
  std::snprintf(crash_progress->crash, sizeof crash_progress->crash,
                "somebody closed file descriptors that are the driver's");
}

} // namespace

void set_crash_describer(CrashDescriber describer) {
  crash_describer = describer;
}

ThreadInChild::ThreadInChild(Progress &progress, unsigned number)
    : stack_(new char[kSignalStack]) {
  thread_number = number + 1;
  progress.thread[number].op = ThreadProgress::kIdle;
  set_signal_stack(stack_.get());
}

ThreadInChild::~ThreadInChild() {
  set_signal_stack(nullptr);
}

unsigned ThreadInChild::number() {
  return thread_number;
}

uint64_t Progress::moves() const {
  uint64_t sum = op + (uint64_t{pass} << 40) + own;
  for (uint32_t t = 0; t < threads; t++) sum += thread[t].op * (2 * t + 3);
  return sum;
}

std::optional<unsigned> Progress::culprit() const {
  if (threads == 0) return {};
  if (ended_by > 0) return ended_by - 1;
  if (locked_by > 0) return locked_by - 1;
  for (uint32_t t = 0; t < threads; t++)
    if ((thread[t].op & ThreadProgress::kWaiting) == 0) return t;
  return {};
}

void *map_shared(size_t bytes) {
  void *memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) system_failure("mmap");
  return memory;
}

void unmap_shared(void *memory, size_t bytes) {
  munmap(memory, bytes);
}

std::string describe(const Ending &ending) {
  const int digits = ending.seconds < 1 ? 1 : 0;
  switch (ending.kind) {
  case Ending::kKilled: {
    const char *name = sigabbrev_np(ending.code);
    return format(
        "killed by SIG%s (%s)%s", name ? name : "?", strsignal(ending.code),
        ending.code == SIGXFSZ ? ", as it printed more than 16M" : "");
  }
  case Ending::kExited:
    return format("ended its process with exit status %d", ending.code);
  case Ending::kTimeout:
    return format("stopped after %.*f s (-s allows more)", digits,
                  ending.seconds);
  case Ending::kStuck:
    return format("has not returned for %.*f s, an endless loop?", digits,
                  ending.seconds);
  case Ending::kDone:
    break;
  }
  return "done";
}

// ---- In the parent --------------------------------------------------------

bool address_space_is_limited() {
  struct rlimit bound {};
  return getrlimit(RLIMIT_AS, &bound) == 0 && bound.rlim_cur != RLIM_INFINITY;
}

void outlive_file_limit() {
  signal(SIGXFSZ, SIG_IGN);
}

namespace {

// The processes whose parent the driver is: its sandboxes, and those that a
// child of such a one left behind. None where the kernel does not tell.
std::set<pid_t> children_now() {
  std::set<pid_t> pids;
  std::FILE *file = std::fopen("/proc/thread-self/children", "r");
  for (int pid; file && std::fscanf(file, "%d", &pid) == 1;) pids.insert(pid);
  if (file) std::fclose(file);
  return pids;
}

// Who left its sandbox's process group, as daemons do, is not killed with it;
// when its parent is gone it becomes the driver's own child.
class Strays {
public:
  Strays() : kept_(children_now()) {
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    replace_handlers(SIG_DFL, take_along);
  }

  void keep(pid_t pid) { kept_.insert(pid); }
  void forget(pid_t pid) { kept_.erase(pid); }

  // The children of one that was killed come only then, so look again; but not
  // for ever, as they may fork faster. (What a process that was there before
  // the driver leaves behind comes here, too, and is killed.)
  void kill_all() const {
    bool more = true;
    for (int rounds = 0; more && rounds < 1000; rounds++) {
      more = false;
      for (pid_t pid : children_now()) {
        if (kept_.contains(pid)) continue;
        kill(pid, SIGKILL);
        more = waitpid(pid, nullptr, 0) == pid || more;
      }
    }
  }

private:
  std::set<pid_t> kept_; // sandboxes, and what was there before the driver
};

Strays &strays() {
  static Strays all;
  return all;
}

} // namespace

Sandbox::Sandbox(const Limits &limits, Progress &progress, Serve serve)
    : limits_(limits), progress_(progress), serve_(std::move(serve)) {
  if (limits_.fork) start_child();
}

void Sandbox::start_child() {
  int commands[2], replies[2];
  output_fd_ = memfd_create("output", MFD_CLOEXEC);
  if (output_fd_ < 0) system_failure("memfd_create");
  if (pipe2(commands, O_CLOEXEC) != 0 || pipe2(replies, O_CLOEXEC) != 0)
    system_failure("pipe");
  strays();
  signal(SIGCHLD, SIG_DFL); // if it is ignored nobody learns how a child ended
  std::fflush(nullptr);     // or the child would print it again
  pid_ = fork();
  if (pid_ < 0) system_failure("fork");
  if (pid_ == 0) {
    close(commands[1]);
    close(replies[0]);
    confine(limits_, output_fd_);
    close_all_but({commands[0], replies[1]});
    install_crash_handler(progress_);
    serve_until_closed(serve_, commands[0], replies[1]);
    _exit(0);
  }
  strays().keep(pid_);
  note_group(0, pid_);
  close(commands[0]);
  close(replies[1]);
  command_fd_ = commands[1];
  reply_fd_ = replies[0];
}

Sandbox::~Sandbox() {
  if (pid_ > 0) reap(Ending::kDone, 0);
  for (int fd : {command_fd_, reply_fd_, output_fd_})
    if (fd >= 0) close(fd);
}

Ending Sandbox::call(char command) {
  progress_.crash[0] = '\0';
  progress_.op = Progress::kStarting;
  progress_.inside = Progress::kOperation;
  progress_.threads = 0;
  if (!limits_.fork) {
    serve_(command);
    return {};
  }
  // A child that is gone makes this fail, and the wait finds out why.
  struct sigaction ignore {
  }, old{};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, &old);
  ssize_t written = write(command_fd_, &command, 1);
  sigaction(SIGPIPE, &old, nullptr);
  (void)written;
  return wait_for_reply();
}

// Looks in now and then whether operations still get done.
Ending Sandbox::wait_for_reply() {
  const double start = static_cast<double>(now_ns()) * 1e-9;
  double moved = start;
  uint64_t moves = progress_.moves();
  for (;;) {
    pollfd poller{reply_fd_, POLLIN, 0};
    int ready = poll(&poller, 1, 50);
    double now = static_cast<double>(now_ns()) * 1e-9;
    if (ready > 0) {
      char reply;
      if (read(reply_fd_, &reply, 1) == 1)
        return {Ending::kDone, 0, now - start};
      return reap(Ending::kExited, now - start);
    }
    if (uint64_t last = std::exchange(moves, progress_.moves()); last != moves)
      moved = now;
    // A grandchild may hold the pipe open that the child's end should close.
    if (ready == 0 && child_ended()) return reap(Ending::kExited, now - start);
    bool late = now - start > limits_.seconds;
    if (now - moved > (late ? limits_.op_seconds / 2 : limits_.op_seconds))
      return reap(Ending::kStuck, now - moved);
    if (late) return reap(Ending::kTimeout, now - start);
  }
}

bool Sandbox::child_ended() const {
  siginfo_t info{};
  int flags = WEXITED | WNOHANG | WNOWAIT;
  return waitid(P_PID, static_cast<id_t>(pid_), &info, flags) == 0 &&
         info.si_pid == pid_;
}

// Ends the child and learns how it ended: by itself if `kind` is kExited.
Ending Sandbox::reap(Ending::Kind kind, double seconds) {
  int status = 0;
  pid_t ended = 0;
  // It closed its end of the pipe; give it a second to go by itself.
  for (int i = 0; kind == Ending::kExited && ended == 0 && i < 100; i++) {
    ended = waitpid(pid_, &status, WNOHANG);
    if (ended == 0) usleep(10000);
  }
  if (ended == 0) {
    if (kind == Ending::kExited) {
      kind = Ending::kStuck;
      seconds += 1;
    }
    kill(pid_, SIGKILL);
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
  }
  kill(-pid_, SIGKILL); // and what it may have forked
  note_group(pid_, 0);
  strays().forget(pid_);
  strays().kill_all();
  pid_ = -1;
  if (kind != Ending::kExited) return {kind, 0, seconds};
  if (WIFSIGNALED(status)) return {Ending::kKilled, WTERMSIG(status), seconds};
  return {Ending::kExited, WEXITSTATUS(status), seconds};
}

std::string Sandbox::output() const {
  constexpr size_t kMost = 4000;
  if (output_fd_ < 0) return "";
  std::string text(kMost, '\0');
  ssize_t got = pread(output_fd_, text.data(), kMost, 0);
  text.resize(got > 0 ? static_cast<size_t>(got) : 0);
  size_t lines = 0, end = 0;
  while (end < text.size() && lines < 30)
    if (text[end++] == '\n') lines++;
  bool cut = end < text.size() || text.size() == kMost;
  text.resize(end);
  return cut ? text + "...\n" : text;
}

} // namespace driver
