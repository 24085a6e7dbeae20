#include "edges.hpp"

#include "allocator.hpp"
#include "config.h"
#include "memlib.h"
#include "sandbox.hpp"
#include "shadow.hpp"
#include "text.hpp"

#include <cerrno>
#include <cstdint>
#include <cstring>

namespace driver {
namespace {

// Small, so that it is exhausted soon.
constexpr size_t kSmallHeap = 24 << 20;

// Each case returns NULL if all is well, else what went wrong.
using Case = const char *(*)(const Functions &fn, bool aligns);

bool aligned(const void *p) {
  return reinterpret_cast<uintptr_t>(p) % 8 == 0;
}

const char *malloc_of_nothing(const Functions &fn, bool) {
  void *p = fn.malloc(0), *q = fn.malloc(0);
  if (p && p == q) return "malloc(0) returned the same pointer twice";
  if (!aligned(p)) return "malloc(0) returned a misaligned pointer";
  fn.free(p);
  fn.free(q);
  return fn.malloc(100) ? nullptr : "malloc(100) failed after malloc(0)";
}

const char *free_of_null(const Functions &fn, bool) {
  fn.free(nullptr);
  return fn.malloc(100) ? nullptr : "malloc(100) failed after free(NULL)";
}

const char *realloc_of_null(const Functions &fn, bool) {
  char *p = static_cast<char *>(fn.realloc(nullptr, 100));
  if (!p) return "realloc(NULL, 100) returned NULL";
  fill_pattern(p, 0, 100, 1);
  char *q = static_cast<char *>(fn.malloc(100));
  fill_pattern(q, 0, 100, 2);
  return check_pattern(p, 0, 100, 1) == 100
             ? nullptr
             : "realloc(NULL, 100) gave memory that malloc gave again";
}

const char *realloc_to_nothing(const Functions &fn, bool) {
  void *p = fn.malloc(1 << 20);
  for (int i = 0; p && i < 100; i++) {
    fn.free(fn.realloc(p, 0));
    p = fn.malloc(1 << 20);
  }
  return p ? nullptr : "realloc(p, 0) does not free p";
}

const char *huge_sizes(const Functions &fn, bool) {
  const size_t sizes[] = {SIZE_MAX,        SIZE_MAX - 1,     SIZE_MAX - 7,
                          SIZE_MAX - 8,    SIZE_MAX - 15,    SIZE_MAX - 16,
                          SIZE_MAX - 4096, SIZE_MAX / 2 + 1, kSmallHeap + 1};
  for (size_t size : sizes) {
    errno = 0;
    if (fn.malloc(size))
      return size == kSmallHeap + 1
                 ? "malloc of a byte more than the heap has succeeded"
                 : "malloc of nearly SIZE_MAX bytes succeeded";
    if (errno != ENOMEM) return "malloc failed without errno ENOMEM";
  }
  return fn.malloc(100) ? nullptr : "malloc(100) failed after a huge request";
}

const char *huge_realloc(const Functions &fn, bool) {
  char *p = static_cast<char *>(fn.malloc(100));
  if (!p) return "malloc(100) returned NULL";
  fill_pattern(p, 0, 100, 1);
  for (size_t size : {SIZE_MAX, SIZE_MAX - 15, SIZE_MAX / 2, kSmallHeap + 1})
    if (fn.realloc(p, size))
      return size == kSmallHeap + 1
                 ? "realloc to a byte more than the heap has succeeded"
                 : "realloc to nearly SIZE_MAX bytes succeeded";
  // If it was freed it is the first to be given again.
  if (void *q = fn.malloc(100)) fill_pattern(q, 0, 100, 2);
  return check_pattern(p, 0, 100, 1) == 100
             ? nullptr
             : "a realloc that failed damaged or freed the old block";
}

const char *calloc_overflow(const Functions &fn, bool) {
  // Modulo 2^64 these are a lot, 0 and 16 bytes.
  if (fn.calloc(SIZE_MAX / 2, 3) || fn.calloc(1ul << 33, 1ul << 33) ||
      fn.calloc(SIZE_MAX / 16 + 2, 16))
    return "calloc succeeded though count * size overflows";
  char *p = static_cast<char *>(fn.malloc(1000));
  std::memset(p, 0xff, 1000);
  fn.free(p);
  p = static_cast<char *>(fn.calloc(10, 100));
  for (int i = 0; p && i < 1000; i++)
    if (p[i]) return "calloc returned memory that is not zero";
  return p ? nullptr : "calloc(10, 100) returned NULL";
}

const char *alignments(const Functions &fn, bool aligns) {
  if (!aligns) return nullptr;
  for (size_t align = 1; align <= 1 << 20; align *= 2)
    for (size_t size : {1ul, 24ul, 5000ul}) {
      auto *p = static_cast<char *>(fn.memalign(align, size));
      if (!p) return "memalign returned NULL";
      if (reinterpret_cast<uintptr_t>(p) % align)
        return "memalign returned a misaligned pointer";
      std::memset(p, 1, size);
      fn.free(p);
    }
  errno = 0;
  if (fn.memalign(24, 100) || errno != EINVAL)
    return "memalign(24, 100) did not return NULL with errno EINVAL";
  if (fn.memalign(64, SIZE_MAX - 64))
    return "memalign of nearly SIZE_MAX succeeded";
  return fn.memalign(size_t{1} << 63, 100)
             ? "memalign to a multiple of 2^63, where no heap is, succeeded"
             : nullptr;
}

// Allocates until nothing more comes, and sees whether the heap survives.
const char *exhaustion(const Functions &fn, bool) {
  constexpr size_t kBlock = 100000, kMost = kSmallHeap / kBlock + 1;
  static char *blocks[kMost];
  size_t count = 0;
  errno = 0;
  while (count < kMost) {
    auto *p = static_cast<char *>(fn.malloc(kBlock));
    if (!p) break;
    fill_pattern(p, 0, kBlock, count);
    blocks[count++] = p;
  }
  if (count == kMost) return "handed out more bytes than the heap has";
  if (errno != ENOMEM) return "an exhausted heap does not set errno to ENOMEM";
  if (count < kMost / 4) return "the heap was full at a quarter of its limit";
  for (size_t i = 0; i < count; i++)
    if (check_pattern(blocks[i], 0, kBlock, i) != kBlock)
      return "a block lost its content when the heap was exhausted";
  for (size_t i = 0; i < count; i++) fn.free(blocks[i]);
  return fn.malloc(kBlock) ? nullptr
                           : "malloc fails for good once the heap was full";
}

const struct {
  const char *name;
  Case run;
} kCases[] = {
    {"malloc(0)", malloc_of_nothing},
    {"free(NULL)", free_of_null},
    {"realloc(NULL, n)", realloc_of_null},
    {"realloc(p, 0)", realloc_to_nothing},
    {"sizes near SIZE_MAX", huge_sizes},
    {"realloc near SIZE_MAX", huge_realloc},
    {"calloc", calloc_overflow},
    {"memalign", alignments},
    {"exhausted heap", exhaustion},
};

struct EdgeReport {
  Progress progress;
  bool done = false; // the child's word for it may be the allocator's
  char text[200] = "";
};

void run_case(const AllocatorInfo &who, Case run, EdgeReport &report) {
  const char *wrong = "mm_init failed";
  Allocator allocator = load_allocator(who.what);
  if (allocator.start(false)) wrong = run(allocator.fn, allocator.aligns);
  if (wrong) std::snprintf(report.text, sizeof report.text, "%s", wrong);
  report.done = true;
}

} // namespace

std::vector<std::string> check_edges(const AllocatorInfo &who,
                                     const Options &options) {
  std::vector<std::string> faults;
  Limits limits = options.limits;
  if (who.static_data > MAX_STATIC_DATA)
    faults.push_back(format("static data: %s beside the heap, where at most %s "
                            "may be: tables belong in the heap",
                            human_bytes(who.static_data).c_str(),
                            human_bytes(MAX_STATIC_DATA).c_str()));
  if (!limits.fork) return faults; // the heap in use must not be changed
  limits.seconds = limits.op_seconds;
  for (const auto &edge : kCases) {
    SharedMemory<EdgeReport> report;
    Sandbox sandbox(limits, report->progress, [&](char) {
      mem_reserve(kSmallHeap, reinterpret_cast<void *>(options.heap_base));
      run_case(who, edge.run, *report);
    });
    Ending ending = sandbox.call('e');
    std::string text = report->text;
    if (ending.kind != Ending::kDone)
      text = describe(ending) + report->progress.note();
    else if (!report->done)
      text = "its process said that it was done, but did not finish";
    if (!text.empty())
      faults.push_back(format("%s: %s", edge.name, text.c_str()));
  }
  return faults;
}

} // namespace driver
