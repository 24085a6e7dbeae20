/*
 * config.h - every number that a course sets.
 *
 * Each can be overridden on the command line of the compiler
 * (`make CPPFLAGS=-DUTIL_WEIGHT=.5`) or by editing this file; the driver's
 * flags override some of them for one run.
 */
#ifndef CONFIG_H
#define CONFIG_H

/* ---- The machine that the allocator lives on --------------------------- */

/* Payloads begin at multiples of this many bytes: 16 is what compilers assume
 * of malloc on x86-64 and aarch64 (long double, SSE); 8 is the classic lab's.
 * `make ALIGNMENT=8`, which defines MM_ALIGNMENT, as many submissions define an
 * ALIGNMENT of their own. */
#ifndef ALIGNMENT
#ifdef MM_ALIGNMENT
#define ALIGNMENT MM_ALIGNMENT
#else
#define ALIGNMENT 16
#endif
#endif

/* Bytes of the simulated heap: mem_sbrk fails beyond. A range of addresses,
 * not of memory, so a large one costs nothing. `--max-heap`. */
#ifndef MAX_HEAP
#define MAX_HEAP (1UL << 30)
#endif

/* mm.c moves the brk down when so many bytes are free at the end of the heap;
 * Chaos gives back no piece that is shorter. */
#ifndef TRIM_THRESHOLD
#define TRIM_THRESHOLD (128UL << 10)
#endif

/* ---- The traces -------------------------------------------------------- */

/* Where the default traces lie (`-t`), and which they are. A name may carry
 * the weight that this list gives it, "name.rep:2", in place of the one in the
 * trace's first line: 0 ignore, 1 count both figures, 2 utilization only,
 * 3 throughput only. */
#ifndef TRACEDIR
#define TRACEDIR "./traces/"
#endif
#ifndef DEFAULT_TRACEFILES
#define DEFAULT_TRACEFILES                                                     \
  "cc1.rep", "cc1plus.rep", "python.rep", "python-arenas.rep", "perl.rep",     \
      "bash.rep", "make.rep", "cmake.rep", "git.rep", "sqlite.rep", "jq.rep",  \
      "xmllint.rep", "bc.rep", "sort.rep", "tiny.rep", "random.rep",           \
      "random-octaves.rep", "random-large.rep", "program.rep",                 \
      "program-long.rep", "strings-30k.rep", "strings-120k.rep",               \
      "strings-500k.rep", "strings-1500k.rep", "phases.rep", "stack.rep",      \
      "queue.rep", "queue-bursts.rep", "batch-lifo.rep", "batch-fifo.rep",     \
      "batch-random.rep", "pairs.rep", "pairs-small.rep", "pairs-wide.rep",    \
      "coalesce.rep", "coalesce-random.rep", "nearmiss.rep",                   \
      "nearmiss-small.rep", "grow.rep", "grow-steps.rep", "growmany.rep",      \
      "growmany-turns.rep", "tables.rep", "matrix.rep", "aligned.rep"
#endif

/* ---- The mark ---------------------------------------------------------- */

/* Perf index = 100 * (w * U + (1 - w) * T), where
 *   w = UTIL_WEIGHT
 *   U = mean utilization, scaled from MIN_SPACE..MAX_SPACE to 0..1
 *   T = throughput / reference throughput, scaled from
 *       MIN_SPEED_RATIO..MAX_SPEED_RATIO to 0..1
 * and both are cut off at 1. */
#ifndef UTIL_WEIGHT
#define UTIL_WEIGHT .60
#endif
#ifndef MIN_SPACE
#define MIN_SPACE .0
#endif
#ifndef MAX_SPACE
#define MAX_SPACE 1.0
#endif
#ifndef MIN_SPEED_RATIO
#ifdef MIN_SPEED
#define MIN_SPEED_RATIO (1.0 * (MIN_SPEED) / (AVG_LIBC_THRUPUT))
#else
#define MIN_SPEED_RATIO .0
#endif
#endif
#ifndef MAX_SPEED_RATIO
#ifdef MAX_SPEED
#define MAX_SPEED_RATIO (1.0 * (MAX_SPEED) / (AVG_LIBC_THRUPUT))
#else
#define MAX_SPEED_RATIO 1.0
#endif
#endif

/* Operations a second of the reference, for `--reference constant`, as the
 * classic labs have it, which do not measure a reference. If a course defines
 * MIN_SPEED and MAX_SPEED, in the same unit, the ratios come from these. */
#ifndef AVG_LIBC_THRUPUT
#define AVG_LIBC_THRUPUT 600E3
#endif

/* ---- Patience ---------------------------------------------------------- */

/* Seconds that one allocator may spend on one trace before it is stopped
 * (`-s`), and seconds that one single operation may take. */
#ifndef TIME_LIMIT
#define TIME_LIMIT 60
#endif
#ifndef OP_TIME_LIMIT
#define OP_TIME_LIMIT 5
#endif

/* Bytes that an allocator may take from the system outside its heap while it
 * runs a trace (`--memory-limit`), and bytes of static data that it may have:
 * its tables belong in the heap, where utilization counts them. */
#ifndef MEMORY_LIMIT
#define MEMORY_LIMIT (4UL << 30)
#endif
#ifndef MAX_STATIC_DATA
#define MAX_STATIC_DATA (64UL << 10)
#endif

#endif
