#include "shadow.hpp"

#include <cstring>

namespace driver {

// Eight bytes at a time; word k of a block is seed + k * kStride, whose every
// byte changes with the seed (which is well mixed) and soon with k.
static constexpr uint64_t kStride = 0x9e3779b97f4a7c15; // 2^64 / golden ratio

static uint64_t word_at(size_t offset, uint64_t seed) {
  return seed + offset / 8 * kStride;
}

uint8_t pattern_byte(size_t offset, uint64_t seed) {
  return static_cast<uint8_t>(word_at(offset, seed) >> (offset % 8 * 8));
}

void fill_pattern(void *block, size_t from, size_t to, uint64_t seed) {
  char *bytes = static_cast<char *>(block);
  for (; from < to && from % 8; from++)
    bytes[from] = static_cast<char>(pattern_byte(from, seed));
  uint64_t word = word_at(from, seed);
  for (; from + 8 <= to; from += 8, word += kStride)
    std::memcpy(bytes + from, &word, 8);
  for (; from < to; from++)
    bytes[from] = static_cast<char>(pattern_byte(from, seed));
}

size_t check_pattern(const void *block, size_t from, size_t to, uint64_t seed) {
  const char *bytes = static_cast<const char *>(block);
  auto wrong = [&](size_t i) {
    return bytes[i] != static_cast<char>(pattern_byte(i, seed));
  };
  for (; from < to && from % 8; from++)
    if (wrong(from)) return from;
  uint64_t word = word_at(from, seed);
  for (; from + 8 <= to; from += 8, word += kStride) {
    uint64_t found;
    std::memcpy(&found, bytes + from, 8);
    if (found != word) break;
  }
  for (; from < to; from++)
    if (wrong(from)) return from;
  return to;
}

Shadow::Entry Shadow::overlapping(uintptr_t start, uintptr_t end) {
  Entry next = map_.lower_bound(start);
  if (next != map_.end() && next->first < end) return next;
  if (next == map_.begin()) return map_.end();
  Entry below = std::prev(next);
  return below->second.end > start ? below : map_.end();
}

Shadow::Entry Shadow::at_or_below(uintptr_t address) {
  Entry above = map_.upper_bound(address);
  return above == map_.begin() ? map_.end() : std::prev(above);
}

} // namespace driver
