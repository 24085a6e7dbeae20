// sandbox_test.cpp - whatever the child does, the parent learns it and lives.
#include "driver/sandbox.hpp"
#include "tests/check.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace driver;

namespace {

struct Shared {
  Progress progress;
  std::atomic<int> value{0};
  pid_t child = 0;
};

Limits limits() {
  Limits l;
  l.seconds = 5;
  l.op_seconds = 5;
  return l;
}

// What becomes of a child that does `body`.
Ending ending_of(const std::function<void(Shared &)> &body,
                 const Limits &l = limits(), std::string *output = nullptr) {
  SharedMemory<Shared> shared;
  Sandbox box(l, shared->progress, [&](char) { body(*shared); });
  Ending ending = box.call('x');
  if (output) *output = box.output();
  return ending;
}

[[noreturn]] void sleep_forever() {
  for (;;) pause();
}

// Whether a process still does something; one that only waits for its parent
// to take notice of its death does not.
bool alive(pid_t pid) {
  std::string path = "/proc/" + std::to_string(pid) + "/stat";
  std::FILE *file = std::fopen(path.c_str(), "r");
  if (!file) return false;
  char state = 'Z';
  if (std::fscanf(file, "%*d (%*[^)]) %c", &state) != 1) state = 'Z';
  std::fclose(file);
  return state != 'Z' && state != 'X';
}

} // namespace

TEST(a_child_that_is_done) {
  SharedMemory<Shared> shared;
  char last = 0;
  Sandbox box(limits(), shared->progress, [&](char c) {
    last = c;
    shared->value += c == 'a' ? 1 : 10;
  });
  CHECK_EQ(box.call('a').kind == Ending::kDone, true);
  CHECK_EQ(box.call('b').kind == Ending::kDone, true);
  CHECK_EQ(shared->value.load(), 11);
  CHECK_EQ(int{last}, 0); // another process's variable
}

TEST(a_child_that_exits) {
  Ending e = ending_of([](Shared &) { exit(3); });
  CHECK(e.kind == Ending::kExited);
  CHECK_EQ(describe(e), "ended its process with exit status 3");
  e = ending_of([](Shared &) { _exit(0); });
  CHECK_EQ(describe(e), "ended its process with exit status 0");
}

TEST(a_child_that_is_killed) {
  for (int signal_number : {SIGSEGV, SIGABRT, SIGFPE, SIGKILL, SIGTERM}) {
    Ending e = ending_of([=](Shared &) { raise(signal_number); });
    CHECK(e.kind == Ending::kKilled);
    CHECK_EQ(e.code, signal_number);
  }
  CHECK_EQ(describe({Ending::kKilled, SIGSEGV, 0}),
           "killed by SIGSEGV (Segmentation fault)");
}

// A server that starts graders may ignore or block signals, and so do they.
TEST(a_caller_that_ignores_its_children) {
  signal(SIGCHLD, SIG_IGN);
  Ending e = ending_of([](Shared &) { raise(SIGKILL); });
  CHECK_EQ(describe(e), "killed by SIGKILL (Killed)");
  signal(SIGCHLD, SIG_DFL);
}

TEST(a_caller_that_blocks_signals) {
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  Ending e = ending_of([](Shared &) {
    for (;;) std::printf("%01000d\n", 1);
  });
  sigprocmask(SIG_SETMASK, &before, nullptr);
  CHECK_EQ(e.code, SIGXFSZ);
}

TEST(a_child_that_is_stuck) {
  Limits l = limits();
  l.op_seconds = .2;
  Ending e = ending_of([](Shared &) { sleep_forever(); }, l);
  CHECK(e.kind == Ending::kStuck);
  CHECK(e.seconds > .1 && e.seconds < 3);
}

// With a time limit below the patience for one operation, a loop is still
// called a loop.
TEST(a_child_that_is_stuck_until_the_time_limit) {
  Limits l = limits();
  l.seconds = l.op_seconds = .2;
  CHECK(ending_of([](Shared &) { sleep_forever(); }, l).kind == Ending::kStuck);
}

