// growth.cpp - does an operation cost the same in a long run, and among many
// free blocks?
//
//     growth ALLOCATOR PATTERN N    ALLOCATOR: a .so file, libc, nothing
//
//   operations   N mallocs and frees at random, of up to 2 KiB, about 1,000
//                blocks live: the heap stays as large
//   blocks       up to 512 bytes among about N free blocks, and twice as many
//                live ones
//   nearmiss     N free blocks that are 16 bytes too small, in the list in
//                which the allocator has to look first
//
// Prints nanoseconds of processor time an operation, the loop's included: the
// same with `nothing` is that. For instructions run it under
// `valgrind --tool=callgrind --toggle-collect=counted_operations`. Payloads are
// not touched.
#include "memlib.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <dlfcn.h>
#include <vector>

namespace {

struct Functions {
  void *(*malloc)(size_t);
  void (*free)(void *);
};

[[noreturn]] void fail(const char *what, const char *why) {
  std::fprintf(stderr, "growth: %s: %s\n", what, why);
  std::exit(2);
}

Functions load(const char *file) {
  void *lib = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (lib == nullptr) fail(file, dlerror());
  auto symbol = [lib](const char *name) { return dlsym(lib, name); };
  auto init = reinterpret_cast<int (*)()>(symbol("mm_init"));
  Functions fn = {
      reinterpret_cast<void *(*)(size_t)>(symbol("mm_malloc")),
      reinterpret_cast<void (*)(void *)>(symbol("mm_free")),
  };
  if (!init || !fn.malloc || !fn.free) fail(file, "it is no allocator");
  if (mem_reserve(size_t{8} << 30, nullptr) != 0 || init() < 0)
    fail(file, "mm_init failed");
  return fn;
}

Functions functions_of(const char *allocator) {
  if (std::strcmp(allocator, "libc") == 0) return {std::malloc, std::free};
  if (std::strcmp(allocator, "nothing") == 0)
    return {[](size_t) -> void * { return nullptr; }, [](void *) {}};
  return load(allocator);
}

// The same numbers for every allocator (xorshift, Marsaglia 2003).
uint32_t next_random() {
  static uint64_t state = 88172645463325252;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return static_cast<uint32_t>(state >> 32);
}

struct Heap {
  Functions fn;
  std::vector<void *> slots;
  std::vector<char> used;
  uint32_t most; // bytes of a block

  void turn() { // a block of a slot at random comes or goes
    uint32_t i = static_cast<uint32_t>(next_random() % slots.size());
    if (used[i])
      fn.free(slots[i]);
    else
      slots[i] = fn.malloc(1 + next_random() % most);
    used[i] ^= 1;
  }
};

Heap with_slots(const Functions &fn, size_t slots, uint32_t most) {
  Heap heap{fn, std::vector<void *>(slots), std::vector<char>(slots), most};
  for (size_t i = 0; i < 2 * slots; i++) heap.turn();
  return heap;
}

// Every other block goes; what asks for 16 bytes more comes and goes then.
Heap with_near_misses(const Functions &fn, size_t n) {
  constexpr size_t kSize = 1030;
  std::vector<void *> goes(n);
  for (void *&p : goes) {
    p = fn.malloc(kSize);
    fn.malloc(kSize);
  }
  for (void *p : goes) fn.free(p);
  return {fn, std::vector<void *>(100), std::vector<char>(100), 0};
}

} // namespace

extern "C" __attribute__((noinline)) void counted_operations(Heap &heap,
                                                             size_t n) {
  if (heap.most != 0) {
    for (size_t i = 0; i < n; i++) heap.turn();
    return;
  }
  for (size_t i = 0; i < n; i++) {
    size_t slot = i / 2 % heap.slots.size();
    if (heap.used[slot])
      heap.fn.free(heap.slots[slot]);
    else
      heap.slots[slot] = heap.fn.malloc(1030 + 16);
    heap.used[slot] ^= 1;
  }
}

int main(int argc, char **argv) {
  if (argc != 4) fail("usage", "growth ALLOCATOR PATTERN N");
  const size_t n = std::strtoul(argv[3], nullptr, 10);
  if (n == 0) fail(argv[3], "no number of operations or blocks");
  const Functions fn = functions_of(argv[1]);
  Heap heap;
  size_t operations = n < 100'000 ? 100'000 : n;
  if (std::strcmp(argv[2], "operations") == 0) {
    heap = with_slots(fn, 2'000, 2048);
    operations = n;
  } else if (std::strcmp(argv[2], "blocks") == 0) {
    heap = with_slots(fn, 4 * n, 512);
  } else if (std::strcmp(argv[2], "nearmiss") == 0) {
    heap = with_near_misses(fn, n);
  } else {
    fail(argv[2], "no such pattern");
  }
  const std::clock_t start = std::clock();
  counted_operations(heap, operations);
  const double seconds =
      static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  std::printf("%zu operations, %.1f ns each\n", operations,
              seconds * 1e9 / static_cast<double>(operations));
}
