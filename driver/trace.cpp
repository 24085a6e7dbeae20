// trace.cpp - reading traces of all generations (docs/driver.md lists what is
// tolerated and why), in one pass over the text, one operation a line.
#include "trace.hpp"

#include "text.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <sys/stat.h>
#include <unistd.h>
#include <unordered_map>

namespace driver {
namespace {

// What is known of an id: the slot of its live block, or one of these.
constexpr uint32_t kNew = 0;             // never seen
constexpr uint32_t kFreed = UINT32_MAX;  // its block was freed
constexpr uint32_t kNulled = kFreed - 1; // realloc to 0 left it NULL

// The size of a slot without a block.
constexpr uint64_t kNoBlock = UINT64_MAX;

// Slots by id. Most traces number their ids from 0 without gaps: those lie in
// an array; stray large numbers go to a hash table.
class IdTable {
public:
  explicit IdTable(size_t dense) : dense_limit_(dense) {}

  size_t dense_limit() const { return dense_limit_; }

  uint32_t &operator[](uint64_t id) {
    if (id < table_.size()) return table_[id];
    if (id >= dense_limit_) return sparse_[id];
    table_.resize(std::min(dense_limit_, static_cast<size_t>(id) * 2 + 64));
    return table_[id];
  }

private:
  size_t dense_limit_;
  std::vector<uint32_t> table_;
  std::unordered_map<uint64_t, uint32_t> sparse_;
};

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// A position in the text, and the line that it is on.
struct Cursor {
  const char *at, *end, *line;
  size_t line_number = 1;

  bool done() const { return at == end; }
  bool at_line_end() const { return at == end || *at == '\n'; }
  void skip_blanks() {
    while (at != end && is_blank(*at)) at++;
  }
  void next_line() {
    if (at != end) at++;
    line = at;
    line_number++;
  }
  // To the first character of the next line that holds any; false at the end.
  bool skip_blank_lines() {
    for (skip_blanks(); !done() && *at == '\n'; skip_blanks()) next_line();
    return !done();
  }
};

class Parser {
public:
  Parser(Trace &trace, const HeapRules &rules)
      : trace_(trace), rules_(rules), c_{trace.text.data(),
                                         trace.text.data() + trace.text.size(),
                                         trace.text.data()},
        ids_(trace.text.size() / 2 + 64), slots_of_ids_(ids_.dense_limit()),
        reuse_slots_(!rules.own_slots &&
                     trace.text.find('@') == std::string::npos) {
    std::fill_n(thread_index_, 256, -1);
  }

  void run();

private:
  [[noreturn]] void fail(const char *at, const std::string &what) const;
  uint64_t number(const char *what);
  uint64_t size_or_previous();
  void read_header();
  void read_operation();
  unsigned read_thread_tag();
  void dispatch(char letter, Op op);
  void do_free(Op op);
  void do_realloc(Op op);
  void do_allocate(Op op, uint64_t id, uint64_t bytes);
  uint64_t read_id();
  uint32_t new_slot(uint64_t id);
  uint32_t live_slot(uint64_t id, const char *at, const char *verb);
  void resize(uint32_t slot, uint64_t bytes);
  void forget(uint32_t slot);
  void drop(uint32_t slot);
  uint64_t block_bytes(uint64_t payload) const {
    return (payload + 4 + rules_.alignment - 1) & ~(rules_.alignment - 1);
  }