TEST(a_child_that_is_slow) {
  Limits l = limits();
  l.seconds = .4;
  l.op_seconds = .3;
  Ending e = ending_of(
      [](Shared &s) {
        for (;; s.progress.op++) usleep(20000);
      },
      l);
  CHECK(e.kind == Ending::kTimeout);
  CHECK_EQ(describe({Ending::kTimeout, 0, 7}),
           "stopped after 7 s (-s allows more)");
  CHECK_EQ(describe({Ending::kTimeout, 0, .4}),
           "stopped after 0.4 s (-s allows more)");
}

// What holds the pipes open must not make a crash look like a hang.
TEST(a_child_that_leaves_a_grandchild_and_crashes) {
  SharedMemory<Shared> shared;
  Sandbox box(limits(), shared->progress, [&](char) {
    pid_t grandchild = fork();
    if (grandchild == 0) sleep_forever();
    shared->child = grandchild;
    raise(SIGSEGV);
  });
  Ending e = box.call('x');
  CHECK(e.kind == Ending::kKilled);
  CHECK_EQ(e.code, SIGSEGV);
  CHECK(e.seconds < 3);
  CHECK(shared->child > 0);
  for (int i = 0; i < 100 && alive(shared->child); i++) usleep(10000);
  CHECK(!alive(shared->child)); // it is gone too
}

TEST(a_child_that_leaves_a_daemon) {
  SharedMemory<Shared> shared;
  {
    Sandbox box(limits(), shared->progress, [&](char) {
      if (fork() == 0) {
        setsid();
        pid_t daemon = fork();
        if (daemon == 0) sleep_forever();
        shared->child = daemon;
        _exit(0);
      }
      wait(nullptr);
    });
    CHECK(box.call('x').kind == Ending::kDone);
    CHECK(shared->child > 0);
    CHECK(alive(shared->child));
  }
  CHECK(!alive(shared->child));
}

// A signal for the driver ends what its sandboxes have started, too.
TEST(a_driver_that_is_ended) {
  for (int number :
       {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGPIPE, SIGALRM, SIGXCPU}) {
    SharedMemory<Shared> shared;
    pid_t driver = fork();
    if (driver == 0) {
      const struct rlimit no_core {};
      setrlimit(RLIMIT_CORE, &no_core);
      Sandbox box(limits(), shared->progress, [&](char) {
        pid_t grandchild = fork();
        if (grandchild == 0) sleep_forever();
        shared->child = grandchild;
        sleep_forever();
      });
      box.call('x');
      _exit(0);
    }
    for (int i = 0; i < 300 && shared->child == 0; i++) usleep(10000);
    kill(driver, number);
    int status = 0;
    waitpid(driver, &status, 0);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == number);
    CHECK(shared->child > 0);
    for (int i = 0; i < 100 && alive(shared->child); i++) usleep(10000);
    CHECK(!alive(shared->child));
  }
}

TEST(a_child_that_closes_everything) {
  Ending e = ending_of([](Shared &) {
    for (int fd = 0; fd < 64; fd++) close(fd);
    raise(SIGSEGV);
  });
  CHECK(e.kind == Ending::kKilled);
  CHECK_EQ(e.code, SIGSEGV);
}

// Such as the pipe of the program that started the driver.
TEST(a_child_reaches_no_other_files) {
  int pipe_ends[2];
  CHECK_EQ(pipe(pipe_ends), 0);
  SharedMemory<Shared> shared;
  Sandbox box(limits(), shared->progress, [&](char) {
    for (int fd = 3; fd < 256; fd++)
      if (fcntl(fd, F_GETFD) >= 0) shared->value++;
    shared->value += write(pipe_ends[1], "x", 1) == 1 ? 1000 : 0;
  });
  CHECK(box.call('x').kind == Ending::kDone);
  CHECK_EQ(shared->value.load(), 2); // those that it serves its parent by
  close(pipe_ends[0]);
  close(pipe_ends[1]);
}

