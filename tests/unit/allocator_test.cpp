// allocator_test.cpp - what can be asked to allocate, and its names.
#include "driver/allocator.hpp"

#include "driver/text.hpp"
#include "memlib.h"
#include "tests/check.h"

#include <cstring>

using namespace driver;

TEST(default_names) {
  CHECK_EQ(default_name(""), "mm");
  CHECK_EQ(default_name("libc"), "libc");
  CHECK_EQ(default_name("build/alloc/alice.so"), "alice");
  CHECK_EQ(default_name("/usr/lib/x/libjemalloc.so.2"), "libjemalloc");
  CHECK_EQ(default_name("./bob.so"), "bob");
}

TEST(the_linked_allocator) {
  mem_reserve(64 << 20, nullptr);
  Allocator a = load_allocator("");
  CHECK(a.simulated && a.init_symbol != nullptr);
  CHECK(a.start(false));
  char *p = static_cast<char *>(a.fn.malloc(100));
  char *lo = static_cast<char *>(mem_heap_lo());
  CHECK(p >= lo && p + 100 <= lo + mem_heapsize());
  CHECK(a.check_heap(__LINE__));
  a.fn.free(p);
}

TEST(libc_as_an_allocator) {
  for (const char *what : {"libc", "libc-notrim"}) {
    Allocator a = load_allocator(what);
    CHECK_EQ(a.name, what);
    CHECK(!a.simulated && a.thread_safe && a.aligns);
    CHECK(a.start(true) && a.check_heap(0)); // nothing to do
    void *p = a.fn.memalign(256, 100);
    CHECK_EQ(reinterpret_cast<uintptr_t>(p) % 256, 0);
    CHECK(a.fn.usable_size(p) >= 100);
    a.fn.free(p);
  }
}

// ---- Functions that a submission may leave out ------------------------------

namespace {

char *bump() {
  return static_cast<char *>(mem_heap_lo()) + mem_heapsize();
}
void *bump_malloc(size_t size) {
  if (size > 4096) return nullptr;
  char *p = bump();
  return mem_sbrk(static_cast<long>((size + 15) / 16 * 16)) == p ? p : nullptr;
}
void *freed;
void bump_free(void *p) {
  freed = p;
}

// The substitutes, over a bump allocator.
Allocator bare() {
  mem_reserve(1 << 20, nullptr);
  static int (*const init)() = [] { return 0; };
  Allocator a = load_allocator("");
  Functions all = a.fn;
  a.fn = {};
  a.fn.malloc = bump_malloc;
  a.fn.free = bump_free;
  a.init_symbol = reinterpret_cast<void *>(init);
  a.checkheap_symbol = nullptr;
  fill_in_substitutes(a);
  CHECK(a.fn.realloc != all.realloc);
  CHECK(a.start(false));
  return a;
}

} // namespace

TEST(realloc_by_malloc_and_free) {
  Allocator a = bare();
  auto *p = static_cast<char *>(a.fn.realloc(nullptr, 40));
  CHECK(p != nullptr);
  std::memcpy(p, "thirty-nine characters and a zero byte.", 40);
  auto *q = static_cast<char *>(a.fn.realloc(p, 80));
  CHECK(q != p && freed == p);
  CHECK_EQ(std::string(q), "thirty-nine characters and a zero byte.");
  auto *r = static_cast<char *>(a.fn.realloc(q, 6));
  CHECK_EQ(std::string(r, 6), "thirty");
  freed = nullptr;
  CHECK(a.fn.realloc(r, 1 << 20) == nullptr);
  CHECK(freed == nullptr); // a realloc that fails keeps the block
  CHECK(a.fn.realloc(r, 0) == nullptr && freed == r);
}

TEST(calloc_by_malloc) {
  Allocator a = bare();
  std::memset(a.fn.malloc(512), 7, 512);
  mem_sbrk(-512);
  auto *p = static_cast<char *>(a.fn.calloc(10, 30));
  for (int i = 0; i < 300; i++) CHECK_EQ(int{p[i]}, 0);
  CHECK(a.fn.calloc(SIZE_MAX / 2, 3) == nullptr);
}

TEST(memalign_by_malloc_is_not_checked) {
  Allocator a = bare();
  CHECK(!a.aligns);
  CHECK(a.fn.memalign(4096, 100) != nullptr);
  CHECK(!a.fn.usable_size && !a.fn.walk);
}
