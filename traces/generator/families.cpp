// families.cpp - the families without threads (family.hpp): one function each,
// and at the end the table with their keys.
#include "family.hpp"

#include <deque>
#include <functional>
#include <queue>
#include <utility>

namespace generator {

using Ids = std::vector<Id>;

static void shuffle(Ids &ids, Random &random) {
  for (size_t i = ids.size(); i > 1; i--)
    std::swap(ids[i - 1], ids[random.below(i)]);
}

static void free_all(Trace &trace, Ids &ids) {
  for (Id id : ids) trace.free(id);
  ids.clear();
}

// The next size of a buffer that grows by a step, or to a percentage.
static size_t grown(size_t size, const Keys &keys) {
  if (keys["by"] == 1) return size + keys["step"];
  return std::max(size + 1, size * keys["percent"] / 100);
}

// ---- Mixed sizes, mixed lifetimes --------------------------------------

static void make_random(Trace &trace, Random &random, const Keys &keys) {
  size_t lo = keys["lo"], hi = keys["hi"];
  bool octaves = keys["sizes"] == 1;
  Pool pool;
  while (trace.operations() < keys["ops"]) {
    size_t size = octaves ? random.spread(lo, hi) : random.between(lo, hi);
    if (wants_more(pool.count(), keys["live"], random)) {
      pool.put(trace.alloc(size));
    } else if (random.percent(keys["resize"])) {
      Id id = pool.take(random);
      trace.resize(id, size); // to 0 frees
      if (size > 0) pool.put(id);
    } else {
      trace.free(pool.take(random));
    }
  }
}

// A request of `program`: one of the hot sizes, the first of them most often,
// or one from the tail.
static Id program_request(Trace &trace, Random &random, const Keys &keys,
                          const std::vector<size_t> &hot) {
  if (random.percent(keys["tail"]))
    return trace.alloc(random.spread(256, keys["hi"]));
  size_t which = std::min(random.below(hot.size()), random.below(hot.size()));
  bool zeroed = which % 4 == 3;
  if (zeroed) return trace.alloc_zeroed(1, hot[which]);
  return trace.alloc(hot[which]);
}

// In how many allocations the block is freed; 0 for never.
static size_t program_lifetime(Random &random, const Keys &keys) {
  if (random.percent(keys["young"])) return random.spread(1, 32);
  if (random.percent(keys["old"])) return 0;
  return random.spread(64, keys["ops"]);
}

static void make_program(Trace &trace, Random &random, const Keys &keys) {
  std::vector<size_t> hot(keys["kinds"]);
  for (size_t &size : hot) size = random.spread(8, 255);
  using Death = std::pair<size_t, Id>; // when, who
  std::priority_queue<Death, std::vector<Death>, std::greater<>> deaths;
  for (size_t now = 0; trace.operations() < keys["ops"]; now++) {
    for (; !deaths.empty() && deaths.top().first <= now; deaths.pop())
      trace.free(deaths.top().second);
    Id id = program_request(trace, random, keys, hot);
    if (random.percent(keys["grow"]))
      for (size_t n = random.between(1, 4); n > 0; n--)
        trace.resize(id, trace.size(id) * 2);
    size_t lifetime = program_lifetime(random, keys);
    if (lifetime > 0) deaths.push({now + lifetime, id});
    if (now % 64 == 63) trace.free_null();
  }
}

static void make_strings(Trace &trace, Random &random, const Keys &keys) {
  size_t lo = keys["lo"], hi = keys["hi"];
  Pool pool;
  while (trace.operations() < keys["ops"]) {
    size_t size = std::min(random.between(lo, hi), random.between(lo, hi));
    if (pool.empty() || wants_more(trace.live_bytes(), keys["bytes"], random)) {
      pool.put(trace.alloc(size));
    } else if (random.percent(keys["append"])) {
      Id id = pool.pick(random);
      trace.resize(id, std::min(trace.size(id) + size, std::max(lo, hi)));
    } else {
      trace.free(pool.take(random));
    }
  }
}

// Each phase of a program has sizes of its own, within a factor of two.
static void make_phases(Trace &trace, Random &random, const Keys &keys) {
  for (size_t phase = 0; phase < keys["phases"]; phase++) {
    size_t size = random.spread(keys["lo"], keys["hi"]);
    Pool pool;
    for (size_t i = 0; i < keys["count"]; i++) {
      pool.put(trace.alloc(random.between(size / 2, size)));
      if (random.percent(keys["churn"])) trace.free(pool.take(random));
    }
    while (!pool.empty()) {
      Id id = pool.take(random);
      if (!random.percent(keys["survive"])) trace.free(id);
    }
  }
}

// ---- Orders ------------------------------------------------------------

static void make_stack(Trace &trace, Random &random, const Keys &keys) {
  Ids stack;
  while (trace.operations() < keys["ops"]) {
    bool push = stack.empty() || random.percent(50);
    for (size_t n = random.between(1, keys["run"]); n > 0; n--) {
      if (push && stack.size() < keys["depth"]) {
        stack.push_back(trace.alloc(random.spread(keys["lo"], keys["hi"])));
      } else if (!push && !stack.empty()) {
        trace.free(stack.back());
        stack.pop_back();
      }
    }
  }
}

static void make_queue(Trace &trace, Random &random, const Keys &keys) {
  std::deque<Id> queue;
  while (trace.operations() < keys["ops"]) {
    for (size_t n = random.between(1, keys["burst"]); n > 0; n--)
      queue.push_back(trace.alloc(random.spread(keys["lo"], keys["hi"])));
    for (; queue.size() > keys["live"]; queue.pop_front())
      trace.free(queue.front());
  }
}

static void make_batch(Trace &trace, Random &random, const Keys &keys) {
  Ids ids;
  for (size_t round = 0; round < keys["rounds"]; round++) {
    size_t size = random.spread(keys["lo"], keys["hi"]);
    for (size_t i = 0; i < keys["count"]; i++) ids.push_back(trace.alloc(size));
    if (keys["order"] == 0) std::reverse(ids.begin(), ids.end());
    if (keys["order"] == 2) shuffle(ids, random);
    free_all(trace, ids);
  }
}

// ---- Holes that fit, and holes that do not -----------------------------

static void make_pairs(Trace &trace, Random &random, const Keys &keys) {
  Ids small, large;
  bool free_large = keys["freed"] == 1;
  size_t next = keys["next"];
  if (next == 0)
    next = keys[free_large ? "large" : "small"] * keys["percent"] / 100;
  for (size_t round = 0; round < keys["rounds"]; round++) {
    for (size_t i = 0; i < keys["count"]; i++) {
      small.push_back(trace.alloc(keys["small"]));
      large.push_back(trace.alloc(keys["large"]));
    }
    if (keys["order"] == 1) shuffle(free_large ? large : small, random);
    free_all(trace, free_large ? large : small);
    Ids &filled = free_large ? large : small;
    for (size_t i = 0; i < keys["count"]; i++)
      filled.push_back(trace.alloc(next));
    if (round + 1 == keys["rounds"]) return;
    free_all(trace, small);
    free_all(trace, large);
  }
}

// Groups of neighbours, each followed by a block that stays: only a group that
// is merged to the last block has room for the sum.
static void make_coalesce(Trace &trace, Random &random, const Keys &keys) {
  for (size_t round = 0; round < keys["rounds"]; round++) {
    Ids members, pins, sums;
    for (size_t g = 0; g < keys["groups"]; g++) {
      for (size_t i = 0; i < keys["members"]; i++)
        members.push_back(trace.alloc(keys["size"]));
      pins.push_back(trace.alloc(keys["pin"]));
    }
    if (keys["order"] == 1) std::reverse(members.begin(), members.end());
    if (keys["order"] == 2) shuffle(members, random);
    if (keys["order"] == 3) { // every other one, then those between
      Ids even, odd;
      for (size_t i = 0; i < members.size(); i++)
        (i % 2 ? odd : even).push_back(members[i]);
      even.insert(even.end(), odd.begin(), odd.end());
      members = even;
    }
    free_all(trace, members);
    for (size_t g = 0; g < keys["groups"]; g++)
      sums.push_back(trace.alloc(keys["members"] * keys["size"]));
    if (round + 1 == keys["rounds"]) return;
    free_all(trace, sums);
    free_all(trace, pins);
  }
}

// `holes` free blocks that cannot merge; then requests that all of them just
// fail, in the same power of two as far as it reaches.
static void make_nearmiss(Trace &trace, Random &random, const Keys &keys) {
  for (size_t round = 0; round < keys["rounds"]; round++) {
    Ids holes, rest;
    for (size_t i = 0; i < keys["holes"]; i++) {
      holes.push_back(trace.alloc(keys["size"]));
      rest.push_back(trace.alloc(keys["pin"]));
    }
    shuffle(holes, random);
    free_all(trace, holes);
    for (size_t i = 0; i < keys["requests"]; i++) {
      size_t more = random.between(keys["short"], 2 * keys["short"]);
      rest.push_back(trace.alloc(keys["size"] + more));
    }
    if (round + 1 < keys["rounds"]) free_all(trace, rest);
  }
}

// ---- Growing -----------------------------------------------------------

// The small blocks that a program allocates while a buffer grows: some stay,
// the others go one step later.
static void small_blocks(Trace &trace, Random &random, const Keys &keys,
                         Ids &passing) {
  free_all(trace, passing);
  for (size_t i = 0; i < keys["between"]; i++) {
    Id id = trace.alloc(random.between(keys["small"] / 2, keys["small"]));
    if (!random.percent(keys["stay"])) passing.push_back(id);
  }
}

static void make_grow(Trace &trace, Random &random, const Keys &keys) {
  for (size_t round = 0; round < keys["rounds"]; round++) {
    Ids passing;
    Id buffer = trace.resize_null(keys["start"]);
    while (trace.size(buffer) < keys["limit"]) {
      small_blocks(trace, random, keys, passing);
      trace.resize(buffer, grown(trace.size(buffer), keys));
    }
    free_all(trace, passing);
    if (keys["trim"] == 1) trace.resize(buffer, keys["limit"]);
    if (round + 1 < keys["rounds"]) trace.free(buffer);
  }
}

static void make_growmany(Trace &trace, Random &random, const Keys &keys) {
  Ids growing, passing;
  for (size_t i = 0; i < keys["buffers"]; i++)
    growing.push_back(trace.alloc(keys["start"]));
  for (size_t turn = 0; !growing.empty(); turn++) {
    size_t which = keys["order"] == 0 ? turn % growing.size()
                                      : random.below(growing.size());
    Id buffer = growing[which];
    trace.resize(buffer, grown(trace.size(buffer), keys));
    if (trace.size(buffer) >= keys["limit"]) {
      growing[which] = growing.back();
      growing.pop_back();
      if (random.percent(50)) trace.free(buffer);
    }
    small_blocks(trace, random, keys, passing);
  }
  free_all(trace, passing);
}

// Hash tables that double their array when they are full.
static void make_tables(Trace &trace, Random &random, const Keys &keys) {
  struct Table {
    Id array;
    size_t capacity;
    Pool nodes;
  };
  std::vector<Table> tables;
  for (size_t i = 0; i < keys["tables"]; i++)
    tables.push_back({trace.alloc_zeroed(16, 8), 16, {}});
  while (trace.operations() < keys["ops"]) {
    Table &table = tables[random.below(tables.size())];
    if (!table.nodes.empty() && random.percent(keys["erase"])) {
      trace.free(table.nodes.take(random));
      continue;
    }
    table.nodes.put(trace.alloc(random.between(keys["lo"], keys["hi"])));
    if (table.nodes.count() < table.capacity) continue;
    table.capacity *= 2;
    Id array = trace.alloc_zeroed(table.capacity, 8);
    trace.free(table.array);
    table.array = array;
  }
}

// ---- Large, and aligned ------------------------------------------------

// C = A * B: two packed copies of parts of A and B while it runs, then C.
static void make_matrix(Trace &trace, Random &random, const Keys &keys) {
  Pool matrices;
  while (trace.operations() < keys["ops"]) {
    size_t bytes = random.spread(keys["lo"], keys["hi"]);
    Id packed_a = trace.alloc_aligned(64, bytes / 2);
    Id packed_b = trace.alloc_aligned(64, bytes / 4);
    size_t row = 8 * random.spread(16, 512);
    matrices.put(random.percent(25) ? trace.alloc_zeroed(bytes / row + 1, row)
                                    : trace.alloc(bytes));
    trace.free(packed_b);
    trace.free(packed_a);
    if (matrices.count() > keys["live"]) trace.free(matrices.take(random));
  }
}

static void make_aligned(Trace &trace, Random &random, const Keys &keys) {
  Pool pool;
  while (trace.operations() < keys["ops"]) {
    size_t size = random.spread(keys["lo"], keys["hi"]);
    size_t align = std::bit_floor(random.spread(8, keys["align"]));
    if (!wants_more(pool.count(), keys["live"], random))
      trace.free(pool.take(random));
    else if (random.percent(keys["plain"]))
      pool.put(trace.alloc(size));
    else
      pool.put(trace.alloc_aligned(align, size));
  }
}

// ---- The table ---------------------------------------------------------

// name, default, least; then the range that draw=1 takes one from.
static const Family kFamilies[] = {
    {"random",
     "sizes and frees at random, about `live` blocks live",
     {{"lo", 1, 0, 0, 64},
      {"hi", 4096, 0, 64, 64 << 10},
      {"live", 1000, 1, 200, 4000},
      {"ops", 20000, 1, 4000, 60000},
      {"resize", 10, 0, 0, 40},
      {"sizes", 0, 0, 0, 1, "uniform|octaves"}},
     make_random},
    {"program",
     "a few hot sizes and a long tail; most blocks die young, some never",
     {{"kinds", 6, 1, 3, 20},
      {"tail", 5, 0, 1, 20},
      {"hi", 64 << 10, 256, 4096, 256 << 10},
      {"young", 70, 0, 40, 90},
      {"old", 30, 0, 10, 60},
      {"grow", 2, 0, 0, 8},
      {"ops", 40000, 1, 10000, 80000}},
     make_program},
    {"strings",
     "many small objects, about `bytes` live; some are appended to",
     {{"lo", 10, 1, 4, 24},
      {"hi", 100, 1, 50, 200},
      {"bytes", 256 << 10, 1, 30 << 10, 1536 << 10},
      {"append", 15, 0, 0, 40},
      {"ops", 30000, 1, 8000, 60000}},
     make_strings},
    {"phases",
     "each phase has its own sizes; few blocks survive it",
     {{"phases", 8, 1, 4, 20},
      {"count", 1000, 1, 200, 2000},
      {"lo", 16, 0, 8, 128},
      {"hi", 8192, 1, 256, 16 << 10},
      {"churn", 30, 0, 0, 80},
      {"survive", 4, 0, 1, 15}},
     make_phases},
    {"stack",
     "last in, first out",
     {{"lo", 8, 0, 1, 64},
      {"hi", 2048, 0, 64, 16 << 10},
      {"depth", 2000, 1, 100, 5000},
      {"run", 40, 1, 4, 400},
      {"ops", 20000, 1, 4000, 60000}},
     make_stack},
    {"queue",
     "first in, first out, a steady number live",
     {{"lo", 16, 0, 1, 64},
      {"hi", 4096, 0, 64, 16 << 10},
      {"live", 500, 1, 50, 4000},
      {"burst", 1, 1, 1, 64},
      {"ops", 20000, 1, 4000, 60000}},
     make_queue},
    {"batch",
     "a number of blocks of one size, all freed; and again with another size",
     {{"lo", 16, 0, 1, 128},
      {"hi", 1024, 0, 128, 8192},
      {"count", 1000, 1, 100, 4000},
      {"rounds", 10, 1, 4, 20},
      {"order", 0, 0, 0, 2, "lifo|fifo|random"}},
     make_batch},
    {"pairs",
     "small, large, small, large...; one kind freed, then `next` requested",
     {{"small", 40, 0, 8, 256},
      {"large", 360, 0, 128, 4096},
      {"next", 0, 0, 0, 0},
      {"percent", 115, 1, 101, 250},
      {"count", 2000, 1, 400, 6000},
      {"freed", 1, 0, 0, 1, "small|large"},
      {"order", 0, 0, 0, 1, "fifo|random"},
      {"rounds", 1, 1, 1, 4}},
     make_pairs},
    {"coalesce",
     "neighbours are freed in some order, then their sum is requested",
     {{"size", 120, 0, 16, 1024},
      {"members", 6, 1, 2, 20},
      {"groups", 300, 1, 50, 1000},
      {"pin", 24, 0, 8, 64},
      {"order", 3, 0, 0, 3, "forward|backward|random|alternate"},
      {"rounds", 4, 1, 1, 8}},
     make_coalesce},
    {"nearmiss",
     "free blocks that all just fail to fit the requests that follow",
     {{"size", 520, 0, 64, 4096},
      {"short", 16, 1, 8, 200},
      {"holes", 2000, 0, 500, 6000},
      {"requests", 2000, 0, 500, 6000},
      {"pin", 24, 0, 8, 64},
      {"rounds", 1, 1, 1, 2}},
     make_nearmiss},
    {"grow",
     "one buffer grows by realloc, small blocks come and go between",
     {{"start", 64, 1, 16, 1024},
      {"by", 0, 0, 0, 1, "percent|step"},
      {"percent", 150, 101, 105, 200},
      {"step", 1024, 1, 64, 8192},
      {"limit", 1 << 20, 1, 64 << 10, 4 << 20},
      {"between", 4, 0, 0, 8},
      {"small", 64, 2, 16, 256},
      {"stay", 20, 0, 0, 60},
      {"trim", 0, 0, 0, 1, "no|yes"},
      {"rounds", 4, 1, 1, 20}},
     make_grow},
    {"growmany",
     "many buffers grow by realloc, in turn or at random",
     {{"buffers", 40, 1, 8, 200},
      {"start", 32, 1, 8, 256},
      {"by", 0, 0, 0, 1, "percent|step"},
      {"percent", 130, 101, 105, 200},
      {"step", 512, 1, 64, 4096},
      {"limit", 64 << 10, 1, 8 << 10, 256 << 10},
      {"between", 1, 0, 0, 3},
      {"small", 48, 2, 16, 256},
      {"stay", 10, 0, 0, 40},
      {"order", 1, 0, 0, 1, "turns|random"}},
     make_growmany},
    {"tables",
     "hash tables: nodes, and zeroed arrays that double",
     {{"tables", 4, 1, 1, 40},
      {"lo", 24, 0, 16, 48},
      {"hi", 56, 0, 32, 256},
      {"erase", 25, 0, 5, 45},
      {"ops", 30000, 1, 5000, 80000}},
     make_tables},
    {"matrix",
     "large objects and their large temporaries",
     {{"lo", 32 << 10, 0, 4 << 10, 64 << 10},
      {"hi", 1 << 20, 0, 64 << 10, 1 << 20},
      {"live", 24, 1, 4, 64},
      {"ops", 3000, 1, 2000, 8000}},
     make_matrix},
    {"aligned",
     "memalign with alignments up to `align`, and plain blocks between",
     {{"align", 4096, 8, 64, 16 << 10},
      {"lo", 8, 0, 1, 64},
      {"hi", 2048, 0, 128, 8192},
      {"live", 400, 1, 100, 2000},
      {"plain", 40, 0, 0, 80},
      {"ops", 10000, 1, 4000, 40000}},
     make_aligned},
};

std::span<const Family> plain_families() {
  return kFamilies;
}

} // namespace generator
