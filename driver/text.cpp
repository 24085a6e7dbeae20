#include "text.hpp"

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace driver {

std::string vformat(const char *fmt, va_list args) {
  va_list again;
  va_copy(again, args);
  int length = std::vsnprintf(nullptr, 0, fmt, again);
  va_end(again);
  if (length < 0) return fmt;
  std::string text(static_cast<size_t>(length), '\0');
  std::vsnprintf(text.data(), text.size() + 1, fmt, args);
  return text;
}

std::string format(const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  std::string text = vformat(fmt, args);
  va_end(args);
  return text;
}

std::string base_name(std::string_view path) {
  size_t slash = path.rfind('/');
  return std::string(slash == path.npos ? path : path.substr(slash + 1));
}

std::string strip_suffix(std::string_view text, std::string_view suffix) {
  if (text.size() > suffix.size() && text.ends_with(suffix))
    text.remove_suffix(suffix.size());
  return std::string(text);
}

std::string human_bytes(uint64_t bytes) {
  static const char kUnits[] = " KMGTPE";
  double value = static_cast<double>(bytes);
  int unit = 0;
  for (; value >= 1000 && unit < 6; unit++) value /= 1024;
  if (unit == 0) return format("%llu", static_cast<unsigned long long>(bytes));
  return format(value < 9.95 ? "%.1f%c" : "%.0f%c", value, kUnits[unit]);
}

uint64_t parse_bytes(const std::string &text, const std::string &what) {
  char *end = nullptr;
  errno = 0;
  bool hex = text.starts_with("0x");
  double value =
      hex ? static_cast<double>(std::strtoull(text.c_str(), &end, 16))
          : std::strtod(text.c_str(), &end);
  static const char kUnits[] = "KMGT";
  bool digits = end != text.c_str();
  const char *unit = *end ? std::strchr(kUnits, std::toupper(*end)) : nullptr;
  if (unit) {
    value *= std::pow(1024.0, static_cast<double>(unit - kUnits + 1));
    end++;
  }
  if (!digits || *end || errno || !(value >= 0) || value > 0x1p62)
    throw InputError(what +
                     " takes a number of bytes such as 4096, 64K or "
                     "1G, not '" +
                     text + "'");
  return static_cast<uint64_t>(value);
}

std::string one_line(std::string_view text) {
  std::string shown(text);
  for (char &c : shown)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return shown;
}

std::string shell_quote(const std::string &text) {
  static const char kPlain[] = "abcdefghijklmnopqrstuvwxyz"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+-=,@%:";
  if (!text.empty() && text.find_first_not_of(kPlain) == text.npos) return text;
  std::string quoted = "'";
  for (char c : text) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  return quoted + "'";
}

// The length of the UTF-8 sequence that starts here, 0 if none does.
static size_t utf8_length(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char first = byte(0);
  size_t length = first < 0x80                    ? 1
                  : first >= 0xc2 && first < 0xe0 ? 2
                  : first >= 0xe0 && first < 0xf0 ? 3
                  : first >= 0xf0 && first < 0xf5 ? 4
                                                  : 0;
  if (length > text.size()) return 0;
  for (size_t i = 1; i < length; i++)
    if (byte(i) >> 6 != 2) return 0;
  // Too long for what they say, halves of a pair, above the last character.
  bool none =
      (first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) >= 0xa0) ||
      (first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) >= 0x90);
  return none ? 0 : length;
}

std::string valid_utf8(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    size_t length = utf8_length(text);
    if (length == 0)
      out += "\xef\xbf\xbd";
    else
      out += text.substr(0, length);
    text.remove_prefix(length ? length : 1);
  }
  return out;
}

std::string json_quote(std::string_view text) {
  std::string out = "\"";
  for (char c : valid_utf8(text)) {
    if (c == '"' || c == '\\')
      out += {'\\', c};
    else if (static_cast<unsigned char>(c) < 0x20)
      out += format("\\u%04x", static_cast<unsigned>(c));
    else
      out += c;
  }
  return out + '"';
}

} // namespace driver
