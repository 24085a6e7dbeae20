// check.h - the few words that unit tests are written in.
//
//   TEST(median_of_two) {
//     CHECK_EQ(figure_of({1, 2}).median, 1.5);
//   }
//
// A test is a function that registers itself; unit/main.cpp runs them all. A
// check that fails says what it expected and what it got, and the test goes
// on. The output is the line protocol of tests/run.sh:
//
//   ok unit: median_of_two
//   FAIL unit: median_of_two
//       tests/unit/timing.cpp:12: figure_of({1, 2}).median
//         expected: 1.5
//         got:      2
//   skip unit: memory_limit: not under a sanitizer
//
// This is one of the two places where function-like macros are allowed: a
// check wants to show its own text and line.
#pragma once

#include <cstdio>
#include <string>
#include <type_traits>
#include <vector>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CHECK_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CHECK_SANITIZED 1
#endif
#endif

namespace check {

#ifdef CHECK_SANITIZED
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

struct Test {
  const char *name;
  void (*run)();
};

inline std::vector<Test> &all_tests() {
  static std::vector<Test> tests;
  return tests;
}

struct Registered {
  Registered(const char *name, void (*run)()) {
    all_tests().push_back({name, run});
  }
};

// Of the test that is running.
struct State {
  std::string report; // of the checks that failed
  std::string skipped;
};
inline State state;

inline void fail(const char *file, int line, const std::string &what) {
  state.report += "    " + std::string(file) + ":" + std::to_string(line) +
                  ": " + what + "\n";
}

inline void skip(const std::string &why) {
  state.skipped = why;
}

inline std::string to_text(const std::string &value) {
  return value;
}

template <class T> std::string to_text(const T &value) {
  char text[64];
  if constexpr (std::is_same_v<T, bool>)
    return value ? "true" : "false";
  else if constexpr (std::is_floating_point_v<T>)
    std::snprintf(text, sizeof text, "%.17g", double{value});
  else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>)
    std::snprintf(text, sizeof text, "%lld", static_cast<long long>(value));
  else if constexpr (std::is_integral_v<T>)
    std::snprintf(text, sizeof text, "%llu",
                  static_cast<unsigned long long>(value));
  else
    return std::string(value);
  return text;
}

// Signed and unsigned literals may be compared here; a negative number is
// never equal to an unsigned one.
template <class A, class B> bool equal(const A &a, const B &b) {
  if constexpr (std::is_integral_v<A> && std::is_integral_v<B> &&
                !std::is_same_v<A, bool> && !std::is_same_v<B, bool>)
    return (a < 0) == (b < 0) && static_cast<unsigned long long>(a) ==
                                     static_cast<unsigned long long>(b);
  else
    return a == b;
}

template <class Got, class Want>
void check_equal(const char *file, int line, const char *text, const Got &got,
                 const Want &want) {
  if (equal(got, want)) return;
  fail(file, line,
       std::string(text) + "\n      expected: " + to_text(want) +
           "\n      got:      " + to_text(got));
}

inline void check_contains(const char *file, int line, const char *text,
                           const std::string &got, const std::string &part) {
  if (got.find(part) != std::string::npos) return;
  fail(file, line,
       std::string(text) + "\n      expected to contain: " + part +
           "\n      got: " + got);
}

// What `body` throws, or "" if it does not throw.
template <class Error, class Body> std::string thrown_by(const Body &body) {
  try {
    body();
  } catch (const Error &error) {
    return error.what();
  }
  return "";
}

} // namespace check

#define TEST(name)                                                             \
  static void test_##name();                                                   \
  static const check::Registered registered_##name(#name, test_##name);        \
  static void test_##name()

#define CHECK(condition)                                                       \
  do {                                                                         \
    if (!(condition))                                                          \
      check::fail(__FILE__, __LINE__, "does not hold: " #condition);           \
  } while (0)

#define CHECK_EQ(got, want)                                                    \
  check::check_equal(__FILE__, __LINE__, #got, got, want)

// The text holds this part.
#define CHECK_HAS(got, part)                                                   \
  check::check_contains(__FILE__, __LINE__, #got, got, part)
