/*
 * record_trace.c - from calls to the operations of a trace (record_trace.h).
 *
 * One lock holds the table, the file and the numbering together. What happens
 * when the process forks is the delicate part: the child has a copy of the
 * blocks and of this file's variables, but it is a process of its own and
 * needs a trace of its own. A page that the system empties in every forked
 * child (MADV_WIPEONFORK) says so, however the child came to be; a vfork,
 * whose child runs in the parent's memory, leaves the page alone, and rightly,
 * since what such a child allocates is allocated in the parent's heap.
 *
 *     gate:  lock, state          in that page; zero: unlocked, kFresh
 *     trace: numbers of threads,  ordinary memory, started anew by the first
 *            ids, bytes           operation of a process
 *
 * A child's trace starts with an `a` for every block that it inherited, in
 * the order of their age, so that it can be replayed like any other.
 *
 *   R1  a block is in the table from the line that allocates it to the line
 *       that frees it, except while realloc works on it
 *   R2  trace.live is the sum of the sizes of all blocks that are live in the
 *       file, those in realloc's hands included
 */
#define _GNU_SOURCE
#include "record_trace.h"

#include "record_log.h"
#include "record_name.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum state {
  kFresh, /* no trace yet: must be what an emptied page reads as */
  kRecording,
  kOff
};

enum { kMaxThreads = 256 };

static struct gate {
  atomic_int lock;
  atomic_int state;
} * gate;

static struct {
  int session; /* of the process, so that threads can tell it from before */
  int threads;
  long ids;
  size_t live, peak;
  bool off; /* for good, in the children too */
} trace;

/* Found without a call, even from inside the loader. */
static __thread __attribute__((tls_model("initial-exec"))) struct {
  int hidden;   /* calls are the recorder's or the allocator's own */
  bool forking; /* holds the lock over a fork */
  int session;  /* in which `number` was given */
  int number;
  int errno_before, cancel_before;
} self;

/* ---- The gate ---------------------------------------------------------- */

static void lock(void) {
  for (int spins = 1; atomic_exchange(&gate->lock, 1); spins++)
    if (spins % 64 == 0) sched_yield();
}

static void unlock(void) {
  atomic_store(&gate->lock, 0);
}

static void leave(void) {
  if (!self.forking) unlock();
  self.hidden--;
  pthread_setcancelstate(self.cancel_before, NULL);
  errno = self.errno_before;
}

static void open_session(void);

/* Returns whether to record; if so, leave() must follow. Writing the file may
 * be a cancellation point, which malloc must not be. */
static bool enter(void) {
  if (self.hidden || gate == NULL || gate->state == kOff) return false;
  self.errno_before = errno;
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &self.cancel_before);
  self.hidden++;
  if (!self.forking) lock();
  if (gate->state == kFresh) open_session();
  if (gate->state == kRecording) return true;
  leave();
  return false;
}

void trace_hide(void) {
  self.hidden++;
}

void trace_show(void) {
  self.hidden--;
}

static void give_up(void) {
  int why = errno;
  gate->state = kOff;
  trace.off = true;
  log_settle();
  name_say("cannot go on writing", log_path(), why,
           "the trace ends here, the program goes on: "
           "see that its file has room and can be reached");
}

/* ---- Lines ------------------------------------------------------------- */

struct line {
  char text[100]; /* a tag, a letter, and three numbers of at most 20 digits */
  size_t len;
};

static void add_number(struct line *line, size_t n) {
  char digits[20];
  int count = 0;
  do digits[count++] = (char)('0' + n % 10);
  while (n /= 10);
  while (count > 0) line->text[line->len++] = digits[--count];
}

static void add_field(struct line *line, size_t n) {
  line->text[line->len++] = ' ';
  add_number(line, n);
}

/* "@2 f": thread 0 has no tag. A trace knows kMaxThreads threads; programs
 * that start more, one after the other, use their numbers again. */
static struct line line_start(char op) {
  struct line line = {.len = 0};
  if (self.session != trace.session) {
    self.session = trace.session;
    self.number = trace.threads++ % kMaxThreads;
  }
  if (self.number > 0) {
    line.text[line.len++] = '@';
    add_number(&line, (size_t)self.number);
    line.text[line.len++] = ' ';
  }
  line.text[line.len++] = op;
  return line;
}

static void line_end(struct line *line) {
  line->text[line->len++] = '\n';
  if (gate->state == kRecording && log_line(line->text, line->len) != 0)
    give_up();
}

static void write_free(const struct block *block) {
  struct line line = line_start('f');
  add_field(&line, (size_t)block->id);
  trace.live -= block->size;
  line_end(&line);
}

