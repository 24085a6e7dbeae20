// memlib_test.cpp - the simulated heap keeps what memlib.h promises.
#include "memlib.h"
#include "tests/check.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <sys/wait.h>
#include <thread>
#include <vector>

namespace {

constexpr size_t kLimit = 1 << 20;
void *const kFailed = reinterpret_cast<void *>(-1);

char *lo() {
  return static_cast<char *>(mem_heap_lo());
}

void *move(long incr) {
  errno = 0;
  return mem_sbrk(incr);
}

// The signal that ends a process which runs body, 0 if none does.
template <class Body> int signal_of(Body body) {
  pid_t pid = fork();
  if (pid == 0) {
    for (int s : {SIGSEGV, SIGBUS}) signal(s, SIG_DFL);
    body();
    _exit(0);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

void poke(volatile char *at) {
  *at = 1;
}

} // namespace

TEST(an_empty_heap) {
  CHECK_EQ(mem_reserve(kLimit, nullptr), 0);
  CHECK_EQ(reinterpret_cast<uintptr_t>(lo()) % mem_pagesize(), 0);
  CHECK(mem_heap_hi() == lo() - 1);
  CHECK_EQ(mem_heapsize(), 0);
  CHECK_EQ(mem_high_water(), 0);
  CHECK_EQ(mem_limit(), kLimit);
  CHECK(move(0) == lo());
}

TEST(sbrk_up_and_down) {
  mem_reserve(kLimit, nullptr);
  CHECK(move(1000) == lo());
  CHECK(move(3000) == lo() + 1000); // contiguous
  CHECK(move(0) == lo() + 4000);
  CHECK(mem_heap_hi() == lo() + 3999);
  std::memset(lo(), 7, 4000);
  CHECK(move(-3500) == lo() + 4000);
  CHECK_EQ(mem_heapsize(), 500);
  CHECK_EQ(mem_high_water(), 4000);
  for (int i = 0; i < 500; i++) CHECK_EQ(int{lo()[i]}, 7);
  CHECK(move(-500) == lo() + 500);
  CHECK_EQ(mem_heapsize(), 0);
  CHECK(move(100) == lo());
  CHECK_EQ(mem_high_water(), 4000);
}

// Memory that was given back costs nothing and reads as zero.
TEST(a_lowered_brk_gives_pages_back) {
  mem_reserve(kLimit, nullptr);
  size_t page = mem_pagesize();
  move(static_cast<long>(10 * page));
  std::memset(lo(), 7, 10 * page);
  CHECK_EQ(mem_touched(), 10 * page);
  move(-static_cast<long>(8 * page));
  CHECK_EQ(mem_touched(), 2 * page);
  move(static_cast<long>(8 * page));
  CHECK_EQ(int{lo()[2 * page]}, 0);
  CHECK_EQ(int{lo()[2 * page - 1]}, 7);
}

TEST(beyond_the_limits_nothing_moves) {
  mem_reserve(kLimit, nullptr);
  move(5000);
  for (long incr : {static_cast<long>(kLimit - 5000 + 1), long{INT64_MAX},
                    -5001l, long{INT64_MIN}, INT64_MIN + 1l}) {
    CHECK(move(incr) == kFailed);
    CHECK_EQ(errno, ENOMEM);
    CHECK_EQ(mem_heapsize(), 5000);
    CHECK_EQ(mem_high_water(), 5000);
  }
  CHECK(move(kLimit - 5000) == lo() + 5000); // to the last byte
  lo()[kLimit - 1] = 1;
  CHECK(move(1) == kFailed);
}

TEST(just_outside_the_range_faults) {
  mem_reserve(kLimit, nullptr);
  CHECK_EQ(signal_of([] { poke(lo()); }), 0);
  CHECK_EQ(signal_of([] { poke(lo() - 1); }), SIGSEGV);
  CHECK_EQ(signal_of([] { poke(lo() + kLimit); }), SIGSEGV);
}

TEST(dirty_and_zeroed_resets) {
  mem_reserve(kLimit, nullptr);
  move(20000);
  std::memset(lo(), 7, 20000);
  mem_reset_brk();
  CHECK_EQ(mem_heapsize(), 0);
  CHECK_EQ(mem_high_water(), 0);
  move(20000);
  CHECK(std::all_of(lo(), lo() + 20000, [](char c) { return c == 7; }));
  mem_reset_brk_zeroed();
  CHECK_EQ(mem_heapsize(), 0);
  move(20000);
  CHECK(std::all_of(lo(), lo() + 20000, [](char c) { return c == 0; }));
}

// What was touched stays so over a reset, unless it goes back to the system.
TEST(fresh_is_what_nobody_touched) {
  auto fresh = [] { return static_cast<char *>(mem_fresh()) - lo(); };
  mem_reserve(kLimit, nullptr);
  const long page = static_cast<long>(mem_pagesize());
  CHECK_EQ(fresh(), 0);
  move(10 * page + 100);
  CHECK_EQ(fresh(), 10 * page + 100);
  move(-2 * page); // the pages above go back
  CHECK_EQ(fresh(), 9 * page);
  mem_reset_brk();
  CHECK_EQ(fresh(), 9 * page);
  move(3 * page);
  move(-page); // what is above is still dirty
  CHECK_EQ(fresh(), 9 * page);
  mem_reset_brk_zeroed();
  CHECK_EQ(fresh(), 0);
}

TEST(release_keeps_the_rest) {
  mem_reserve(kLimit, nullptr);
  size_t page = mem_pagesize();
  move(static_cast<long>(10 * page));
  std::memset(lo(), 7, 10 * page);
  CHECK_EQ(mem_release(lo() + 100, 3 * page), 0); // pages 1 and 2 are whole
  for (size_t i = 0; i < 10 * page; i++) {
    bool released = i >= page && i < 3 * page;
    CHECK_EQ(int{lo()[i]}, released ? 0 : 7);
  }
  CHECK_EQ(mem_heapsize(), 10 * page);
  CHECK_EQ(mem_release(lo() + 1, page), 0); // no whole page inside
  CHECK_EQ(int{lo()[page - 1]}, 7);
}

TEST(release_only_inside_the_heap) {
  mem_reserve(kLimit, nullptr);
  move(20000);
  std::memset(lo(), 7, 20000);
  struct {
    char *from;
    size_t len;
  } bad[] = {{lo() - 1, 100},
             {lo(), 20001},
             {lo() + 20001, 0},
             {lo() + 100, SIZE_MAX},
             {nullptr, 100}};
  for (auto [from, len] : bad) {
    errno = 0;
    CHECK_EQ(mem_release(from, len), -1);
    CHECK_EQ(errno, EINVAL);
  }
  CHECK(std::all_of(lo(), lo() + 20000, [](char c) { return c == 7; }));
  CHECK_EQ(mem_release(lo() + 20000, 0), 0);
}

TEST(reserving_again) {
  mem_reserve(kLimit, nullptr);
  move(1000);
  CHECK_EQ(mem_reserve(2 * kLimit, nullptr), 0);
  CHECK_EQ(mem_limit(), 2 * kLimit);
  CHECK_EQ(mem_heapsize(), 0);
  CHECK_EQ(mem_reserve(100, nullptr), 0); // rounded up to whole pages
  CHECK_EQ(mem_limit(), mem_pagesize());
  errno = 0;
  CHECK_EQ(mem_reserve(kLimit, reinterpret_cast<void *>(4097)), -1);
  CHECK_EQ(errno, EINVAL);
  CHECK_EQ(mem_reserve(SIZE_MAX, nullptr), -1);
  mem_deinit();
  mem_init();
  CHECK(mem_limit() >= 100u << 20);
}

// For code of the 32-bit days, which keeps pointers in an unsigned.
TEST(a_heap_at_a_low_address) {
  auto *base = reinterpret_cast<void *>(0x10000000);
  if (mem_reserve(kLimit, base) != 0)
    return check::skip("something else lies at 0x10000000");
  CHECK(mem_heap_lo() == base);
  move(100);
  auto small = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(lo() + 99));
  CHECK(reinterpret_cast<char *>(uintptr_t{small}) == lo() + 99);
  mem_deinit();
}

// ---- The guard --------------------------------------------------------------

namespace {

struct Guarded {
  Guarded() {
    mem_reserve(kLimit, nullptr);
    mem_guard(1);
  }
  ~Guarded() { mem_guard(0); }
};

} // namespace

// The guard's pattern is gone where the brk moves over it, but no other dirt.
TEST(fresh_under_a_guard) {
  Guarded guarded;
  move(100);
  char *fresh = static_cast<char *>(mem_fresh());
  move(100);
  CHECK(fresh == lo() + 100);
  CHECK(std::all_of(fresh, lo() + 200, [](char c) { return c == 0; }));
  std::memset(lo(), 7, 200);
  mem_reset_brk();
  move(100);
  move(100);
  CHECK(std::none_of(lo(), lo() + 200, [](char c) { return c == 0; }));
  CHECK(static_cast<char *>(mem_fresh()) == lo() + mem_pagesize());
}

TEST(guard_finds_a_write_past_the_brk) {
  Guarded guarded;
  move(1000);
  std::memset(lo(), 0, 1000);
  CHECK(mem_guard_broken(SIZE_MAX) == nullptr);
  lo()[1500] = 0;
  CHECK(mem_guard_broken(500) == nullptr); // not among these bytes
  CHECK(mem_guard_broken(501) == lo() + 1500);
  CHECK(mem_guard_broken(SIZE_MAX) == lo() + 1500);
  lo()[1000] = 0;
  CHECK(mem_guard_broken(SIZE_MAX) == lo() + 1000);
}

// The write is found though the brk passes over it before anybody looks.
TEST(guard_remembers_when_the_brk_moves) {
  for (long incr : {5000l, -600l}) {
    Guarded guarded;
    move(1000);
    lo()[1010] = 0;
    move(incr);
    CHECK(mem_guard_broken(0) == lo() + 1010);
    mem_reset_brk();
    CHECK(mem_guard_broken(SIZE_MAX) == nullptr);
  }
}

TEST(guard_makes_the_pages_above_inaccessible) {
  Guarded guarded;
  auto page = static_cast<long>(mem_pagesize());
  move(page + 10);
  CHECK_EQ(signal_of([=] { poke(lo() + 2 * page - 1); }), 0);
  CHECK_EQ(signal_of([=] { poke(lo() + 2 * page); }), SIGSEGV);
  move(-20);
  CHECK_EQ(signal_of([=] { poke(lo() + page); }), SIGSEGV);
  CHECK(mem_guard_broken(SIZE_MAX) == nullptr);
  move(5 * page);
  std::memset(lo(), 1, static_cast<size_t>(6 * page - 10));
  CHECK(mem_guard_broken(SIZE_MAX) == nullptr);
  mem_reset_brk();
  CHECK_EQ(signal_of([] { poke(lo()); }), SIGSEGV);
}

TEST(without_a_guard_all_is_accessible) {
  { Guarded guarded; }
  move(10);
  CHECK_EQ(signal_of([] { poke(lo() + kLimit - 1); }), 0);
  CHECK(mem_guard_broken(SIZE_MAX) == nullptr);
}

// ---- Threads ----------------------------------------------------------------

namespace {

// Runs `work` in four threads that begin at the same time.
template <class Work> void in_four_threads(Work work) {
  std::atomic<int> ready{0};
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 4; t++)
    threads.emplace_back([&, t] {
      for (ready++; ready < 4;) std::this_thread::yield();
      work(t);
    });
  for (std::thread &thread : threads) thread.join();
}

} // namespace

