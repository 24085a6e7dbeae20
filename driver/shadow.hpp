// shadow.hpp - the truth about the payloads of a heap: where each lies and
// what its bytes must be.
//
// Payloads are intervals in an ordered map, so that an overlap is found in
// logarithmic time, whichever of the two encloses the other. Each block has a
// seed of its own, and its bytes are a function of seed and offset: a byte
// that was lost, moved or taken from another block reads wrong.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

namespace driver {

struct Payload {
  uintptr_t end; // behind the last byte
  uint64_t size; // as asked for; end may include more that is usable
  uint64_t seed;
  size_t born; // the operation that made the block
  static constexpr uint32_t kNone = UINT32_MAX;
  uint32_t thread = kNone; // with threads: whose `born` counts operations of
};

// Writes the bytes [from, to) that a block with this seed has, and checks
// them: the offset of the first wrong byte, or `to`.
void fill_pattern(void *block, size_t from, size_t to, uint64_t seed);
size_t check_pattern(const void *block, size_t from, size_t to, uint64_t seed);
uint8_t pattern_byte(size_t offset, uint64_t seed);

class Shadow {
public:
  using Map = std::map<uintptr_t, Payload>;
  using Entry = Map::iterator;

  // The live payload that shares a byte with [start, end), or none().
  Entry overlapping(uintptr_t start, uintptr_t end);

  // The last live payload that starts at or below the address, or none().
  Entry at_or_below(uintptr_t address);

  Entry insert(uintptr_t start, const Payload &payload) {
    return map_.emplace(start, payload).first;
  }
  Entry find(uintptr_t start) { return map_.find(start); }
  void erase(Entry entry) { map_.erase(entry); }
  void clear() { map_.clear(); }
  Entry none() { return map_.end(); }
  Map &blocks() { return map_; }

private:
  Map map_;
};

} // namespace driver
