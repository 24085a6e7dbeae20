#include "space.hpp"

#include "memlib.h"
#include "replay.hpp"
#include "text.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <malloc.h>
#include <map>
#include <unistd.h>

namespace driver {
namespace {

// Resident bytes of this process that are no file's, read without an
// allocation: code that is run for the first time comes in by 64 KiB, and is
// not what an allocator takes.
class ResidentMemory {
public:
  ResidentMemory() : fd_(open("/proc/self/smaps_rollup", O_RDONLY)) {}
  ~ResidentMemory() {
    if (fd_ >= 0) close(fd_);
  }
  ResidentMemory(const ResidentMemory &) = delete;
  ResidentMemory &operator=(const ResidentMemory &) = delete;

  uint64_t bytes() const {
    char text[1024];
    ssize_t got = fd_ < 0 ? -1 : pread(fd_, text, sizeof text - 1, 0);
    if (got <= 0) return 0;
    text[got] = '\0';
    const char *line = std::strstr(text, "\nAnonymous:");
    return line ? std::strtoull(line + 11, nullptr, 10) * 1024 : 0;
  }

private:
  int fd_;
};

// Looks at a heap while a trace is replayed.
class SpaceObserver {
public:
  SpaceObserver(const Trace &trace, const Allocator &allocator,
                Progress &progress, SpaceReport &report, void **slots)
      : trace_(trace), allocator_(allocator), progress_(progress),
        report_(report), slots_(slots), sizes_(trace.slots),
        every_(trace.ops.size() / kSamples + 1), baseline_(memory_.bytes()) {}

  bool before(size_t i, const Op &, void *) {
    progress_.op.store(i, std::memory_order_relaxed);
    return true;
  }

  bool after(size_t i, const Op &op, void *, void *result) {
    uint64_t &size = sizes_[op.slot];
    live_ -= size;
    if (op.kind == OpKind::Free)
      size = 0;
    else if (result)
      size = trace_.requested(op);
    live_ += size;
    touch(static_cast<char *>(result), size);
    if (i == trace_.peak_op || i % every_ == 0 || i + 1 == trace_.ops.size())
      allocator_.simulated ? sample_heap(i + 1) : sample_process();
    return i != trace_.peak_op || !allocator_.fn.walk || look();
  }

private:
  static constexpr size_t kSamples = 64;

  void touch(char *payload, uint64_t size) const {
    size_t page = mem_pagesize();
    if (!payload || size == 0) return;
    progress_.in_pieces(0, size, [&](uint64_t i, uint64_t to) {
      for (; i < to; i += page) payload[i] = 1;
      return true;
    });
    payload[size - 1] = 1;
  }

  void sample_heap(size_t ops_done) {
    Touched &t = report_.touched;
    t.end = mem_touched();
    t.peak = std::max(t.peak, t.end);
    size_t steps = ops_done * Touched::kSteps / trace_.ops.size();
    for (; steps_done_ < steps; steps_done_++) {
      t.over_time[steps_done_] = t.end;
      t.payload[steps_done_] = live_;
    }
  }

  void sample_process() {
    uint64_t now = memory_.bytes();
    if (now > baseline_)
      report_.high_water = std::max(report_.high_water, now - baseline_);
  }

  // Sorts the heap's bytes into the breakdown, at the payload's peak; false if
  // they are none of the heap's.
  bool look() {
    payloads_.clear();
    walked_ = 0;
    for (uint32_t slot = 1; slot < trace_.slots; slot++)
      if (sizes_[slot] && slots_[slot])
        payloads_[static_cast<char *>(slots_[slot])] = sizes_[slot];
    progress_.inside = Progress::kWalk;
    allocator_.fn.walk(
        [](void *self, const void *start, size_t size, mm_kind kind) {
          static_cast<SpaceObserver *>(self)->count(
              static_cast<const char *>(start), size, kind);
        },
        this);
    progress_.inside = Progress::kOperation;
    report_.has_breakdown = wrong_walk_.empty();
    if (wrong_walk_.empty()) return true;
    std::snprintf(report_.text, sizeof report_.text, "%s: %s: mm_walk %s",
                  trace_.where(trace_.peak_op).c_str(),
                  trace_.line_text(trace_.peak_op).c_str(),
                  wrong_walk_.c_str());
    return false;
  }

