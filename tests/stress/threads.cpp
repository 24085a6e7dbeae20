// threads.cpp - several threads on one allocator that says it is thread-safe.
//
//   threads [SEED [OPERATIONS [TEST]]]
//
//   threads      each thread has blocks of its own, whose content it knows,
//                hands some over through a mailbox, frees what it finds there,
//                and ends after a while, when another one is born and takes
//                over its blocks. At last all are joined, and all that is left
//                is verified and freed by a thread that allocated none of it.
//   producer_and_consumer
//                what another thread frees is used again.
//   rounds       the first test many times over, with mm_init in between: each
//                round has new threads, and the blocks that the last one left
//                are forgotten without being freed.
//   survivors    the same, but the threads live on from round to round, with
//                all that the allocator keeps in them of a heap that is gone.
//                Some of them only free in a round, others die and are reborn.
#include "tests/stress/common.hpp"

#include <atomic>
#include <barrier>
#include <climits>
#include <cstring>
#include <memory>
#include <pthread.h>
#include <thread>
#include <vector>

using namespace stress;

namespace {

#if defined(__SANITIZE_THREAD__)
constexpr bool kThreadSanitizer = true;
#elif defined(__has_feature)
constexpr bool kThreadSanitizer = __has_feature(thread_sanitizer);
#else
constexpr bool kThreadSanitizer = false;
#endif

constexpr unsigned kThreads = 4, kGenerations = 12;
constexpr size_t kMailboxes = 64, kMostBlocks = 500;

// A block on its way from one thread to another.
std::atomic<Block *> mailbox[kMailboxes];

class Worker {
public:
  Worker(uint64_t seed, std::vector<Block> &blocks)
      : random_(seed), blocks_(blocks) {}

  void live(uint64_t ops) {
    mood_ = static_cast<unsigned>(random_.below(5)); // megabytes: not here
    for (uint64_t i = 0; i < ops; i++) step();
  }

private:
  void step() {
    uint64_t dice = random_.below(100);
    if (blocks_.empty() || (dice < 45 && blocks_.size() < kMostBlocks))
      return allocate();
    if (dice < 65) return hand_over();
    if (dice < 72) return reallocate();
    Block block = take();
    block.verify(block.size, "in its thread");
    mm_free(block.payload);
  }

  void allocate() {
    size_t size = random_size(random_, mood_);
    char *p = static_cast<char *>(mm_malloc(size));
    if (!p && size == 0) return;
    if (!p) fail("malloc of %zu bytes failed", size);
    check_payload(p, size, 1);
    blocks_.push_back({p, size, random_.next()});
    blocks_.back().fill(0);
  }

  Block take() {
    size_t which = random_.below(blocks_.size());
    Block block = blocks_[which];
    blocks_[which] = blocks_.back();
    blocks_.pop_back();
    return block;
  }

  // Puts a block into a mailbox, and frees the one that lay there.
  void hand_over() {
    auto *parcel = new Block(take());
    std::atomic<Block *> &box = mailbox[random_.below(kMailboxes)];
    std::unique_ptr<Block> found(box.exchange(parcel));
    if (!found) return;
    found->verify(found->size, "on its way to another thread");
    if (random_.one_in(4)) return blocks_.push_back(*found);
    mm_free(found->payload);
  }

  // Maybe of a block that another thread allocated.
  void reallocate() {
    Block block = take();
    size_t size = 1 + random_size(random_, mood_);
    size_t kept = size < block.size ? size : block.size;
    block.verify(block.size, "before realloc");
    block.payload = static_cast<char *>(mm_realloc(block.payload, size));
    if (!block.payload) fail("realloc to %zu bytes failed", size);
    block.size = size;
    check_payload(block.payload, size, 1);
    block.verify(kept, "in realloc");
    block.fill(kept);
    blocks_.push_back(block);
  }