static void write_free_null(void) {
  struct line line = line_start('f');
  memcpy(line.text + line.len, " -1", 3);
  line.len += 3;
  line_end(&line);
}

/* ---- Blocks ------------------------------------------------------------ */

static long new_id(void) {
  log_count_id();
  return trace.ids++;
}

static void change_live(size_t from, size_t to) {
  trace.live += to - from;
  if (trace.live <= trace.peak) return;
  trace.peak = trace.live;
  log_set_peak(trace.peak);
}

/* The address may be that of a block which went without our notice: freed by
 * a signal handler that interrupted the recorder, or by other means than the
 * functions we stand in for. It is freed in the trace now. */
static void put(const struct block *block) {
  struct block stale;
  if (table_put(block, &stale) != 0) give_up();
  if (stale.id != kNoBlock) write_free(&stale);
}

static void write_new(struct block *block, char op, size_t first,
                      size_t second) {
  struct line line = line_start(op);
  block->id = new_id();
  change_live(0, block->size);
  add_field(&line, (size_t)block->id);
  add_field(&line, first);
  if (op == 'c' || op == 'm') add_field(&line, second);
  line_end(&line);
}

static void inherit(struct block *block) {
  write_new(block, 'a', block->size, 0);
}

void trace_new(void *ptr, char op, size_t first, size_t second) {
  if (!enter()) return;
  struct block block = {.addr = ptr, .size = first};
  if (op == 'c') block.size = first * second;
  if (op == 'm') block.size = second;
  write_new(&block, op, first, second);
  put(&block);
  leave();
}

void trace_free(void *ptr) {
  if (!enter()) return;
  struct block block = {.id = kNoBlock};
  if (ptr) block = table_take(ptr);
  if (block.id != kNoBlock) write_free(&block);
  if (ptr == NULL) write_free_null();
  leave();
}

struct block trace_detach(void *ptr) {
  struct block block = {.id = kNoBlock};
  if (ptr == NULL || !enter()) return block;
  block = table_take(ptr);
  leave();
  return block;
}

void trace_unmoved(const struct block *old) {
  if (old->id == kNoBlock || !enter()) return;
  put(old);
  leave();
}

/* `r ID 0` frees in a trace, so an allocator that returns a block for
 * realloc(p, 0) makes two lines. */
void trace_moved(const struct block *old, void *fresh, size_t size) {
  if (old->id == kNoBlock) {
    if (fresh) trace_new(fresh, size ? 'r' : 'a', size, 0);
    return;
  }
  if (enter()) {
    struct line line = line_start('r');
    struct block block = {.addr = fresh, .size = size, .id = old->id};
    change_live(old->size, size);
    add_field(&line, (size_t)old->id);
    add_field(&line, size);
    line_end(&line);
    if (size > 0) put(&block);
    leave();
  }
  if (size == 0 && fresh) trace_new(fresh, 'a', 0, 0);
}

/* ---- The life of a process --------------------------------------------- */

/* The first operation of a process: the one that was started, or a child. */
static void open_session(void) {
  char path[PATH_MAX];
  long inherited = trace.ids;
  bool forked = trace.session > 0;
  gate->state = kOff;
  if (trace.off || (forked && !name_for_children())) return;
  int fd = name_create(path);
  trace.off = fd < 0;
  if (fd < 0) return;
  gate->state = kRecording;
  trace.session++;
  trace.threads = 0;
  trace.ids = 0;
  trace.live = trace.peak = 0;
  if (log_open(fd, path) != 0 || table_visit(inherited, inherit) != 0)
    give_up();
}

void trace_begin(void) {
  size_t size = (size_t)sysconf(_SC_PAGESIZE);
  if (name_init() != 0) {
    name_pass_on(false);
    return;
  }
  void *page = mmap(NULL, size, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED || madvise(page, size, MADV_WIPEONFORK) != 0) {
    name_say("the system cannot", "empty a page at a fork", errno,
             "the program runs unrecorded: use Linux 4.14 or later");
    return;
  }
  gate = page;
  if (enter()) leave();
  name_pass_on(gate->state == kRecording);
}

/* Nobody may be in the middle of a change to the table while it is copied.
 * The handlers of others may allocate meanwhile, hence self.forking. */
void trace_hold(void) {
  if (gate == NULL) return;
  lock();
  self.forking = true;
}

void trace_release(void) {
  if (!self.forking) return;
  self.forking = false;
  unlock();
}

void trace_forked(void) {
  self.forking = false;
}

/* A child that has not allocated is kFresh, and stays without a file. One of
 * vfork must not settle its parent's. */
void trace_settle(void) {
  if (gate == NULL || gate->state != kRecording || !log_is_mine()) return;
  if (!enter()) return;
  if (log_settle() != 0) give_up();
  leave();
}
