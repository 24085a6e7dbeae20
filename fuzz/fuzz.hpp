// fuzz.hpp - what fuzz targets share: the function that libFuzzer, or
// replay.cpp in its place, calls, and how a target says that something is
// wrong.
#pragma once

#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

namespace fuzz {

// A fuzzer takes an abort for what it is: a finding.
__attribute__((format(printf, 2, 3))) inline void
require(bool holds, const char *what, ...) {
  if (holds) return;
  va_list args;
  va_start(args, what);
  std::fprintf(stderr, "fuzz: ");
  std::vfprintf(stderr, what, args);
  std::fprintf(stderr, "\n");
  va_end(args);
  std::abort();
}

// The input, byte by byte; zeros behind its end.
class Bytes {
public:
  Bytes(const uint8_t *data, size_t size) : at_(data), end_(data + size) {}

  bool empty() const { return at_ == end_; }
  uint8_t next() { return empty() ? uint8_t{0} : *at_++; }

private:
  const uint8_t *at_, *end_;
};

} // namespace fuzz