TEST(sbrk_of_four_threads_yields_disjoint_ranges) {
  constexpr size_t kThreads = 4, kRounds = 50000, kMost = 64;
  mem_reserve(kThreads * kRounds * kMost, nullptr);
  std::vector<std::pair<char *, size_t>> got[kThreads];
  auto work = [&](size_t t) {
    for (size_t i = 0; i < kRounds; i++) {
      size_t n = 1 + (i * 7 + t) % kMost;
      got[t].emplace_back(static_cast<char *>(mem_sbrk(static_cast<long>(n))),
                          n);
    }
  };
  in_four_threads(work);
  std::vector<std::pair<char *, size_t>> all;
  for (auto &one : got) all.insert(all.end(), one.begin(), one.end());
  std::sort(all.begin(), all.end());
  char *next = lo(); // no gap either
  for (auto [start, size] : all) {
    CHECK(start == next);
    next = start + size;
  }
  CHECK(next == lo() + mem_heapsize());
  CHECK_EQ(mem_high_water(), mem_heapsize());
}

// Each thread goes up and down by the same; the sum is where it began.
TEST(sbrk_up_and_down_by_four_threads) {
  mem_reserve(kLimit, nullptr);
  auto work = [](size_t) {
    for (int i = 0; i < 20000; i++) {
      if (mem_sbrk(100) == kFailed) return;
      mem_sbrk(-100);
    }
  };
  in_four_threads(work);
  CHECK_EQ(mem_heapsize(), 0);
  CHECK(mem_high_water() >= 100 && mem_high_water() <= 400);
}

// ---- Accessors --------------------------------------------------------------

TEST(accessors_of_the_cmu_lab) {
  unsigned char bytes[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  CHECK_EQ(mem_read(bytes, 1), 1);
  CHECK_EQ(mem_read(bytes, 3), 0x030201);
  CHECK_EQ(mem_read(bytes, 8), 0x0807060504030201);
  CHECK_EQ(mem_read(bytes + 1, 8), 0x0908070605040302);
  mem_write(bytes, 0xaabbccdd, 2);
  CHECK(bytes[0] == 0xdd && bytes[1] == 0xcc && bytes[2] == 3);
  CHECK(mem_memset(bytes, 9, 4) == bytes);
  CHECK(bytes[3] == 9 && bytes[4] == 5);
  CHECK(mem_memcpy(bytes + 8, bytes, 4) == bytes + 8);
  CHECK(bytes[11] == 9);
}
