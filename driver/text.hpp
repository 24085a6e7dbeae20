// text.hpp - the few string helpers that everything else prints with.
#pragma once

#include <cstdarg>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace driver {

// What a person asked for cannot be done: bad flag, trace, file or
// environment. The text says what, where, and what to do; main prints it and
// exits with status 2.
struct InputError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// printf into a std::string.
__attribute__((format(printf, 1, 2))) std::string format(const char *fmt, ...);
std::string vformat(const char *fmt, va_list args);

// "traces/cc1.rep" -> "cc1.rep"; strip_suffix("cc1.rep", ".rep") -> "cc1".
std::string base_name(std::string_view path);
std::string strip_suffix(std::string_view text, std::string_view suffix);

// Bytes for people: "312", "4.0K", "17M" (K = 1024).
std::string human_bytes(uint64_t bytes);

// A number of bytes as people write it: "4096", "64K", "1.5G", "0x1000".
// Throws InputError, naming `what`.
uint64_t parse_bytes(const std::string &text, const std::string &what);

// What a person may see of a text that comes from elsewhere: control characters
// become question marks, as they could upset a terminal or start a line.
std::string one_line(std::string_view text);

// For a shell: quoted if it must be.
std::string shell_quote(const std::string &text);

// With the replacement character for each byte that is no UTF-8: one odd file
// name must not make a whole file unreadable.
std::string valid_utf8(std::string_view text);

// A JSON string literal, quotes included.
std::string json_quote(std::string_view text);

} // namespace driver
