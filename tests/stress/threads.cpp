// threads.cpp - several threads on one allocator that says it is thread-safe.
//
//   threads [SEED [OPERATIONS]]
//
// Each thread has blocks of its own, hands some over through a mailbox, frees
// what it finds there, and ends after a while, when another one is born and
// takes over its blocks. At last all are joined, and all that is left is
// verified and freed by a thread that allocated none of it.
#include "tests/stress/common.hpp"

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

using namespace stress;

namespace {

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
void dynasty(uint64_t seed, std::vector<Block> *blocks) {
  Random random(seed);
  for (unsigned g = 0; g < kGenerations; g++) {
    uint64_t own = random.next(), ops = run.ops / kThreads / kGenerations;
    std::thread([=] { Worker(own, *blocks).live(ops); }).join();
  }
}

void test_threads() {
  run.test = "threads";
  mem_reset_brk();
  if (mm_init() < 0) fail("mm_init failed");
  Random random(run.seed);
  std::vector<Block> blocks[kThreads];
  std::vector<std::thread> threads;
  for (auto &own : blocks) threads.emplace_back(dynasty, random.next(), &own);
  for (std::thread &thread : threads) thread.join();
  empty_mailboxes();
  for (auto &own : blocks)
    for (const Block &block : own) {
      block.verify(block.size, "when its thread had ended");
      mm_free(block.payload);
    }
  if (mm_checkheap && !mm_checkheap(__LINE__)) fail("mm_checkheap says no");
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
  mem_reset_brk();
  if (mm_init() < 0) fail("mm_init failed");
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
  if (mm_checkheap && !mm_checkheap(__LINE__)) fail("mm_checkheap says no");
  passed();
}

} // namespace

int main(int argc, char **argv) {
  read_arguments(argc, argv, 1000000);
  mem_init();
  if (!mm_thread_safe || !mm_thread_safe()) {
    std::printf("skip stress: threads of %s: it does not say mm_thread_safe\n",
                argv[0]);
    return 0;
  }
  test_threads();
  run.seed++; // a second mm_init, with what other threads knew of the first
  test_threads();
  test_producer_and_consumer();
}
