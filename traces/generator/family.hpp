// family.hpp - the table of families: a family is a pattern of use, its keys
// make it large or small.
#pragma once

#include "keys.hpp"
#include "trace.hpp"

#include <span>

namespace generator {

struct Family {
  std::string_view name;
  std::string_view what;
  std::vector<Key> keys;
  void (*make)(Trace &, Random &, const Keys &);
};

std::span<const Family> plain_families();
std::span<const Family> threaded_families();

} // namespace generator
