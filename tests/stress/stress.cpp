// stress.cpp - random operations on one allocator, in one thread, against a
// model of what its heap must hold.
//
//   stress [SEED [OPERATIONS]]
//
// Three tests: `random` in an ample heap; `exhausted`, in a heap so small that
// requests fail all the time, but none for which there is room; `again`, many
// mm_init in a process, with heaps of different sizes at different places.
#include "tests/stress/common.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <set>
#include <vector>

using namespace stress;
using driver::Shadow;

namespace {

class Model {
public:
  Model(uint64_t seed, bool may_fail) : random_(seed), may_fail_(may_fail) {}

  void run_ops(uint64_t ops);
  void fill_up(size_t size);
  void free_all();
  void check_heap();
  Random &random() { return random_; }
  size_t live() const { return blocks_.size(); }
  uint64_t failures() const { return failures_; }

private:
  void step();
  size_t size() { return random_size(random_, mood_); }
  bool failed(const char *payload, size_t size, const char *what,
              size_t align = 1, const Block *old = nullptr);
  void do_malloc();
  void do_calloc();
  void do_memalign();
  void do_realloc();
  void do_free(size_t which);
  void do_absurd();
  void keep(char *payload, size_t size, size_t align);
  void enter(const Block &block);
  void leave(const Block &block);
  Block take(size_t which);

