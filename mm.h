/*
 * mm.h - the contract between an allocator and everything that calls it.
 *
 * An allocator is one file that defines the four required functions below
 * over the simulated heap of memlib.h, and as many of the optional ones as it
 * likes. The driver finds the optional ones by name, so an absent one costs
 * nothing.
 *
 * What a caller may rely on, also at the edges:
 *
 *   mm_malloc(0)          a unique pointer that mm_free accepts (NULL is
 *                         tolerated from a submission, as ISO C allows both)
 *   mm_free(NULL)         does nothing
 *   mm_realloc(NULL, n)   is mm_malloc(n)
 *   mm_realloc(p, 0)      frees p and returns NULL
 *   mm_calloc(n, s)       NULL when n * s overflows, else zeroed memory
 *   mm_memalign(a, n)     NULL with EINVAL unless a is a power of two
 *   sizes near SIZE_MAX   NULL with ENOMEM, never a small block
 *   exhaustion            NULL with ENOMEM; the heap stays intact and usable;
 *                         mm_realloc leaves the old block as it was
 *
 * Payloads are aligned to ALIGNMENT (config.h) and lie between mem_heap_lo()
 * and the brk.
 *
 * Three generations of courses disagree about the types of mm_init and
 * mm_checkheap. The build finds out which a submission has when it compiles it
 * (`make plug ABI=...` says it by hand):
 *
 *   MM_BOOL_INIT     mm_init returns bool, true is success (CMU since 2016);
 *                    otherwise int, where a negative number is failure.
 *   MM_OPTIONAL      declares the optional functions as well. A submission
 *                    written for another course may declare mm_checkheap in
 *                    its own way, so they are declared only on request.
 */
#ifndef MM_H
#define MM_H

#include <stdio.h>
#ifdef MM_BOOL_INIT
#include <stdbool.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Required. */

/* Prepares an empty heap. It is called before any other function, and again
 * whenever the driver starts over: then the brk is back at mem_heap_lo(), no
 * block is live, and the bytes that follow are arbitrary. */
#ifdef MM_BOOL_INIT
extern bool mm_init(void);
#else
extern int mm_init(void);
#endif
extern void *mm_malloc(size_t size);
extern void mm_free(void *ptr);
extern void *mm_realloc(void *ptr, size_t size);

/* What mm_walk says a piece of the heap is. */
enum mm_kind {
  MM_ALLOCATED, /* a block that the program holds, header included */
  MM_FREE,      /* a block that the next request may be given */
  MM_METADATA,  /* the allocator's own tables, paddings and sentinels */
  MM_UNUSED     /* below the brk, but not made into blocks yet */
};
typedef void mm_visit(void *ctx, const void *start, size_t size,
                      enum mm_kind kind);

/* Optional. */
#ifdef MM_OPTIONAL
/* `count` objects of `size` bytes, zeroed. */
extern void *mm_calloc(size_t count, size_t size);

/* `size` bytes at a multiple of `align`, any power of two. */
extern void *mm_memalign(size_t align, size_t size);

/* The bytes that may be used behind ptr: at least what was asked for. */
extern size_t mm_usable_size(void *ptr);

/* Checks every invariant of the heap. Returns nonzero when all hold; else
 * prints what broke, and where, to stderr. `line` is the caller's __LINE__
 * and is repeated in the message (0: none). */
extern int mm_checkheap(int line);

/* Calls visit for each piece of the heap, in address order and without gaps
 * from mem_heap_lo() to the brk. The heap must not change meanwhile. */
extern void mm_walk(mm_visit *visit, void *ctx);

/* A short name for tables. */
extern const char *mm_name(void);

/* Nonzero when several threads may call the functions at the same time. */
extern int mm_thread_safe(void);
#endif

/* Who wrote a submission (the classic labs ask for it). A file that defines
 * `team_t team` has it printed; one that does not is fine too. */
typedef struct {
  char *teamname;
  char *name1, *id1;
  char *name2, *id2;
} team_t;
#ifndef __cplusplus
extern team_t team __attribute__((weak));
#endif

#ifdef __cplusplus
}
#endif
#endif
