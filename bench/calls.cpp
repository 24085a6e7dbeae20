// calls.cpp - calls of one allocator in one pattern, for an instruction
// counter:
//
//     calls ALLOCATOR PATTERN       ALLOCATOR: a .so file, libc, bare, nothing
//     calls --list                  the patterns
//
// bench/run.sh runs it under `valgrind --toggle-collect=counted_calls`, which
// counts what happens in counted_calls() and below. The same with `nothing`
// (functions that return at once) is the cost of the loop; the difference is
// the allocator's. `bare`, a linked list of blocks of one size, is the least
// that any allocator can do.
//
// Nothing of the driver is in here: an allocator of the lab finds the functions
// of memlib.h in this program, a system one needs nothing.
#include "memlib.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>

namespace {

constexpr int kCalls = 20'000; // a malloc or a free is a call
constexpr int kMostHeld = 1'000;

struct Functions {
  void *(*malloc)(size_t);
  void (*free)(void *);
};

// A pattern mallocs `held` blocks of `size` bytes, frees them, and again.
struct Pattern {
  const char *name;
  size_t size;
  int held;
  bool lifo;
};
constexpr Pattern kPatterns[] = {
    {"pair16", 16, 1, true},          {"lifo16", 16, kMostHeld, true},
    {"fifo16", 16, kMostHeld, false}, {"pair8k", 8 << 10, 1, true},
    {"pair64k", 64 << 10, 1, true},
};

[[noreturn]] void fail(const char *what, const char *why) {
  std::fprintf(stderr, "calls: %s: %s\n", what, why);
  std::exit(2);
}

// ---- Allocators -------------------------------------------------------------

struct Link {
  Link *next;
};
Link *bare_list;

void *bare_malloc(size_t) {
  Link *block = bare_list;
  if (block == nullptr) return nullptr;
  bare_list = block->next;
  return block;
}

void bare_free(void *block) {
  auto *link = static_cast<Link *>(block);
  link->next = bare_list;
  bare_list = link;
}

Functions bare() {
  static char blocks[kMostHeld][16];
  for (char *block : blocks) bare_free(block);
  return {bare_malloc, bare_free};
}

Functions nothing() {
  return {[](size_t) -> void * { return nullptr; }, [](void *) {}};
}

template <class Function> Function find(void *lib, const char *name) {
  return reinterpret_cast<Function>(dlsym(lib, name));
}

Functions load(const char *file) {
  void *lib = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (lib == nullptr) fail(file, dlerror());
  auto init = find<int (*)()>(lib, "mm_init");
  bool ours = init != nullptr;
  Functions fn = {find<void *(*)(size_t)>(lib, ours ? "mm_malloc" : "malloc"),
                  find<void (*)(void *)>(lib, ours ? "mm_free" : "free")};
  if (fn.malloc == nullptr || fn.free == nullptr)
    fail(file, "it has no malloc and free");
  if (ours) {
    mem_init();
    if (init() < 0) fail(file, "mm_init failed");
  }
  return fn;
}

Functions functions_of(const char *allocator) {
  if (std::strcmp(allocator, "libc") == 0) return {std::malloc, std::free};
  if (std::strcmp(allocator, "bare") == 0) return bare();
  if (std::strcmp(allocator, "nothing") == 0) return nothing();
  return load(allocator);
}

// ---- Calling them -----------------------------------------------------------

void *held[kMostHeld];

void make_calls(const Functions &fn, const Pattern &p) {
  for (int calls = 0; calls < kCalls; calls += 2 * p.held) {
    for (int i = 0; i < p.held; i++) held[i] = fn.malloc(p.size);
    if (p.lifo)
      for (int i = p.held; i-- > 0;) fn.free(held[i]);
    else
      for (int i = 0; i < p.held; i++) fn.free(held[i]);
  }
}

} // namespace

// Known to run.sh by its name.
extern "C" __attribute__((noinline)) void counted_calls(const Functions &fn,
                                                        const Pattern &p) {
  make_calls(fn, p);
}

int main(int argc, char **argv) {
  if (argc == 2 && std::strcmp(argv[1], "--list") == 0) {
    for (const Pattern &p : kPatterns) std::puts(p.name);
    return 0;
  }
  if (argc != 3) fail("usage", "calls ALLOCATOR PATTERN, or calls --list");
  for (const Pattern &p : kPatterns) {
    if (std::strcmp(argv[2], p.name) != 0) continue;
    Functions fn = functions_of(argv[1]);
    make_calls(fn, p); // the first time is not like the others
    counted_calls(fn, p);
    std::printf("%d\n", kCalls);
    return 0;
  }
  fail(argv[2], "no such pattern; --list shows them");
}
