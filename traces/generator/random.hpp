// random.hpp - the generator's randomness: the same on every machine.
//
// The standard library's distributions differ between implementations, and
// floating point between compilers, so all of it is integers.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace generator {

class Random {
public:
  explicit Random(uint64_t seed) : state_(seed) {}

  // splitmix64 (Steele, Lea, Flood 2014).
  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  size_t below(size_t n) { return static_cast<size_t>(next() % n); }

  // lo to hi, both included; they may be given in either order.
  size_t between(size_t lo, size_t hi) {
    if (lo > hi) std::swap(lo, hi);
    return lo + below(hi - lo + 1);
  }

  // The same range, but each power of two in it as likely as the next, so that
  // small numbers are as much at home as large ones.
  size_t spread(size_t lo, size_t hi) {
    if (lo > hi) std::swap(lo, hi);
    auto bits = between(static_cast<size_t>(std::bit_width(lo)),
                        static_cast<size_t>(std::bit_width(hi)));
    size_t first = bits == 0 ? 0 : size_t{1} << (bits - 1);
    size_t last = bits == 0 ? 0 : first + (first - 1);
    return between(std::max(first, lo), std::min(last, hi));
  }

  bool percent(size_t chance) { return below(100) < chance; }

private:
  uint64_t state_;
};

} // namespace generator
