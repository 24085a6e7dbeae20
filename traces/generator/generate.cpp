// generate.cpp - writes a trace of one family to stdout:
//
//     generate FAMILY [seed=N] [draw=1] [balanced=0] [weight=W] [key=value...]
//     generate --list
//
// The same arguments give the same bytes on every machine. With draw=1 each
// key that is not given is drawn from its range by the seed, so that a
// benchmark nobody has seen is one number away; draws that make a trace too
// short or too long, too small or too large, are drawn again.
//
//     random.hpp  integers from a seed     keys.hpp    key=value
//     trace.hpp   the trace in the making  family.hpp  the patterns of use
#include "family.hpp"

#include <cstdio>
#include <stdexcept>
#include <string>

namespace generator {
namespace {

// More is a slip of the hand, and would fill the disk.
constexpr size_t kMostOperations = 20'000'000;

constexpr size_t kDrawnOpsMin = 2'000, kDrawnOpsMax = 100'000;
constexpr size_t kDrawnPeakMin = 10 << 10, kDrawnPeakMax = 20 << 20;
constexpr int kMaxDraws = 1000;

// Of every family. Not drawn, except balanced.
const std::vector<Key> kCommonKeys = {
    {"seed", 1, 0, 1, 1},
    {"draw", 0, 0, 0, 0, "0|1"},
    {"weight", 1, 0, 1, 1, "0|1|2|3"},
    {"balanced", 1, 0, 0, 1, "0|1"},
};

Keys all_keys(const Family &family) {
  std::vector<Key> keys = kCommonKeys;
  keys.insert(keys.end(), family.keys.begin(), family.keys.end());
  return Keys(keys);
}

const Family &find(std::string_view name) {
  for (auto families : {plain_families(), threaded_families()})
    for (const Family &family : families)
      if (family.name == name) return family;
  throw std::runtime_error("no family '" + std::string(name) +
                           "'; --list shows them");
}

void list() {
  std::printf("every family: %s\n", Keys(kCommonKeys).text().c_str());
  for (auto families : {plain_families(), threaded_families()})
    for (const Family &family : families)
      std::printf("%s: %s  (%s)\n", std::string(family.name).c_str(),
                  Keys(family.keys).text().c_str(),
                  std::string(family.what).c_str());
}

Trace make(const Family &family, const Keys &keys, uint64_t seed, size_t most) {
  Trace trace(most);
  Random random(seed);
  family.make(trace, random, keys);
  trace.thread(0);
  if (keys["balanced"] == 1) trace.free_rest();
  return trace;
}

bool fits(const Trace &trace) {
  return trace.operations() >= kDrawnOpsMin && trace.peak() >= kDrawnPeakMin &&
         trace.peak() <= kDrawnPeakMax;
}

Trace make_drawn(const Family &family, const Keys &given) {
  Random random(given["seed"]);
  for (int i = 0; i < kMaxDraws; i++) {
    Keys keys = given;
    keys.draw(random);
    try {
      Trace trace = make(family, keys, random.next(), kDrawnOpsMax);
      if (fits(trace)) return trace;
    } catch (const TooLong &) {
    }
  }
  throw std::runtime_error("no draw has 2,000 to 100,000 operations and 10 KiB "
                           "to 20 MiB live; give fewer keys");
}

void run(int argc, char **argv) {
  std::string_view first = argc > 1 ? argv[1] : "";
  if (first.empty())
    throw std::runtime_error("usage: generate FAMILY [key=value...] > x.rep, "
                             "or generate --list");
  if (first == "--list") {
    list();
    return;
  }
  const Family &family = find(first);
  Keys keys = all_keys(family);
  for (int i = 2; i < argc; i++) keys.give(argv[i]);
  Trace trace = keys["draw"] == 1
                    ? make_drawn(family, keys)
                    : make(family, keys, keys["seed"], kMostOperations);
  std::string text = trace.text(keys["weight"]);
  std::fwrite(text.data(), 1, text.size(), stdout);
}

} // namespace
} // namespace generator

int main(int argc, char **argv) {
  try {
    generator::run(argc, argv);
    if (std::fflush(stdout) != 0 || std::ferror(stdout))
      throw std::runtime_error("cannot write the trace to stdout");
  } catch (const std::exception &error) {
    std::fprintf(stderr, "generate: %s\n", error.what());
    return 2;
  }
}
