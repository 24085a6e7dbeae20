// trace.hpp - a trace under construction: numbers the blocks, keeps count of
// what is live, and writes the file (traces/README.md has the format).
#pragma once

#include "random.hpp"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace generator {

using Id = size_t;

// What a trace throws that would get more operations than it may.
struct TooLong : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Trace {
public:
  explicit Trace(size_t most_operations) : most_(most_operations) {}

  // Who does the operations from now on.
  void thread(size_t number) { thread_ = number; }

  Id alloc(size_t size);
  Id alloc_zeroed(size_t count, size_t size);
  Id alloc_aligned(size_t align, size_t size);
  Id resize_null(size_t size); // realloc(NULL, size), size > 0
  void resize(Id id, size_t size);
  void free(Id id);
  void free_null();
  void free_rest(); // all that is live, oldest first

  size_t operations() const { return operations_; }
  size_t peak() const { return peak_; }
  size_t live_bytes() const { return live_; }
  size_t size(Id id) const { return sizes_[id]; }

  std::string text(size_t weight) const;

private:
  static constexpr size_t kFreed = SIZE_MAX;

  Id add_block(char op, size_t bytes, const size_t *numbers, int count);
  void line(char op, const size_t *numbers, int count);
  void change_live(size_t from, size_t to);

  std::string lines_;
  std::vector<size_t> sizes_; // by id; kFreed when not live
  size_t most_;
  size_t thread_ = 0;
  size_t operations_ = 0;
  size_t live_ = 0, peak_ = 0; // live_: sum of sizes_ that are not kFreed
};

// Whether to allocate or to free, so that about `live` of something are live:
// the more there are, the likelier a free is.
inline bool wants_more(size_t count, size_t live, Random &random) {
  return count == 0 || random.below(2 * live) >= count;
}

// The blocks that a family may still free, in no order.
class Pool {
public:
  void put(Id id) { ids_.push_back(id); }
  size_t count() const { return ids_.size(); }
  bool empty() const { return ids_.empty(); }

  Id pick(Random &random) const { return ids_[random.below(ids_.size())]; }

  Id take(Random &random) {
    Id &chosen = ids_[random.below(ids_.size())];
    Id id = chosen;
    chosen = ids_.back();
    ids_.pop_back();
    return id;
  }

private:
  std::vector<Id> ids_;
};

} // namespace generator