  // The first piece that cannot be.
  void note_wrong_piece(const char *start, size_t size) {
    const auto lo = reinterpret_cast<uintptr_t>(mem_heap_lo());
    const uintptr_t at = reinterpret_cast<uintptr_t>(start) - lo;
    const size_t heap = mem_heapsize();
    if (at > heap || size > heap - at)
      wrong_walk_ =
          format("visits %zu bytes at %p, but the heap is "
                 "[0x%zx, 0x%zx)",
                 size, static_cast<const void *>(start), lo, lo + heap);
    else if ((walked_ += size) > heap)
      wrong_walk_ = format("visits %zu bytes up to %p, more than the %zu that "
                           "the heap has: some of them twice",
                           walked_, static_cast<const void *>(start), heap);
  }

  void count(const char *start, size_t size, mm_kind kind) {
    if (wrong_walk_.empty()) note_wrong_piece(start, size);
    if (!wrong_walk_.empty()) return;
    Breakdown &b = report_.at_peak;
    if (kind == MM_FREE) b.external += size;
    if (kind == MM_METADATA) b.metadata += size;
    if (kind == MM_UNUSED) b.unused += size;
    if (kind != MM_ALLOCATED) return;
    uint64_t used = 0;
    for (auto p = payloads_.lower_bound(start);
         p != payloads_.end() && p->first < start + size; ++p)
      used += p->second;
    b.payload += used;
    b.internal += size - std::min<uint64_t>(used, size);
  }

  const Trace &trace_;
  const Allocator &allocator_;
  Progress &progress_;
  SpaceReport &report_;
  void **slots_;
  std::vector<uint64_t> sizes_; // live payload bytes, by slot
  uint64_t live_ = 0;           // the same, in all
  size_t steps_done_ = 0;       // of a Touched
  std::map<const char *, uint64_t> payloads_;
  size_t walked_ = 0;      // bytes that mm_walk has visited
  std::string wrong_walk_; // what is wrong with it
  ResidentMemory memory_;
  const size_t every_;
  const uint64_t baseline_;
};

} // namespace

void measure_space(const Trace &trace, const Allocator &allocator,
                   Progress &progress, SpaceReport &report) {
  progress.pass++;
  progress.op = Progress::kStarting;
  // No OS page holds memory that it holds from an earlier phase.
  if (!allocator.start(true)) return;
  std::vector<void *> slots(trace.slots, nullptr);
  // What the driver freed before must not be there to be used again, or the
  // system's allocator would seem to need less than it does.
  if (!allocator.simulated) malloc_trim(0);
  SpaceObserver observer(trace, allocator, progress, report, slots.data());
  if (!replay(trace, trace.ops, allocator.fn, slots.data(), observer)) return;
  if (!allocator.simulated) {
    for (uint32_t slot : trace.live_at_end) allocator.fn.free(slots[slot]);
    report.done = true;
    return;
  }
  report.high_water = mem_high_water();
  Breakdown &b = report.at_peak;
  b.above = report.high_water -
            std::min(report.high_water, b.payload + b.internal + b.external +
                                            b.metadata + b.unused);
  std::snprintf(report.text, sizeof report.text, "%s",
                claims_too_much(trace, report.high_water).c_str());
  report.done = true;
}

std::string claims_too_much(const Trace &trace, uint64_t high_water) {
  if (high_water >= trace.peak_payload || trace.peak_payload > mem_limit())
    return "";
  return format("%s: its heap reached %llu bytes, but %llu bytes of payload "
                "were live: it hands out memory twice",
                trace.path.c_str(), static_cast<unsigned long long>(high_water),
                static_cast<unsigned long long>(trace.peak_payload));
}

Space space_of(const Trace &trace, const SpaceReport &report) {
  Space space;
  space.high_water = report.high_water;
  if (report.high_water >= trace.peak_payload && trace.peak_payload > 0)
    space.utilization = static_cast<double>(trace.peak_payload) /
                        static_cast<double>(report.high_water);
  if (report.has_breakdown) space.at_peak = report.at_peak;
  if (report.touched.peak > 0) space.touched = report.touched;
  return space;
}

} // namespace driver
