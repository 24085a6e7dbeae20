// memory.cpp - where the driver's own tables lie: not in glibc's heap.
//
// The reference is glibc's malloc in a child process, so it begins with what
// the driver's process has made of it. That heap has holes, and it has learnt:
// a large block that is freed raises for good the size from which on blocks
// are mapped one by one, and twice that is how much free memory is kept at its
// end. After a driver that has read a long trace the reference would give
// hardly any memory back, and the ratio of a trace would depend on which
// others are in the run. So the driver's memory is mapped here, and glibc's
// heap is in each child that of a program which has just begun.
//
// A sanitizer has a malloc of its own, and does not measure. What a plug-in
// takes by `new` is from here, too; by malloc it is not.
#include <cstdlib>
#include <memory_resource>
#include <mutex>
#include <new>
#include <sys/mman.h>

#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#endif

#ifndef SANITIZED
namespace {

class MappedMemory : public std::pmr::memory_resource {
  void *do_allocate(std::size_t bytes, std::size_t) override {
    void *memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    return memory;
  }
  void do_deallocate(void *block, std::size_t bytes, std::size_t) override {
    munmap(block, bytes);
  }
  bool do_is_equal(const memory_resource &other) const noexcept override {
    return this == &other;
  }
};

// What is larger than the pools' blocks is mapped by itself.
struct Memory {
  MappedMemory mapped;
  std::pmr::unsynchronized_pool_resource pools{{0, 16 << 10}, &mapped};
  std::recursive_mutex lock; // who crashes in here is described from here
};

// Never destroyed, as other objects are later than this would be.
Memory &memory() {
  alignas(Memory) static char place[sizeof(Memory)];
  static Memory *const made = new (place) Memory;
  return *made;
}

// In front of each block; what is behind it stays aligned.
struct alignas(__STDCPP_DEFAULT_NEW_ALIGNMENT__) Head {
  std::size_t bytes; // with the head
};

} // namespace

// The other forms of new and delete call these, but for the over-aligned ones,
// which the driver does not use.
void *operator new(std::size_t size) {
  std::size_t bytes;
  if (__builtin_add_overflow(size, sizeof(Head), &bytes))
    throw std::bad_alloc();
  std::lock_guard guard(memory().lock);
  return new (memory().pools.allocate(bytes, alignof(Head))) Head{bytes} + 1;
}

void operator delete(void *block) noexcept {
  if (!block) return;
  Head *head = static_cast<Head *>(block) - 1;
  std::lock_guard guard(memory().lock);
  memory().pools.deallocate(head, head->bytes, alignof(Head));
}

void operator delete(void *block, std::size_t) noexcept {
  operator delete(block);
}
#endif