  Random random_;
  std::vector<Block> &blocks_;
  unsigned mood_ = 0;
};

void empty_mailboxes() {
  for (std::atomic<Block *> &box : mailbox) {
    std::unique_ptr<Block> found(box.exchange(nullptr));
    if (!found) continue;
    found->verify(found->size, "in a mailbox");
    mm_free(found->payload);
  }
}

// A line of threads, one after the other; the blocks are inherited.
void dynasty(uint64_t seed, uint64_t ops, std::vector<Block> *blocks) {
  Random random(seed);
  for (unsigned g = 0; g < kGenerations; g++) {
    uint64_t own = random.next();
    std::thread([=] { Worker(own, *blocks).live(ops / kGenerations); }).join();
  }
}

void start_heap() {
  mem_reset_brk();
  if (mm_init() < 0) fail("mm_init failed");
}

void check_heap() {
  if (mm_checkheap && !mm_checkheap(__LINE__)) fail("mm_checkheap says no");
}

void verify_and_free(std::vector<Block> &blocks, const char *when) {
  for (const Block &block : blocks) {
    block.verify(block.size, when);
    mm_free(block.payload);
  }
  blocks.clear();
}

void test_threads() {
  run.test = "threads";
  start_heap();
  Random random(run.seed);
  std::vector<Block> blocks[kThreads];
  std::vector<std::thread> threads;
  for (auto &own : blocks)
    threads.emplace_back(dynasty, random.next(), run.ops / kThreads, &own);
  for (std::thread &thread : threads) thread.join();
  empty_mailboxes();
  for (auto &own : blocks) verify_and_free(own, "when its thread had ended");
  check_heap();
  passed();
}

// ---- Many heaps -------------------------------------------------------------

constexpr unsigned kRounds = 24;

// Of a heap that is about to be gone: the blocks are live, but not freed.
void forget(std::vector<Block> *blocks) {
  for (unsigned t = 0; t < kThreads; t++) {
    for (const Block &block : blocks[t])
      block.verify(block.size, "at the end of a round");
    blocks[t].clear();
  }
  for (std::atomic<Block *> &box : mailbox) {
    std::unique_ptr<Block> found(box.exchange(nullptr));
    if (found) found->verify(found->size, "in a mailbox");
  }
}

void test_rounds() {
  run.test = "rounds";
  Random random(run.seed);
  std::vector<Block> blocks[kThreads];
  for (unsigned round = 0; round < kRounds; round++) {
    start_heap();
    std::vector<std::thread> threads;
    for (auto &own : blocks)
      threads.emplace_back(dynasty, random.next(), run.ops / kRounds / kThreads,
                           &own);
    for (std::thread &thread : threads) thread.join();
    check_heap();
    forget(blocks);
  }
  passed();
}

// Lives through all rounds. Now and then it does nothing but free the first
// block of its neighbour in a round, so that what it knew of older heaps stays
// as it was; now and then it has a child do its work.
void survive(uint64_t seed, unsigned self, std::barrier<> &gate,
             std::vector<Block> *blocks) {
  Random random(seed);
  const uint64_t ops = run.ops / kRounds / kThreads;
  std::vector<Block> &own = blocks[self], &next = blocks[(self + 1) % kThreads];
  for (unsigned round = 0; round < kRounds; round++) {
    gate.arrive_and_wait(); // there is a new heap
    uint64_t life = random.next(), mood = random.below(4);
    bool frees_only = mood == 0 && self % 2 == 0;
    if (mood == 1)
      std::thread([&] { Worker(life, own).live(ops); }).join();
    else if (!frees_only)
      Worker(life, own).live(ops);
    gate.arrive_and_wait(); // nobody is at work
    if (frees_only) verify_and_free(next, "when its thread was done");
    gate.arrive_and_wait(); // the heap may go
  }
}

void test_survivors() {
  run.test = "survivors";
  Random random(run.seed);
  std::vector<Block> blocks[kThreads];
  std::barrier<> gate(kThreads + 1);
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < kThreads; t++)
    threads.emplace_back(
        [&, t, seed = random.next()] { survive(seed, t, gate, blocks); });
  for (unsigned round = 0; round < kRounds; round++) {
    start_heap();
    for (int step = 0; step < 3; step++) gate.arrive_and_wait();
    check_heap();
    forget(blocks);
  }
  for (std::thread &thread : threads) thread.join();
  passed();
}

// ---- One allocates, another one frees ---------------------------------------

using Batch = std::vector<Block>;

// Allocates `rounds` batches and offers each, when the last one was taken.
void produce(std::atomic<Batch *> &counter, uint64_t rounds, size_t *sizes) {
  Random random(run.seed);
  for (uint64_t round = 0; round < rounds; round++) {
    auto *batch = new Batch;
    for (int i = 0; i < 1000; i++) {
      size_t size = random.below(1000);
      char *p = static_cast<char *>(mm_malloc(size));
      if (!p && size > 0) fail("malloc of %zu bytes failed", size);
      batch->push_back({p, p ? size : 0, random.next()});
      batch->back().fill(0);
    }
    while (counter.load()) std::this_thread::yield();
    sizes[round] = mem_heapsize();
    counter.store(batch);
  }
}

void consume(std::atomic<Batch *> &counter, uint64_t rounds) {
  for (uint64_t round = 0; round < rounds; round++) {
    while (!counter.load()) std::this_thread::yield();
    std::unique_ptr<Batch> batch(counter.load());
    for (const Block &block : *batch) {
      block.verify(block.size, "on its way to the consumer");
      mm_free(block.payload);
    }
    counter.store(nullptr);
  }
}