  Random random_;
  const bool may_fail_;
  std::vector<Block> blocks_;
  Shadow shadow_;
  unsigned mood_ = 0;
  size_t wanted_ = 0; // live blocks, about
  uint64_t payload_ = 0, failures_ = 0, seeds_ = 0;
};

// ---- Was there room? --------------------------------------------------------

// What a request may take beyond its bytes: a header, or the rest of a unit.
constexpr size_t kSlack = 256;
// Beyond, blocks of a page do not count; and the paper's geometry does not make
// room for one kind of memory from another.
constexpr size_t kNoPage = 8 << 10;

// A request that failed, and the walk over the heap in which it did.
struct Wanted {
  size_t size, align;
  const Block *old;     // of realloc
  size_t row = 0;       // bytes that are free, or the old block's, in a row
  bool has_old = false; // in the row
  bool room = false;
};

void look_for_room(void *context, const void *start, size_t size,
                   mm_kind kind) {
  auto *wanted = static_cast<Wanted *>(context);
  auto from = reinterpret_cast<uintptr_t>(start);
  uintptr_t old =
      wanted->old ? reinterpret_cast<uintptr_t>(wanted->old->payload) : 0;
  bool is_old = from <= old && old < from + size;
  if (!is_old && (kind != MM_FREE || size <= kNoPage)) {
    wanted->row = wanted->has_old = 0;
    return;
  }
  wanted->row += size;
  wanted->has_old |= is_old;
  wanted->room |= wanted->has_old && wanted->row >= wanted->size + kSlack;
  if (is_old) return;
  // A block that is aligned may have to leave a whole one in front of it.
  uintptr_t at = wanted->align > ALIGNMENT ? from + 32 : from;
  at = (at + wanted->align - 1) & ~(wanted->align - 1);
  wanted->room |= at + wanted->size + kSlack <= from + size;
}

bool was_room(Wanted wanted) {
  bool is_paper = mm_name && std::strcmp(mm_name(), "chaos-paper") == 0;
  if (!mm_walk || is_paper || wanted.size <= kNoPage) return false;
  if (wanted.old && wanted.old->size <= kNoPage) wanted.old = nullptr;
  mm_walk(look_for_room, &wanted);
  return wanted.room;
}

// ---- Operations -------------------------------------------------------------

// NULL is an answer only where the heap may be full, and has no room.
bool Model::failed(const char *payload, size_t size, const char *what,
                   size_t align, const Block *old) {
  if (payload) return false;
  if (size == 0) return true;
  if (errno != ENOMEM) fail("%s failed, but errno is %d", what, errno);
  if (!may_fail_)
    fail("%s of %zu bytes failed, with %llu live in a heap of %zu", what, size,
         static_cast<unsigned long long>(payload_), mem_limit());
  if (failures_++ % 4 == 0 && was_room({size, align, old}))
    fail("%s of %zu bytes, at a multiple of %zu, failed, but there is room",
         what, size, align);
  return true;
}

void Model::enter(const Block &block) {
  auto start = reinterpret_cast<uintptr_t>(block.payload);
  uintptr_t end = start + std::max<size_t>(block.size, 1);
  if (mm_usable_size)
    end = std::max(end, start + mm_usable_size(block.payload));
  Shadow::Entry other = shadow_.overlapping(start, end);
  if (other != shadow_.none())
    fail("payload %p of %zu bytes overlaps that at 0x%llx of %zu",
         static_cast<void *>(block.payload), block.size,
         static_cast<unsigned long long>(other->first),
         static_cast<size_t>(other->second.size));
  shadow_.insert(start, {end, block.size, block.seed, 0});
  blocks_.push_back(block);
  payload_ += block.size;
}

void Model::leave(const Block &block) {
  shadow_.erase(shadow_.find(reinterpret_cast<uintptr_t>(block.payload)));
  payload_ -= block.size;
}

Block Model::take(size_t which) {
  Block block = blocks_[which];
  blocks_[which] = blocks_.back();
  blocks_.pop_back();
  block.verify(block.size, "while it was live");
  leave(block);
  return block;
}

void Model::keep(char *payload, size_t size, size_t align) {
  check_payload(payload, size, align);
  Block block{payload, size, run.seed + ++seeds_ * 0x9e3779b97f4a7c15};
  enter(block);
  block.fill(0);
}

void Model::do_malloc() {
  size_t n = size();
  errno = 0;
  auto *p = static_cast<char *>(mm_malloc(n));
  if (!failed(p, n, "malloc")) keep(p, n, 1);
}

void Model::do_calloc() {
  size_t n = size(), count = 1 + random_.below(9), each = n / count;
  errno = 0;
  auto *p = static_cast<char *>(mm_calloc(count, each));
  n = count * each;
  if (failed(p, n, "calloc")) return;
  for (size_t i = 0; i < n; i++)
    if (p[i]) fail("calloc's byte %zu of %zu is not zero", i, n);
  keep(p, n, 1);
}

void Model::do_memalign() {
  // Now and then more than whatever an allocator's pieces are aligned to.
  uint64_t bits = random_.below(random_.one_in(16) ? 25 : 14);
  size_t n = size(), align = size_t{1} << bits;
  errno = 0;
  auto *p = static_cast<char *>(mm_memalign(align, n));
  if (!failed(p, n, "memalign", align)) keep(p, n, align);
}

void Model::do_realloc() {
  size_t which = random_.below(blocks_.size());
  Block old = blocks_[which];
  size_t n =
      random_.one_in(3) ? old.size + random_.below(old.size + 40) : size();
  old.verify(old.size, "before realloc");
  errno = 0;
  auto *p = static_cast<char *>(mm_realloc(old.payload, n));
  if (n > 0 && !p) {
    if (n <= old.size)
      fail("realloc to %zu bytes, from %zu, failed", n, old.size);
    failed(p, n, "realloc", 1, &old);
    return old.verify(old.size, "in a realloc that failed");
  }
  blocks_[which] = blocks_.back();
  blocks_.pop_back();
  leave(old);
  if (n == 0) {
    if (p) fail("realloc to 0 bytes returned a block");
    return;
  }
  check_payload(p, n, 1);
  Block block{p, n, old.seed};
  enter(block);
  block.verify(std::min(n, old.size), "in realloc");
  block.fill(std::min(n, old.size));
}

void Model::do_free(size_t which) {
  mm_free(take(which).payload);
}

// What no heap has: NULL, ENOMEM, and nothing has happened.
void Model::do_absurd() {
  const size_t kHuge[] = {SIZE_MAX,
                          SIZE_MAX - random_.below(10000),
                          SIZE_MAX / 2 + random_.below(100),
                          mem_limit() + random_.below(100),
                          (size_t{1} << 32) + random_.below(1000),
                          (size_t{1} << 34) - random_.below(100)};
  size_t n = kHuge[random_.below(6)];
  if (n < mem_limit()) return;
  errno = 0;
  uint64_t dice = random_.below(4);
  void *p = dice == 0                  ? mm_malloc(n)
            : dice == 1 && mm_memalign ? mm_memalign(64, n)
            : dice == 2 && mm_calloc   ? mm_calloc(n / 5 + 1, 7)
            : dice > 0 && live() > 0   ? mm_realloc(blocks_[0].payload, n)
                                       : nullptr;
  if (p) fail("a request of %zu bytes succeeded", n);
  if (dice < 3 && errno != ENOMEM && errno != 0)
    fail("a request of %zu bytes sets errno to %d", n, errno);
  if (dice == 0 && errno == 0) fail("malloc of %zu bytes leaves errno 0", n);
  if (live() > 0) blocks_[0].verify(blocks_[0].size, "in a huge request");
}

void Model::step() {
  uint64_t dice = random_.below(100);
  bool many = blocks_.size() > wanted_;
  if (blocks_.empty() || dice < (many ? 30u : 50u)) {
    if (dice % 10 == 0 && mm_calloc) return do_calloc();
    if (dice % 10 == 1 && mm_memalign) return do_memalign();
    return do_malloc();
  }
  if (dice >= 90) return do_realloc();
  if (dice == 89) return mm_free(nullptr);
  if (dice == 88) return do_absurd();
  do_free(random_.one_in(4) ? blocks_.size() - 1
                            : random_.below(blocks_.size()));
}

void Model::run_ops(uint64_t ops) {
  constexpr size_t kFew = 64;
  for (uint64_t i = 0; i < ops; i++) {
    if (i % 4096 == 0) { // the program enters another phase
      mood_ = static_cast<unsigned>(random_.below(6));
      wanted_ = size_t{1} << random_.below(11);
    }
    step();
    // The invariants after each operation, or with many blocks after some; what
    // the blocks hold, too, now and then.
    bool few = blocks_.size() <= kFew || i % kFew == 0;
    if (few && mm_checkheap && !mm_checkheap(__LINE__))
      fail("mm_checkheap says no");
    if (i % 16384 == 8191) check_heap();
  }
  check_heap();
}

// Until nothing more comes.
void Model::fill_up(size_t size) {
  errno = 0;
  for (char *p;
       !failed(p = static_cast<char *>(mm_malloc(size)), size, "malloc");)
    keep(p, size, 1);
  check_heap();
}

void Model::free_all() {
  while (!blocks_.empty()) do_free(random_.below(blocks_.size()));
  check_heap();
}

// ---- The heap as a whole ----------------------------------------------------

struct Walk {
  Shadow &shadow;
  const char *next;
  size_t allocated = 0;
};

// Pieces follow each other without a gap; an allocated one holds one payload.
void visit(void *context, const void *start, size_t size, mm_kind kind) {
  auto *walk = static_cast<Walk *>(context);
  if (start != walk->next)
    fail("mm_walk: a piece begins at %p, the last one ended at %p", start,
         static_cast<const void *>(walk->next));
  if (size == 0) fail("mm_walk: the piece at %p has no bytes", start);
  walk->next += size;
  auto from = reinterpret_cast<uintptr_t>(start);
  Shadow::Entry held = walk->shadow.overlapping(from, from + size);
  bool whole = held != walk->shadow.none() && held->first >= from &&
               held->second.end <= from + size;
  if ((kind == MM_ALLOCATED) != (held != walk->shadow.none()))
    fail("mm_walk: the piece %p of %zu bytes is %s", start, size,
         kind == MM_ALLOCATED ? "allocated, but nobody holds it"
                              : "not allocated, but a payload lies there");
  if (kind == MM_ALLOCATED && !whole)
    fail("mm_walk: a payload reaches out of the piece %p of %zu bytes", start,
         size);
  walk->allocated += kind == MM_ALLOCATED;
}

void Model::check_heap() {
  if (mm_checkheap && !mm_checkheap(__LINE__)) fail("mm_checkheap says no");
  for (const Block &block : blocks_) block.verify(block.size, "meanwhile");
  if (!mm_walk) return;
  auto *lo = static_cast<const char *>(mem_heap_lo());
  Walk walk{shadow_, lo};
  mm_walk(visit, &walk);
  if (walk.next != lo + mem_heapsize())
    fail("mm_walk ends at %p, the brk is at %p",
         static_cast<const void *>(walk.next),
         static_cast<const void *>(lo + mem_heapsize()));
  if (walk.allocated != blocks_.size())
    fail("mm_walk finds %zu allocated blocks, %zu are live", walk.allocated,
         blocks_.size());
}

// ---- Tests ------------------------------------------------------------------

void start(size_t limit) {
  if (limit != mem_limit() && mem_reserve(limit, nullptr) != 0)
    fail("cannot reserve a heap of %zu bytes", limit);
  mem_reset_brk();
  if (mm_init() < 0) fail("mm_init failed");
}

void test_random() {
  run.test = "random";
  start(MAX_HEAP);
  Model model(run.seed, false);
  model.run_ops(run.ops);
  model.free_all();
  passed();
}

// Fills the heap with blocks of one size, again and again: as many as the
// first time, since all were given back.
void fill_and_empty(Random &random) {
  size_t size = 1000 + random.below(100000), counts[3];
  for (size_t &count : counts) {
    std::vector<char *> blocks;
    while (auto *p = static_cast<char *>(mm_malloc(size))) {
      check_payload(p, size, 1);
      std::memset(p, static_cast<int>(blocks.size() & 0xff), size);
      blocks.push_back(p);
    }
    if (errno != ENOMEM) fail("an exhausted heap sets errno to %d", errno);
    for (size_t i = 0; i < blocks.size(); i++)
      if ((blocks[i][size - 1] & 0xff) != static_cast<int>(i & 0xff))
        fail("a block lost its content when the heap was exhausted");
    count = blocks.size();
    for (char *p : blocks) mm_free(p);
  }
  if (counts[1] < counts[0] || counts[2] < counts[0] || counts[0] == 0)
    fail("a heap holds %zu, then %zu, then %zu blocks of %zu bytes", counts[0],
         counts[1], counts[2], size);
}

void test_exhausted() {
  run.test = "exhausted";
  Random random(run.seed + 1);
  uint64_t failures = 0;
  for (int episode = 0; episode < 8; episode++) {
    start((size_t{12} + 4 * random.below(4)) << 20);
    if (episode % 2) fill_and_empty(random);
    Model model(random.next(), true);
    model.run_ops(run.ops / 32);
    model.fill_up(size_t{1} << (7 + random.below(11)));
    model.run_ops(run.ops / 32);
    failures += model.failures();
    model.free_all();
    if (void *p = mm_malloc(100))
      mm_free(p);
    else
      fail("malloc(100) fails in an empty heap that was exhausted");
  }
  if (failures <= 8) fail("the heap was never exhausted");
  passed();
}

// A small heap in which all is taken but what `make` returns.
template <class Make> auto start_full(Make make) {
  start(size_t{4} << 20);
  auto made = make();
  for (size_t size : {size_t{20000}, size_t{500}, size_t{200}, size_t{12}})
    while (mm_malloc(size))
      ;
  return made;
}

char *must_malloc(size_t size) {
  auto *p = static_cast<char *>(mm_malloc(size));
  if (!p) fail("malloc of %zu bytes failed", size);
  return p;
}

// Frees the blocks, the first one first or last. (In Chaos the first that is
// freed waits.)
void free_in_turn(std::vector<char *> blocks, bool backwards) {
  if (backwards) std::reverse(blocks.begin(), blocks.end());
  for (char *block : blocks) mm_free(block);
}

// A search looks at the first few free blocks of a list only, as long as there
// is anything else. Here 40 that are too short lie in front of the one.
void last_of_a_list(bool backwards) {
  auto holes = start_full([] {
    std::vector<char *> made;
    for (int i = 0; i < 41; i++) {
      made.push_back(must_malloc(i == 1 ? 20960 : 20496));
      must_malloc(20000);
    }
    return made;
  });
  free_in_turn(holes, backwards);
  must_malloc(20900);
}

// The same where most are not aligned.
void last_that_is_aligned(bool backwards) {
  constexpr size_t kAlign = 8192, kSize = 16000;
  auto holes = start_full([] {
    std::vector<char *> made;
    for (int i = 0; i < 41; i++) {
      size_t align = i == 1 ? kAlign : ALIGNMENT;
      auto *p = static_cast<char *>(mm_memalign(align, kSize));
      made.push_back(p);
      must_malloc(9000);
    }
    return made;
  });
  free_in_turn(holes, backwards);
  if (!mm_memalign(kAlign, kSize))
    fail("a block that was freed, and is aligned, cannot be had again");
}

// A hole of one unit of Chaos: a block of a page needs more than its bytes.
void least_hole() {
  constexpr size_t kHole = 120, kLess = 115;
  auto all = start_full([] {
    std::vector<void *> made;
    for (int i = 0; i < 100; i++) must_malloc(kLess); // the class has pages
    while (void *p = mm_memalign(128, kHole)) made.push_back(p);
    return made;
  });
  while (mm_malloc(kLess))
    ;
  mm_free(all[all.size() / 2]);
  if (mm_malloc(20000)) fail("the heap is not exhausted"); // nothing waits now
  mm_free(must_malloc(kLess));
  if (mm_malloc(20000)) fail("the heap is not exhausted");
  if (!mm_memalign(128, kLess / 2))
    fail("memalign of %zu bytes fails, with a hole of %zu", kLess / 2, kHole);
}

// Small objects may lie where an allocator that has much to do looks no more:
// every second one is freed, then comes `work`, and then the heap is exhausted.
template <class Work> void holes_of_small(Work work) {
  constexpr size_t kSmall = 48;
  start(size_t{1} << 20);
  std::vector<void *> small(40, nullptr);
  for (void *&p : small) p = must_malloc(kSmall);
  for (size_t i = 0; i < small.size(); i += 2) mm_free(small[i]);
  work();
  constexpr size_t kFill[] = {65536, 8192, 1024, 512, 256, 100};
  for (size_t size : kFill)
    while (mm_malloc(size))
      ;
  if (!mm_malloc(kSmall)) fail("nobody finds the holes of small objects");
}

void work_for_long() {
  constexpr size_t kSizes[] = {20000, 9000, 48};
  for (int i = 0; i < 200000; i++)
    for (size_t size : kSizes) mm_free(must_malloc(size));
}

// What waits to be used again lies beside the block.
void realloc_into_what_waits() {
  auto blocks = start_full([] {
    return std::array{must_malloc(20000), must_malloc(20000)};
  });
  mm_free(blocks[1]);
  if (!mm_realloc(blocks[0], 39000))
    fail("realloc does not grow into the block behind, which was freed");
}

// Neither what is free in front nor the rest of the heap is enough. (The map of
// Chaos is made large enough before.)
void realloc_with_both_sides() {
  constexpr size_t kPart = 1 << 20;
  start(4 * kPart - kPart / 16);
  mm_free(must_malloc(3 * kPart + kPart / 2));
  char *before = must_malloc(kPart), *p = must_malloc(kPart);
  std::memset(p, 'p', kPart);
  mm_free(before);
  p = static_cast<char *>(mm_realloc(p, 3 * kPart + kPart / 2));
  if (!p) fail("realloc does not grow by what is free on both sides");
  for (size_t i = 0; i < kPart; i++)
    if (p[i] != 'p') fail("realloc lost byte %zu", i);
}

void test_last_resort() {
  run.test = "last_resort";
  if (mm_name && std::strcmp(mm_name(), "chaos-paper") == 0) return;
  for (bool backwards : {false, true}) {
    last_of_a_list(backwards);
    last_that_is_aligned(backwards);
  }
  least_hole();
  holes_of_small([] {});
  holes_of_small(work_for_long);
  realloc_into_what_waits();
  realloc_with_both_sides();
  if (!mm_checkheap(__LINE__)) fail("mm_checkheap says no");
  passed();
}

void test_again() {
  run.test = "again";
  Random random(run.seed + 2);
  for (int i = 0; i < 100; i++) {
    start(size_t{64} << (20 + random.below(3)));
    Model model(random.next(), false);
    model.run_ops(1 + random.below(run.ops / 500 + 10));
  }
  passed();
}

// By memcmp, as a loop over the bytes takes a sanitizer half a minute.
void check_zero(const char *p, size_t size) {
  if (p[0] == 0 && std::memcmp(p, p + 1, size - 1) == 0) return;
  for (size_t i = 0; i < size; i++)
    if (p[i]) fail("calloc's byte %zu of %zu is not zero", i, size);
}

// Checks that it is zero, and makes it dirty.
char *calloc_and_use(size_t size) {
  auto *p = static_cast<char *>(mm_calloc(1, size));
  if (!p) fail("calloc of %zu bytes failed", size);
  check_zero(p, size);
  return static_cast<char *>(std::memset(p, 0xee, size));
}

// Over memory of an earlier heap, beyond it, where the brk goes down and up,
// and under a guard, which writes above the brk.
void calloc_over_dirt(Random &random, bool guarded) {
  start(size_t{256} << 20);
  for (int pass = 0; pass < 6; pass++) {
    std::vector<char *> blocks;
    mem_reset_brk();
    mem_guard(guarded && pass % 2);
    if (mm_init() < 0) fail("mm_init failed");
    for (int i = 0; i < 20 * pass + 20; i++) {
      size_t bits = 8 + random.below(14), size = random.below(1u << bits) + 1;
      blocks.push_back(calloc_and_use(size));
      if (!random.one_in(3)) continue;
      std::swap(blocks[random.below(blocks.size())], blocks.back());
      mm_free(blocks.back());
      blocks.pop_back();
    }
  }
  mem_guard(0);
}

// What nobody has touched need not be zeroed. (mm.c does, and so does the paper
// geometry, whose lists lie above the top.)
void calloc_of_fresh_memory() {
  constexpr size_t kSize = size_t{64} << 20;
  mem_reset_brk_zeroed();
  if (mm_init() < 0) fail("mm_init failed");
  char *p = static_cast<char *>(mm_calloc(kSize / 8, 8));
  if (!p) fail("calloc of %zu bytes failed", kSize);
  if (std::strcmp(mm_name(), "chaos") == 0 && mem_touched() > kSize / 64)
    fail("calloc of fresh memory touched %zu bytes", mem_touched());
  check_zero(p, kSize);
}

void test_calloc() {
  run.test = "calloc";
  if (!mm_calloc || !mm_name) return;
  Random random(run.seed + 3);
  for (int i = 0; i < 12; i++) calloc_over_dirt(random, i % 2);
  calloc_of_fresh_memory();
  passed();
}

// ---- Aligned objects --------------------------------------------------------

// A program that frees one and asks for the next one like it gets memory that
// it had lately, or a page of it, though much else is free, whatever lists the
// first may be on.
void test_aligned() {
  run.test = "aligned";
  if (!mm_memalign) return;
  constexpr int kPairs = 1000;
  constexpr size_t kPlaces = 100;
  constexpr size_t kSizes[] = {100, 1000, 5000, 50000};
  for (size_t size : kSizes) {
    start(size_t{64} << 20);
    void *much = mm_malloc(size_t{16} << 20), *last = mm_malloc(size);
    mm_free(much);
    std::set<void *> places;
    for (int i = 0; i < kPairs; i++) {
      void *p = mm_memalign(4096, size);
      if (!p || !last) fail("memalign of %zu bytes failed", size);
      places.insert(p);
      mm_free(p);
    }
    if (places.size() > kPlaces)
      fail("%d objects of %zu bytes, one at a time, lay at %zu places", kPairs,
           size, places.size());
  }
  passed();
}

// ---- A program that runs for long -------------------------------------------

// `live` objects of less than `most` bytes, one of which is replaced by another
// with each operation. An allocator may take time or memory for that; but what
// was enough for twenty turns must nearly be enough for the thousand to come,
// and once all is freed, three quarters of a heap four times as large as the
// payload are one piece.
void replace_for_long(Random &random, size_t live, size_t most) {
  const size_t limit = 2 * live * most;
  start(limit);
  std::vector<void *> objects(live, nullptr);
  size_t soon = 0;
  for (size_t i = 0; i < 1000 * live; i++) {
    void *&object = objects[random.below(live)];
    mm_free(object);
    object = must_malloc(1 + random.below(most));
    if (i == 20 * live) soon = mem_high_water();
  }
  if (mem_high_water() > soon + soon / 2)
    fail("%zu objects of less than %zu bytes need %zu bytes, and later %zu",
         live, most, soon, mem_high_water());
  for (void *object : objects) mm_free(object);
  mm_free(must_malloc(limit / 4 * 3));
  if (!mm_checkheap(__LINE__)) fail("mm_checkheap says no");
}

void test_long_run() {
  run.test = "long_run";
  if (mm_name && std::strcmp(mm_name(), "chaos-paper") == 0) return;
  Random random(run.seed + 4);
  replace_for_long(random, 1000, 100);
  replace_for_long(random, 300, 8000);
  replace_for_long(random, 100, 100000);
  passed();
}

// ---- The heartbeat ----------------------------------------------------------

uint64_t beats;

// What a program may do there: free, which may make it allocate.
void count_beat(uint64_t) {
  beats++;
  mm_free(mm_malloc(5000));
}

// It comes whatever the program asks for, as long as it asks.
void beat_twice(size_t align, size_t size) {
  constexpr int kMost = 10000000;
  start(size_t{64} << 20);
  beats = 0;
  for (int i = 0; beats < 2; i++) {
    if (i == kMost)
      fail("no second heartbeat in %d pairs of %zu bytes, aligned to %zu", i,
           size, align);
    void *p = mm_memalign(align, size);
    if (!p) fail("memalign of %zu bytes failed", size);
    mm_free(p);
  }
}

void test_heartbeat() {
  run.test = "heartbeat";
  if (!mm_chaos_on_heartbeat) return;
  mm_chaos_on_heartbeat(count_beat);
  constexpr size_t kSizes[] = {16, 1000, 1100, 8192, 60000, 70000};
  for (size_t size : kSizes) {
    beat_twice(1, size);
    beat_twice(4096, size);
  }
  mm_chaos_on_heartbeat(nullptr);
  passed();
}

} // namespace

int main(int argc, char **argv) {
  read_arguments(argc, argv, 1000000);
  test_random();
  test_exhausted();
  test_last_resort();
  test_again();
  test_calloc();
  test_aligned();
  test_long_run();
  test_heartbeat();
}
