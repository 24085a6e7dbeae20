// keys.hpp - what can be said about a family on the command line: key=value.
#pragma once

#include "random.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace generator {

// One key. Its value is a number, or one of the `words` ("lifo|fifo|random"),
// of which it is the index.
struct Key {
  std::string_view name;
  size_t value;    // the default, then what was given or drawn
  size_t least;    // smaller ones are refused
  size_t from, to; // draw=1 takes one from this range
  std::string_view words = {};
  bool given = false;
};

class Keys {
public:
  explicit Keys(std::vector<Key> keys) : keys_(std::move(keys)) {}

  size_t operator[](std::string_view name) const;

  // "key=value"; throws std::runtime_error with what is wrong.
  void give(std::string_view argument);

  // A value for each key that was not given.
  void draw(Random &random);

  // "lo=16 hi=512 order=lifo", in the order of the table.
  std::string text() const;

private:
  std::vector<Key> keys_;
};

} // namespace generator
