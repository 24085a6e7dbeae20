// threaded.cpp - the families with threads (family.hpp).
//
// The order of the lines is one possible order of events. A replay keeps it
// for each thread and for each block, and is free otherwise.
#include "family.hpp"

#include <deque>

namespace generator {

// Even threads allocate, and hand each block over to the next thread to free;
// up to about `depth` blocks are on their way between the two.
static void make_producer(Trace &trace, Random &random, const Keys &keys) {
  size_t threads = keys["threads"];
  std::vector<std::deque<Id>> queues(threads);
  while (trace.operations() < keys["ops"]) {
    size_t producer = 2 * random.below((threads + 1) / 2);
    size_t consumer = (producer + 1) % threads;
    std::deque<Id> &queue = queues[consumer];
    if (wants_more(queue.size(), keys["depth"], random)) {
      trace.thread(producer);
      queue.push_back(trace.alloc(random.spread(keys["lo"], keys["hi"])));
    } else {
      trace.thread(consumer);
      trace.free(queue.front());
      queue.pop_front();
    }
  }
}

// One operation of `thread` on the blocks of one pool.
static void step(Trace &trace, Random &random, const Keys &keys, Pool &own,
                 Pool &victims) {
  size_t size = random.spread(keys["lo"], keys["hi"]);
  if (victims.empty() || wants_more(own.count(), keys["live"], random))
    own.put(trace.alloc(size));
  else if (random.percent(keys["resize"]))
    trace.resize(victims.pick(random), std::max<size_t>(size, 1));
  else
    trace.free(victims.take(random));
}

static void make_shared_nothing(Trace &trace, Random &random,
                                const Keys &keys) {
  std::vector<Pool> pools(keys["threads"]);
  while (trace.operations() < keys["ops"]) {
    size_t thread = random.below(pools.size());
    trace.thread(thread);
    step(trace, random, keys, pools[thread], pools[thread]);
  }
}

static void make_threadmix(Trace &trace, Random &random, const Keys &keys) {
  std::vector<Pool> pools(keys["threads"]);
  while (trace.operations() < keys["ops"]) {
    size_t thread = random.below(pools.size());
    size_t owner = thread;
    if (random.percent(keys["cross"])) owner = random.below(pools.size());
    trace.thread(thread);
    step(trace, random, keys, pools[thread], pools[owner]);
  }
}

static const Family kFamilies[] = {
    {"producer",
     "threads: one allocates, the next one frees",
     {{"threads", 2, 2, 2, 4},
      {"lo", 16, 0, 8, 64},
      {"hi", 1024, 0, 128, 16 << 10},
      {"depth", 200, 1, 20, 2000},
      {"ops", 20000, 1, 4000, 60000}},
     make_producer},
    {"shared-nothing",
     "threads: each has its own blocks",
     {{"threads", 4, 2, 2, 4},
      {"lo", 8, 0, 1, 64},
      {"hi", 1024, 0, 128, 16 << 10},
      {"live", 300, 1, 50, 1000},
      {"resize", 10, 0, 0, 30},
      {"ops", 20000, 1, 4000, 60000}},
     make_shared_nothing},
    {"threadmix",
     "threads: `cross` percent of frees and reallocs on another's block",
     {{"threads", 3, 2, 2, 4},
      {"lo", 8, 0, 1, 64},
      {"hi", 4096, 0, 128, 16 << 10},
      {"live", 300, 1, 50, 1000},
      {"cross", 40, 0, 10, 100},
      {"resize", 15, 0, 0, 30},
      {"ops", 20000, 1, 4000, 60000}},
     make_threadmix},
};

std::span<const Family> threaded_families() {
  return kFamilies;
}

} // namespace generator
