// fuzz_alloc.cpp - bytes become calls of an allocator, which must keep what
// mm.h says of it, and whose own checker must say yes after every call.
//
//   first byte    how large the heap can become
//   then          CALL SLOT [what the call needs]
//
// CALL has the kind of the call in its low three bits and a count above: so
// many times more the same, each with the next of 256 slots, which hold the
// blocks. A few bytes make a heap of hundreds of blocks in this way.
#define MM_OPTIONAL
#include "mm.h"

#include "config.h"
#include "driver/shadow.hpp"
#include "fuzz.hpp"
#include "memlib.h"

#include <cerrno>
#include <cstring>

extern "C" {
#define WEAK __attribute__((weak))
WEAK void *mm_calloc(size_t, size_t);
WEAK void *mm_memalign(size_t, size_t);
WEAK size_t mm_usable_size(void *);
WEAK int mm_checkheap(int);
WEAK void mm_walk(mm_visit *, void *);
}

namespace {

using driver::Shadow;
using fuzz::Bytes;
using fuzz::require;

constexpr size_t kLimits[] = {64 << 10, 256 << 10, 1 << 20, 16 << 20};

constexpr size_t kLarge = 4 << 10;

// Where a size is far from what any heap can hold, or a little above or below
// a power of two, there is more to go wrong than elsewhere.
size_t read_size(Bytes &in) {
  size_t shape = in.next();
  if (shape < 128) return shape;
  size_t more = in.next();
  if (shape < 192) return (shape - 128) * 256 + more;
  if (shape < 240) return (size_t{16} << (shape - 192) / 3) + more - 128;
  if (shape < 252) return (shape - 239) << 14;
  if (shape == 252) return (size_t{1} << 32) - 8 + more;
  if (shape == 253) return (size_t{16} << 29) - 128 + more;
  if (shape == 254) return SIZE_MAX / 2 - 64 + more;
  return SIZE_MAX - more;
}

struct Block {
  char *payload = nullptr;
  size_t size = 0;
};

struct Call {
  unsigned kind = 0;
  size_t size = 0, count = 0, align = 0;
};

class Heap {
public:
  explicit Heap(size_t limit) : limit_(limit) {
    static size_t reserved = 0;
    if (reserved != limit)
      require(mem_reserve(limit, nullptr) == 0, "cannot reserve %zu", limit);
    reserved = limit;
    mem_reset_brk();
    require(mm_init() >= 0, "mm_init failed");
  }

  void apply(const Call &call, uint8_t slot);
  void free_all();

private:
  void accept(Block &block, void *payload, size_t size, size_t align);
  void refuse(size_t bytes);
  void release(Block &block);
  void reallocate(Block &block, size_t size);
  void verify(const Block &block, size_t bytes);
  uint64_t seed_of(const Block &block) {
    return static_cast<uint64_t>(&block - blocks_) + 1;
  }