TEST(output_is_caught) {
  std::string output;
  ending_of(
      [](Shared &) {
        std::printf("to stdout\n");
        std::fflush(stdout);
        std::fprintf(stderr, "to stderr\n");
      },
      limits(), &output);
  CHECK_EQ(output, "to stdout\nto stderr\n");
}

TEST(output_before_a_crash_is_kept) {
  std::string output;
  ending_of(
      [](Shared &) {
        std::printf("last words\n");
        raise(SIGSEGV);
      },
      limits(), &output);
  CHECK_EQ(output, "last words\n");
}

TEST(output_is_cut) {
  std::string output;
  Ending e = ending_of(
      [](Shared &) {
        for (int i = 0; i < 1000; i++) std::printf("line %d\n", i);
      },
      limits(), &output);
  CHECK(e.kind == Ending::kDone);
  CHECK_HAS(output, "line 10\n");
  CHECK(output.ends_with("...\n"));
  CHECK(output.size() < 5000);
}

TEST(a_flood_of_output_ends_the_child) {
  Ending e = ending_of([](Shared &) {
    for (;;) std::printf("%01000d\n", 1);
  });
  CHECK(e.kind == Ending::kKilled);
  CHECK_EQ(e.code, SIGXFSZ);
  CHECK_HAS(describe(e), "printed more than 16M");
}

TEST(memory_is_limited) {
  if (check::kSanitized)
    return check::skip("a sanitizer needs memory of its own");
  Limits l = limits();
  l.memory = 64 << 20;
  SharedMemory<Shared> shared;
  Sandbox box(l, shared->progress, [&](char) {
    auto map = [](size_t bytes) {
      return mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
    };
    shared->value = map(32 << 20) ? 1 : 0;
    shared->value += map(64 << 20) ? 0 : 2;
  });
  CHECK(box.call('x').kind == Ending::kDone);
  CHECK_EQ(shared->value.load(), 3);
}

namespace {
void note_address(char *text, size_t size, const void *address) {
  std::snprintf(text, size, "address %p", address);
}

// What the crash handler wrote.
std::string crash_text(const std::function<void()> &body) {
  SharedMemory<Shared> shared;
  set_crash_describer(note_address);
  Sandbox box(limits(), shared->progress, [&](char) { body(); });
  CHECK_EQ(box.call('x').code, SIGSEGV);
  set_crash_describer(nullptr);
  return shared->progress.crash;
}

// Without an end, which the compiler must not know.
volatile bool enough = false;

int deeper(volatile char *above) {
  volatile char here[4096];
  here[0] = *above;
  return enough ? 0 : deeper(here) + here[0];
}
} // namespace

TEST(the_address_of_a_crash_is_described) {
  volatile auto address = uintptr_t{0x123450};
  CHECK_EQ(crash_text([=] { *reinterpret_cast<volatile char *>(address) = 1; }),
           "address 0x123450");
}

// The CPU does not tell such an address, so it must not be called NULL.
TEST(an_address_that_no_program_can_have) {
#ifdef __x86_64__
  volatile auto address = uintptr_t{0xdeadbeefdeadbeef};
  CHECK_HAS(
      crash_text([=] { *reinterpret_cast<volatile char *>(address) = 1; }),
      "a wild address that no program can have");
#else
  check::skip("only x86-64 hides such addresses");
#endif
}

TEST(a_stack_that_overflows) {
  std::string text = crash_text([] {
    volatile char start = 0;
    deeper(&start);
  });
  CHECK_HAS(text, "the stack overflowed");
}

TEST(without_fork_it_runs_here) {
  Limits l = limits();
  l.fork = false;
  Progress progress;
  int calls = 0;
  Sandbox box(l, progress, [&](char c) { calls += c == 'x'; });
  CHECK(box.call('x').kind == Ending::kDone);
  CHECK_EQ(calls, 1);
  CHECK_EQ(box.output(), "");
}
