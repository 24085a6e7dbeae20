// keys.cpp - reads key=value (keys.hpp).
#include "keys.hpp"

#include <charconv>
#include <stdexcept>

namespace generator {

static constexpr size_t kLargest = size_t{1} << 40;

static std::string quoted(std::string_view text) {
  return "'" + std::string(text) + "'";
}

// The index-th word of "a|b|c"; empty behind the last.
static std::string_view word(std::string_view words, size_t index) {
  while (index-- > 0) {
    size_t bar = words.find('|');
    if (bar == std::string_view::npos) return {};
    words.remove_prefix(bar + 1);
  }
  return words.substr(0, words.find('|'));
}

// 4096, 4K or 3M.
static size_t number(std::string_view text, const Key &key) {
  size_t value = 0;
  const char *end = text.data() + text.size();
  auto [rest, error] = std::from_chars(text.data(), end, value);
  std::string_view unit(rest, static_cast<size_t>(end - rest));
  size_t factor = unit == "K" ? 1 << 10 : unit == "M" ? 1 << 20 : 1;
  bool understood = error == std::errc{} && (factor > 1 || unit.empty());
  if (!understood || value > kLargest / factor)
    throw std::runtime_error(quoted(key.name) + " wants a number, not " +
                             quoted(text));
  if (value * factor < key.least)
    throw std::runtime_error(quoted(key.name) + " must be at least " +
                             std::to_string(key.least));
  return value * factor;
}

static size_t read(std::string_view text, const Key &key) {
  if (key.words.empty()) return number(text, key);
  for (size_t i = 0; !word(key.words, i).empty(); i++)
    if (word(key.words, i) == text) return i;
  throw std::runtime_error(quoted(key.name) + " wants one of " +
                           std::string(key.words) + ", not " + quoted(text));
}

size_t Keys::operator[](std::string_view name) const {
  for (const Key &key : keys_)
    if (key.name == name) return key.value;
  throw std::logic_error("no key " + quoted(name));
}

void Keys::give(std::string_view argument) {
  size_t equals = argument.find('=');
  if (equals == std::string_view::npos)
    throw std::runtime_error("expected key=value, not " + quoted(argument));
  std::string_view name = argument.substr(0, equals);
  for (Key &key : keys_) {
    if (key.name != name) continue;
    key.value = read(argument.substr(equals + 1), key);
    key.given = true;
    return;
  }
  throw std::runtime_error("no key " + quoted(name) + "; there are: " + text());
}

void Keys::draw(Random &random) {
  for (Key &key : keys_)
    if (!key.given) key.value = random.spread(key.from, key.to);
}

std::string Keys::text() const {
  std::string result;
  for (const Key &key : keys_) {
    if (!result.empty()) result += ' ';
    result += std::string(key.name) + '=';
    if (key.words.empty())
      result += std::to_string(key.value);
    else
      result += word(key.words, key.value);
  }
  return result;
}

} // namespace generator