  size_t limit_, live_ = 0;
  Block blocks_[256];
  Shadow shadow_;
};

// What a call returned: a block, or NULL for a reason.
void Heap::accept(Block &block, void *payload, size_t size, size_t align) {
  if (payload == nullptr)
    return refuse(size < SIZE_MAX - align ? size + align : size);
  auto start = reinterpret_cast<uintptr_t>(payload);
  auto lo = reinterpret_cast<uintptr_t>(mem_heap_lo());
  uintptr_t brk = lo + mem_heapsize();
  require(start % align == 0, "%p is no multiple of %zu", payload, align);
  require(start >= lo && start <= brk && size <= brk - start,
          "%p with %zu bytes is not inside the heap", payload, size);
  size_t usable = mm_usable_size ? mm_usable_size(payload) : size;
  require(usable >= size && usable <= brk - start,
          "%zu bytes are usable of %zu", usable, size);
  uintptr_t end = start + (usable ? usable : 1);
  require(shadow_.overlapping(start, end) == shadow_.none(),
          "%p with %zu bytes overlaps a live block", payload, usable);
  block = {static_cast<char *>(payload), size};
  shadow_.insert(start, {end, size, seed_of(block), 0});
  live_++;
}

void Heap::refuse(size_t bytes) {
  require(errno == ENOMEM, "NULL with errno %d for %zu bytes", errno, bytes);
  // A heap that holds nothing is as good as new, if it is a large one.
  require(live_ > 0 || limit_ < 16 << 20 || bytes > limit_ / 8,
          "NULL for %zu bytes of an empty heap", bytes);
}

void Heap::verify(const Block &block, size_t bytes) {
  size_t wrong = driver::check_pattern(block.payload, 0, bytes, seed_of(block));
  require(wrong == bytes, "byte %zu of a block of %zu is lost", wrong,
          block.size);
}

void Heap::release(Block &block) {
  verify(block, block.size);
  shadow_.erase(shadow_.find(reinterpret_cast<uintptr_t>(block.payload)));
  mm_free(block.payload);
  block = {};
  live_--;
}

void Heap::reallocate(Block &block, size_t size) {
  verify(block, block.size);
  Block old = block;
  errno = 0;
  void *payload = mm_realloc(old.payload, size);
  if (size != 0 && payload == nullptr) {
    refuse(size);
    return verify(block, block.size);
  }
  require(size != 0 || payload == nullptr, "realloc to 0 returned a block");
  shadow_.erase(shadow_.find(reinterpret_cast<uintptr_t>(old.payload)));
  live_--;
  block = {};
  if (payload == nullptr) return;
  accept(block, payload, size, ALIGNMENT);
  verify(block, old.size < size ? old.size : size);
  driver::fill_pattern(block.payload, 0, size, seed_of(block));
}

void Heap::apply(const Call &call, uint8_t slot) {
  Block &block = blocks_[slot];
  if (block.payload && call.kind != 4 && call.kind != 5) return release(block);
  errno = 0;
  switch (call.kind) {
  case 4:
  case 5:
    if (block.payload) return reallocate(block, call.size);
    accept(block, mm_realloc(nullptr, call.size), call.size, ALIGNMENT);
    break;
  case 3:
    return mm_free(nullptr);
  case 6: {
    if (!mm_calloc) return;
    void *p = mm_calloc(call.count, call.size);
    size_t bytes;
    if (__builtin_mul_overflow(call.count, call.size, &bytes)) bytes = SIZE_MAX;
    accept(block, p, bytes, ALIGNMENT);
    for (size_t i = 0; p && i < bytes; i++)
      if (block.payload[i]) require(false, "byte %zu of calloc is not 0", i);
    break;
  }
  case 7:
    if (!mm_memalign) return;
    accept(block, mm_memalign(call.align, call.size), call.size, call.align);
    break;
  default:
    accept(block, mm_malloc(call.size), call.size, ALIGNMENT);
  }
  if (block.payload)
    driver::fill_pattern(block.payload, 0, block.size, seed_of(block));
}

void Heap::free_all() {
  for (Block &block : blocks_)
    if (block.payload) release(block);
}

// The pieces that mm_walk reports must fill the heap.
void walk_piece(void *at, const void *start, size_t size, mm_kind) {
  auto &next = *static_cast<const char **>(at);
  require(start == next, "mm_walk reports %p, expected %p", start,
          static_cast<const void *>(next));
  next += size;
}

void check_heap() {
  require(!mm_checkheap || mm_checkheap(0), "mm_checkheap says no");
}

void check_walk() {
  if (!mm_walk) return;
  auto next = static_cast<const char *>(mem_heap_lo());
  const char *brk = next + mem_heapsize();
  mm_walk(walk_piece, &next);
  require(next == brk, "mm_walk ends at %p, the heap at %p",
          static_cast<const void *>(next), static_cast<const void *>(brk));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Bytes in(data, size);
  Heap heap(kLimits[in.next() % 4]);
  while (!in.empty()) {
    uint8_t byte = in.next();
    uint8_t slot = in.next();
    Call call;
    call.kind = byte % 8;
    if (call.kind != 3) call.size = read_size(in);
    if (call.kind == 6) call.count = read_size(in);
    if (call.kind == 7) call.align = size_t{1} << in.next() % 24;
    if (call.align < ALIGNMENT) call.align = ALIGNMENT;
    int more = call.size > kLarge ? 0 : byte / 8;
    for (int i = 0; i <= more; i++) {
      heap.apply(call, slot++);
      check_heap();
    }
    check_walk();
  }
  heap.free_all();
  check_heap();
  check_walk();
  return 0;
}