// What another thread frees is used again, or the heap would grow for ever.
void test_producer_and_consumer() {
  run.test = "producer_and_consumer";
  start_heap();
  const uint64_t rounds = 20 + run.ops / 4000;
  std::vector<size_t> sizes(rounds);
  std::atomic<Batch *> counter{nullptr};
  std::thread producer([&] { produce(counter, rounds, sizes.data()); });
  std::thread consumer([&] { consume(counter, rounds); });
  producer.join();
  consumer.join();
  size_t early = sizes[rounds / 4], late = sizes[rounds - 1];
  if (late > 2 * early + (8 << 20))
    fail("the heap grows: %zu bytes after %llu rounds, %zu after %llu", early,
         static_cast<unsigned long long>(rounds / 4), late,
         static_cast<unsigned long long>(rounds));
  check_heap();
  passed();
}

// A request that no heap has room for takes nothing from it, whichever thread
// makes it.
void test_too_large() {
  run.test = "too_large";
  start_heap();
  mm_free(mm_malloc(100));
  std::thread([] {
    mm_free(mm_malloc(100)); // what the thread's own heap takes
    size_t before = mem_heapsize();
    for (int i = 0; i < 200; i++)
      if (mm_malloc(MAX_HEAP)) fail("malloc(MAX_HEAP) does not fail");
    if (mem_heapsize() > before + (1 << 20))
      fail("the heap grew from %zu to %zu bytes when malloc failed", before,
           mem_heapsize());
  }).join();
  check_heap();
  passed();
}

// What threads that ended left is free when all of it was freed: at the first
// request that needs it.
void test_heirs() {
  run.test = "heirs";
  constexpr size_t kLimit = 32 << 20;
  if (mem_reserve(kLimit, nullptr) != 0) fail("mem_reserve failed");
  start_heap();
  mm_free(mm_malloc(100));
  std::vector<void *> blocks;
  std::thread([&] {
    while (void *p = mm_malloc(1000)) blocks.push_back(p);
  }).join();
  for (void *p : blocks) mm_free(p);
  if (!mm_malloc(kLimit / 3))
    fail("a third of the heap cannot be had when %zu blocks were freed",
         blocks.size());
  check_heap();
  if (mem_reserve(MAX_HEAP, nullptr) != 0) fail("mem_reserve failed");
  passed();
}

// Where a thread that ended left pages with blocks, no request for such a block
// fails, though no page is empty.
void test_left_blocks() {
  run.test = "left_blocks";
  if (mem_reserve(32 << 20, nullptr) != 0) fail("mem_reserve failed");
  for (bool by_itself : {true, false}) {
    start_heap();
    constexpr size_t kSize = 100;
    mm_free(mm_malloc(kSize)); // this thread has a heap of its own
    std::vector<void *> blocks;
    std::barrier together(2);
    std::thread other([&] {
      while (void *p = mm_malloc(kSize)) blocks.push_back(p);
      together.arrive_and_wait();
      together.arrive_and_wait(); // now nobody has room
      for (size_t i = 0; by_itself && i < blocks.size(); i += 2)
        mm_free(blocks[i]);
    });
    together.arrive_and_wait();
    while (mm_malloc(kSize))
      ;
    together.arrive_and_wait();
    other.join();
    for (size_t i = 0; !by_itself && i < blocks.size(); i += 2)
      mm_free(blocks[i]);
    for (size_t i = 0; i < blocks.size(); i += 2)
      if (!mm_malloc(kSize))
        fail("of %zu blocks that were freed only %zu can be had",
             (blocks.size() + 1) / 2, i / 2);
    check_heap();
  }
  if (mem_reserve(MAX_HEAP, nullptr) != 0) fail("mem_reserve failed");
  passed();
}

// A new thread needs a heap: what another one, which lives, has in empty
// regions makes room for it.
void test_born_late() {
  run.test = "born_late";
  constexpr size_t kSize = 4000;
  if (mem_reserve(8 << 20, nullptr) != 0) fail("mem_reserve failed");
  start_heap();
  mm_free(mm_malloc(100)); // the other thread's heap is not the first one
  std::barrier together(2);
  std::thread other([&] {
    std::vector<void *> blocks;
    while (void *p = mm_malloc(kSize)) blocks.push_back(p);
    together.arrive_and_wait();
    together.arrive_and_wait();            // now nobody has room
    blocks.resize(blocks.size() * 9 / 10); // the last ones lie in no region
    for (void *p : blocks) mm_free(p);
    together.arrive_and_wait();
    together.arrive_and_wait();
  });
  together.arrive_and_wait();
  for (size_t size : {size_t{60000}, size_t{9000}, size_t{300}, size_t{16}})
    while (mm_malloc(size))
      ;
  together.arrive_and_wait();
  together.arrive_and_wait();
  std::thread([] {
    if (!mm_malloc(100)) fail("a new thread gets nothing of an empty heap");
  }).join();
  together.arrive_and_wait();
  other.join();
  check_heap();
  if (mem_reserve(MAX_HEAP, nullptr) != 0) fail("mem_reserve failed");
  passed();
}

