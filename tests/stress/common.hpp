// common.hpp - what the stress tests share: the allocator under test (linked
// statically, its optional functions possibly absent), random numbers, blocks
// whose content is known, and how a failure is told.
#pragma once

#define MM_OPTIONAL
#include "mm.h"

#include "config.h"
#include "driver/shadow.hpp"
#include "memlib.h"

#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

extern "C" {
#define WEAK __attribute__((weak))
WEAK void *mm_calloc(size_t, size_t);
WEAK void *mm_memalign(size_t, size_t);
WEAK size_t mm_usable_size(void *);
WEAK int mm_checkheap(int);
WEAK void mm_walk(mm_visit *, void *);
WEAK const char *mm_name(void);
WEAK int mm_thread_safe(void);
WEAK void mm_chaos_on_heartbeat(void (*)(uint64_t));
}

namespace stress {

// splitmix64: small, and good enough to find bugs.
class Random {
public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  uint64_t below(uint64_t n) { return next() % n; }
  bool one_in(uint64_t n) { return below(n) == 0; }

private:
  uint64_t state_;
};

// The test that is running, for messages: the command repeats it.
struct Run {
  const char *program = "", *test = "", *argument = "";
  uint64_t seed = 0, ops = 0;
};
inline Run run;

__attribute__((format(printf, 1, 2), noreturn)) inline void
fail(const char *what, ...) {
  va_list args;
  va_start(args, what);
  std::printf("FAIL stress: %s of %s\n    ", run.test, run.program);
  std::vprintf(what, args);
  std::printf("\n    see it again: %s %llu %llu %s\n", run.program,
              static_cast<unsigned long long>(run.seed),
              static_cast<unsigned long long>(run.ops), run.argument);
  va_end(args);
  std::fflush(stdout);
  std::_Exit(1);
}

inline void passed() {
  std::printf("ok stress: %s of %s\n", run.test, run.program);
  std::fflush(stdout);
}

// Arguments: [SEED [OPERATIONS]]; by default a fresh seed.
inline void read_arguments(int argc, char **argv, uint64_t ops) {
  run.program = argv[0];
  run.seed = reinterpret_cast<uintptr_t>(&argc) ^ uint64_t(getpid()) << 40;
  run.seed = Random(run.seed).next() % 1000000000;
  run.ops = ops;
  if (argc > 1 && *argv[1]) run.seed = std::strtoull(argv[1], nullptr, 10);
  if (argc > 2) run.ops = std::strtoull(argv[2], nullptr, 10);
  // Before anything can crash.
  std::printf("%s: seed %llu, %llu operations\n", run.program,
              static_cast<unsigned long long>(run.seed),
              static_cast<unsigned long long>(run.ops));
  std::fflush(stdout);
}

// A block that was asked for, and what it must hold.
struct Block {
  char *payload = nullptr;
  size_t size = 0;
  uint64_t seed = 0;

  void fill(size_t from) const {
    driver::fill_pattern(payload, from, size, seed);
  }
  void verify(size_t bytes, const char *when) const {
    size_t wrong = driver::check_pattern(payload, 0, bytes, seed);
    if (wrong == bytes) return;
    fail("block %p of %zu bytes lost its content %s: byte %zu",
         static_cast<void *>(payload), size, when, wrong);
  }
};

// What can be said of a fresh payload without knowing the others.
inline void check_payload(const char *payload, size_t size, size_t align) {
  auto at = reinterpret_cast<uintptr_t>(payload);
  char *lo = static_cast<char *>(mem_heap_lo());
  if (align < ALIGNMENT) align = ALIGNMENT;
  if (at % align != 0)
    fail("payload %p is not a multiple of %zu",
         static_cast<const void *>(payload), align);
  if (payload < lo || payload + size > lo + mem_heapsize())
    fail("payload %p of %zu bytes is not inside the heap",
         static_cast<const void *>(payload), size);
  if (mm_usable_size && mm_usable_size(const_cast<char *>(payload)) < size)
    fail("usable_size of a block of %zu bytes is %zu", size,
         mm_usable_size(const_cast<char *>(payload)));
}

// Sizes as programs ask for them: each mood has its own.
inline size_t random_size(Random &random, unsigned mood) {
  switch (mood % 6) {
  case 0:
    return random.below(65);
  case 1:
    return random.below(1025);
  case 2: // around powers of two, where classes end
    return (size_t{16} << random.below(12)) + random.below(33) -
           random.below(17);
  case 3:
    return random.below(size_t{1} << random.below(18));
  case 4: // a few sizes only, some of them large
    return size_t{24} << random.below(4) * random.below(4);
  default: // all over the place; now and then megabytes
    return random.below(size_t{2} << random.below(random.one_in(50) ? 22 : 14));
  }
}

} // namespace stress