  Trace &trace_;
  const HeapRules rules_;
  Cursor c_;
  IdTable ids_;
  IdTable slots_of_ids_; // where slots are not reused: the last one of an id
  const bool reuse_slots_;
  std::vector<uint32_t> free_slots_;      // freed ones, last first
  std::vector<uint64_t> sizes_{kNoBlock}; // payload bytes; by slot
  std::vector<bool> taken_{false};        // by slot
  uint64_t payload_ = 0, blocks_ = 0;     // live bytes now
  uint64_t previous_size_ = 0;
  bool has_previous_size_ = false;
  int thread_index_[256]; // by tag; -1: not seen
};

// Shows the line and points at the column. Of a long line only what is near.
void Parser::fail(const char *at, const std::string &what) const {
  constexpr long kMost = 200;
  const char *eol = c_.line;
  while (eol != c_.end && *eol != '\n' && *eol != '\r') eol++;
  const char *from = at - c_.line > kMost ? at - kMost / 2 : c_.line;
  const char *to = from + std::min<long>(std::max(eol - from, 0l), kMost);
  std::string shown, indent;
  for (const char *p = from; p < to; p++)
    shown += *p == '\t' ? "\t" : one_line({p, 1});
  for (const char *p = from; p < at; p++) indent += *p == '\t' ? '\t' : ' ';
  throw InputError(format("%s:%zu:%zu: %s\n    %s\n    %s^",
                          trace_.path.c_str(), c_.line_number,
                          static_cast<size_t>(at - c_.line) + 1, what.c_str(),
                          shown.c_str(), indent.c_str()));
}

uint64_t Parser::number(const char *what) {
  c_.skip_blanks();
  const char *start = c_.at;
  uint64_t value = 0;
  while (c_.at != c_.end && is_digit(*c_.at)) {
    unsigned digit = static_cast<unsigned>(*c_.at - '0');
    if (value > (UINT64_MAX - digit) / 10)
      fail(start, format("%s does not fit in 64 bits", what));
    value = value * 10 + digit;
    c_.at++;
  }
  if (c_.at == start) fail(start, format("expected %s here", what));
  if (!c_.at_line_end() && !is_blank(*c_.at))
    fail(c_.at,
         format("'%s' is not part of %s", one_line({c_.at, 1}).c_str(), what));
  return value;
}

// Some traces leave a size out where it is the previous operation's.
uint64_t Parser::size_or_previous() {
  c_.skip_blanks();
  if (c_.at_line_end()) {
    if (!has_previous_size_)
      fail(c_.at, "expected a size here (there is no previous one to repeat)");
    return previous_size_;
  }
  previous_size_ = number("a size in bytes");
  has_previous_size_ = true;
  return previous_size_;
}

// Four numbers: weight, ids, operations, anything; or, in the classic order,
// heap size, ids, operations, weight. A first number up to 3 is a weight.
void Parser::read_header() {
  static const char *const kNames[] = {"a weight (0 to 3) or a heap size",
                                       "the number of ids",
                                       "the number of operations"};
  uint64_t first = 0;
  for (int i = 0; i < 3; i++) {
    if (!c_.skip_blank_lines())
      fail(c_.at,
           format("the file ends where its header should have %s", kNames[i]));
    uint64_t value = number(kNames[i]);
    if (i == 0) first = value;
    if (i == 2) trace_.ops.reserve(std::min(value, trace_.text.size() / 4));
  }
  if (first <= 3) trace_.weight = static_cast<int>(first);
  // The fourth number's meaning differs, so nothing depends on it.
  if (c_.skip_blank_lines() && (is_digit(*c_.at) || *c_.at == '-'))
    while (!c_.at_line_end() && !is_blank(*c_.at)) c_.at++;
}

unsigned Parser::read_thread_tag() {
  const char *start = c_.at++;
  if (c_.at_line_end() || !is_digit(*c_.at))
    fail(start, "expected a thread number behind '@', as in '@2 f 17'");
  uint64_t tag = number("a thread number");
  if (tag > 255) fail(start + 1, "a thread number is at most 255");
  c_.skip_blanks();
  return static_cast<unsigned>(tag);
}

void Parser::read_operation() {
  unsigned tag = *c_.at == '@' ? read_thread_tag() : 0;
  if (thread_index_[tag] < 0)
    thread_index_[tag] = static_cast<int>(trace_.threads++);
  if (c_.at_line_end()) fail(c_.at, "expected an operation here");
  const char *start = c_.at++;
  if (std::string_view("arfcm").find(*start) == std::string_view::npos ||
      (!c_.at_line_end() && !is_blank(*c_.at)))
    fail(start, "an operation is a letter and a blank: a allocates, "
                "r reallocates, f frees, c callocs, m memaligns");
  Op op{};
  op.thread = static_cast<uint8_t>(thread_index_[tag]);
  dispatch(*start, op);
  c_.skip_blanks();
  if (!c_.at_line_end()) fail(c_.at, "nothing may follow an operation");
}

void Parser::dispatch(char letter, Op op) {
  if (letter == 'f') return do_free(op);
  if (letter == 'r') return do_realloc(op);
  uint64_t id = read_id();
  if (letter == 'a') {
    op.kind = OpKind::Malloc;
    op.size = size_or_previous();
    return do_allocate(op, id, op.size);
  }
  if (letter == 'c') {
    uint64_t count = number("the number of objects");
    uint64_t size = number("a size in bytes");
    op.kind = OpKind::Calloc;
    op.size = trace_.calloc_args.size();
    trace_.calloc_args.push_back({count, size});
    return do_allocate(op, id, trace_.requested(op));
  }
  c_.skip_blanks();
  const char *at = c_.at;
  uint64_t align = number("an alignment in bytes");
  if (align == 0 || (align & (align - 1)) != 0)
    fail(at, "an alignment is a power of two");
  op.kind = OpKind::Memalign;
  op.align_log2 = static_cast<uint8_t>(__builtin_ctzll(align));
  op.size = number("a size in bytes");
  do_allocate(op, id, op.size);
}

uint64_t Parser::read_id() {
  c_.skip_blanks();
  if (c_.at != c_.end && *c_.at == '-')
    fail(c_.at, "an id is not negative (only 'f -1' is, which frees NULL)");
  return number("an id");
}

uint32_t Parser::live_slot(uint64_t id, const char *at, const char *verb) {
  uint32_t slot = ids_[id];
  if (slot == kNew)
    fail(at, format("%s id %llu, which was never allocated", verb,
                    static_cast<unsigned long long>(id)));
  if (slot == kFreed)
    fail(at, format("%s id %llu, which was freed before", verb,
                    static_cast<unsigned long long>(id)));
  return slot;
}

void Parser::do_free(Op op) {
  op.kind = OpKind::Free;
  op.slot = kNullSlot;
  c_.skip_blanks();
  const char *at = c_.at;
  if (c_.at != c_.end && *at == '-') {
    c_.at++;
    if (number("an id") != 1)
      fail(at, "the only negative id is -1, which frees NULL");
  } else {
    uint64_t id = number("an id");
    uint32_t slot = live_slot(id, at, "frees");
    if (slot != kNulled) {
      op.slot = slot;
      drop(slot);
    }
    ids_[id] = kFreed;
  }
  trace_.ops.push_back(op);
}

void Parser::do_realloc(Op op) {
  c_.skip_blanks();
  const char *at = c_.at;
  uint64_t id = read_id();
  op.size = size_or_previous();
  uint32_t state = ids_[id];
  if (state == kNew || state == kNulled) {
    op.kind = OpKind::ReallocNull;
    return do_allocate(op, id, op.size);
  }
  op.kind = OpKind::Realloc;
  op.slot = live_slot(id, at, "reallocates");
  if (op.size == 0) {
    drop(op.slot);
    ids_[id] = kNulled;
  } else {
    resize(op.slot, op.size);
  }
  trace_.ops.push_back(op);
}

// An id that is live already loses its block, as in the classic drivers: the
// block stays allocated to the end, and is checked there like the others.
void Parser::do_allocate(Op op, uint64_t id, uint64_t bytes) {
  op.slot = new_slot(id);
  ids_[id] = op.slot;
  taken_[op.slot] = true;
  resize(op.slot, bytes);
  trace_.ops.push_back(op);
}

// With threads an id that is used again keeps its slot, so that its operations
// stay in order, as traces/README.md promises.
uint32_t Parser::new_slot(uint64_t id) {
  if (reuse_slots_ && !free_slots_.empty()) {
    uint32_t slot = free_slots_.back();
    free_slots_.pop_back();
    return slot;
  }
  uint32_t *old = reuse_slots_ ? nullptr : &slots_of_ids_[id];
  if (old && *old && !taken_[*old]) return *old;
  if (trace_.slots >= kNulled) fail(c_.at, "more than 2^32 - 3 blocks");
  sizes_.push_back(kNoBlock);
  taken_.push_back(false);
  if (old) *old = trace_.slots;
  return trace_.slots++;
}

// Accounts for the operation that is about to be appended: the slot's block
// has `bytes` from now on. A request beyond the limit fails and changes
// nothing.
void Parser::resize(uint32_t slot, uint64_t bytes) {
  if (bytes > rules_.limit) return;
  forget(slot);
  payload_ += bytes;
  blocks_ += block_bytes(bytes);
  sizes_[slot] = bytes;
  trace_.peak_blocks = std::max(trace_.peak_blocks, blocks_);
  if (payload_ > trace_.peak_payload) {
    trace_.peak_payload = payload_;
    trace_.peak_op = trace_.ops.size();
  }
}

void Parser::forget(uint32_t slot) {
  if (sizes_[slot] == kNoBlock) return;
  payload_ -= sizes_[slot];
  blocks_ -= block_bytes(sizes_[slot]);
  sizes_[slot] = kNoBlock;
}

void Parser::drop(uint32_t slot) {
  forget(slot);
  taken_[slot] = false;
  free_slots_.push_back(slot);
}

void Parser::run() {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (trace_.text.starts_with(kByteOrderMark)) // some editors write it unseen
    c_.line = c_.at += kByteOrderMark.size();
  read_header();
  c_.skip_blank_lines();
  const char *first = c_.at;
  trace_.body = static_cast<size_t>(first - trace_.text.data());
  trace_.body_line = c_.line_number;
  while (c_.skip_blank_lines()) read_operation();
  if (trace_.ops.empty()) fail(first, "the trace has no operation");
  for (uint32_t slot = 1; slot < trace_.slots; slot++)
    if (taken_[slot]) trace_.live_at_end.push_back(slot);
}

std::string read_file(const std::string &path) {
  std::FILE *file = std::fopen(path.c_str(), "rb");
  struct stat info {};
  bool known = file && fstat(fileno(file), &info) == 0;
  if (known && S_ISDIR(info.st_mode))
    errno = EISDIR;
  else if (known && S_ISCHR(info.st_mode) && !isatty(fileno(file)))
    errno = ENODEV; // such as /dev/zero, which has no end
  else if (file)
    errno = 0;
  std::string text;
  size_t got = 1;
  while (errno == 0 && got > 0) {
    size_t old = text.size();
    size_t want = std::max<size_t>(old, 1 << 16);
    if (old == 0 && info.st_size > 0)
      want = static_cast<size_t>(info.st_size) + 1;
    text.resize(old + want);
    got = std::fread(text.data() + old, 1, want, file);
    text.resize(old + got);
  }
  int error = errno;
  if (file) std::fclose(file);
  if (error)
    throw InputError(format("%s: cannot read the trace: %s; give a .rep file "
                            "with -f, or their folder with -t",
                            path.c_str(), std::strerror(error)));
  return text;
}

} // namespace

uint64_t Trace::requested(const Op &op) const {
  if (op.kind != OpKind::Calloc) return op.size;
  const CallocArgs &args = calloc_args[op.size];
  uint64_t bytes;
  return __builtin_mul_overflow(args.count, args.size, &bytes) ? UINT64_MAX
                                                               : bytes;
}

double Trace::bound() const {
  if (peak_blocks == 0) return 1;
  return static_cast<double>(peak_payload) / static_cast<double>(peak_blocks);
}

// An operation is a line that is not blank; what the parser accepted need not
// be checked again.
static std::pair<size_t, std::string_view> find_line(const Trace &trace,
                                                     size_t op) {
  const char *begin = trace.text.data() + trace.body;
  Cursor c{begin, trace.text.data() + trace.text.size(), begin,
           trace.body_line};
  for (size_t seen = 0; c.skip_blank_lines(); seen++) {
    const char *start = c.at;
    while (!c.at_line_end()) c.at++;
    const char *stop = c.at;
    while (stop > start && is_blank(stop[-1])) stop--;
    if (seen == op)
      return {c.line_number, {start, static_cast<size_t>(stop - start)}};
  }
  return {c.line_number, {}};
}

size_t Trace::line_number(size_t op) const {
  return find_line(*this, op).first;
}

std::string Trace::line_text(size_t op) const {
  return std::string(find_line(*this, op).second);
}

std::string Trace::where(size_t op) const {
  return format("%s:%zu", path.c_str(), line_number(op));
}

Trace parse_trace(const std::string &path, std::string text,
                  const HeapRules &rules) {
  Trace trace;
  trace.path = path;
  trace.name = strip_suffix(base_name(path), ".rep");
  trace.text = std::move(text);
  trace.threads = 0;
  Parser(trace, rules).run();
  return trace;
}

Trace read_trace(const std::string &path, const HeapRules &rules) {
  return parse_trace(path, read_file(path), rules);
}

} // namespace driver