// What a thread still allocates when it has ended, after the allocator heard of
// that for the last time. The next one has the same stack, and the same
// thread-local memory in it.
void test_after_the_end() {
  run.test = "after_the_end";
  if (kThreadSanitizer) { // takes a thread to have ended before that
    std::printf("skip stress: after_the_end of %s: not with ThreadSanitizer\n",
                run.program);
    return;
  }
  start_heap();
  static pthread_key_t key;
  static int rounds;
  rounds = 0;
  if (pthread_key_create(&key, [](void *block) {
        mm_free(block);
        rounds++;
        pthread_setspecific(key, mm_malloc(100));
      }) != 0)
    fail("pthread_key_create failed");
  std::thread([] { pthread_setspecific(key, mm_malloc(100)); }).join();
  if (rounds < PTHREAD_DESTRUCTOR_ITERATIONS) fail("only %d rounds", rounds);
  for (int i = 0; i < 3; i++)
    std::thread([] { mm_free(mm_malloc(100)); }).join();
  pthread_key_delete(key);
  check_heap();
  start_heap();
  mm_free(mm_malloc(100));
  check_heap();
  passed();
}

std::atomic<uint64_t> beats;

// A hundred short threads ask for no more than one that lives as long as all:
// the memory that lies idle grows no older by them.
void test_short_threads() {
  run.test = "short_threads";
  if (!mm_chaos_on_heartbeat) return;
  start_heap();
  beats = 0;
  mm_chaos_on_heartbeat([](uint64_t) { beats++; });
  for (int i = 0; i < 100; i++)
    std::thread([] { mm_free(mm_malloc(100)); }).join();
  mm_chaos_on_heartbeat(nullptr);
  if (beats > 2) fail("%d heartbeats", static_cast<int>(beats));
  check_heap();
  passed();
}

// A thread that has done the same for long keeps what it frees for itself; but
// not what another thread needs. Here it frees 120 MB of that one's objects, of
// which at most two are live at a time, and does little else.
void test_hoard() {
  run.test = "hoard";
  start_heap();
  mm_free(mm_malloc(100)); // the first heap is that of this thread
  std::atomic<void *> box{nullptr};
  std::atomic<bool> ready{false}, done{false};
  std::thread hoarder([&] {
    std::vector<void *> own(100, nullptr);
    for (size_t i = 0; i < 100000; i++) {
      void *&object = own[i * 7919 % own.size()];
      mm_free(object);
      object = mm_malloc(10000 + i % 20000);
    }
    ready = true;
    while (!done)
      if (void *object = box.exchange(nullptr))
        mm_free(object);
      else
        std::this_thread::yield();
  });
  while (!ready) std::this_thread::yield();
  size_t before = mem_high_water();
  for (int i = 0; i < 2000; i++) {
    void *object = mm_malloc(60000), *none = nullptr;
    if (!object) fail("malloc number %d of 60000 bytes fails", i);
    while (!box.compare_exchange_weak(none, object)) {
      none = nullptr;
      std::this_thread::yield();
    }
  }
  done = true;
  hoarder.join();
  if (mem_high_water() > before + (size_t{8} << 20))
    fail("the heap grew from %zu to %zu bytes", before, mem_high_water());
  passed();
}

const struct {
  const char *name;
  void (*run)();
} kTests[] = {
    {"threads", test_threads},
    {"producer_and_consumer", test_producer_and_consumer},
    {"rounds", test_rounds},
    {"survivors", test_survivors},
    {"too_large", test_too_large},
    {"heirs", test_heirs},
    {"left_blocks", test_left_blocks},
    {"born_late", test_born_late},
    {"after_the_end", test_after_the_end},
    {"short_threads", test_short_threads},
    {"hoard", test_hoard},
};

} // namespace

int main(int argc, char **argv) {
  read_arguments(argc, argv, 1000000);
  mem_init();
  if (!mm_thread_safe || !mm_thread_safe()) {
    std::printf("skip stress: threads of %s: it does not say mm_thread_safe\n",
                argv[0]);
    return 0;
  }
  for (const auto &test : kTests) {
    if (argc > 3 && std::strcmp(argv[3], test.name) != 0) continue;
    run.argument = test.name;
    test.run();
    run.seed++;
  }
}
