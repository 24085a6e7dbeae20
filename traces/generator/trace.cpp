// trace.cpp - writes a trace line by line (trace.hpp).
#include "trace.hpp"

namespace generator {

void Trace::line(char op, const size_t *numbers, int count) {
  if (++operations_ > most_)
    throw TooLong("more than " + std::to_string(most_) +
                  " operations; choose smaller numbers");
  if (thread_ > 0) lines_ += '@' + std::to_string(thread_) + ' ';
  lines_ += op;
  for (int i = 0; i < count; i++)
    lines_ += ' ' + std::to_string(static_cast<int64_t>(numbers[i]));
  lines_ += '\n';
}

void Trace::change_live(size_t from, size_t to) {
  live_ = live_ - from + to;
  peak_ = std::max(peak_, live_);
}

Id Trace::add_block(char op, size_t bytes, const size_t *numbers, int count) {
  size_t fields[3] = {sizes_.size(), numbers[0], count > 1 ? numbers[1] : 0};
  line(op, fields, count + 1);
  sizes_.push_back(bytes);
  change_live(0, bytes);
  return fields[0];
}

Id Trace::alloc(size_t size) {
  return add_block('a', size, &size, 1);
}

Id Trace::resize_null(size_t size) {
  return add_block('r', size, &size, 1);
}

Id Trace::alloc_zeroed(size_t count, size_t size) {
  size_t numbers[] = {count, size};
  return add_block('c', count * size, numbers, 2);
}

Id Trace::alloc_aligned(size_t align, size_t size) {
  size_t numbers[] = {align, size};
  return add_block('m', size, numbers, 2);
}

void Trace::resize(Id id, size_t size) {
  size_t numbers[] = {id, size};
  line('r', numbers, 2);
  change_live(sizes_[id], size);
  sizes_[id] = size > 0 ? size : kFreed;
}

void Trace::free(Id id) {
  line('f', &id, 1);
  change_live(sizes_[id], 0);
  sizes_[id] = kFreed;
}

void Trace::free_null() {
  size_t minus_one = SIZE_MAX; // lines are written signed
  line('f', &minus_one, 1);
}

void Trace::free_rest() {
  for (Id id = 0; id < sizes_.size(); id++)
    if (sizes_[id] != kFreed) free(id);
}

std::string Trace::text(size_t weight) const {
  return std::to_string(weight) + '\n' + std::to_string(sizes_.size()) + '\n' +
         std::to_string(operations_) + '\n' + std::to_string(peak_) + '\n' +
         lines_;
}

} // namespace generator
