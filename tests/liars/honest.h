/*
 * honest.h - a correct allocator to build liars from.
 *
 * A liar is a file that defines one or two of the mm_ functions and plants one
 * bug in them; the others come from honest.c, where they are weak. Most liars
 * lie only when asked for one of the sizes below, each of which one trace in
 * tests/traces asks for, and are honest otherwise: then the other traces must
 * stay valid.
 */
#ifndef HONEST_H
#define HONEST_H

#include "memlib.h"

#include <stddef.h>
#include <stdint.h>

enum {
  kBait = 4321,     /* malloc in bait.rep, once; its neighbour above is
                       block 1 of kNeighbour bytes, and there is a hole
                       of 6000 bytes below that */
  kNeighbour = 104, /* malloc in bait.rep, block 1 */
  kRegrown = 5432,  /* realloc in regrow.rep, of a block of 1000 bytes */
  kZeroed = 500,    /* calloc in zeroed.rep, 5 x 100, of memory that was
                       used before */
  kAligned = 256,   /* alignment of memalign in aligned.rep */
  kKept = 2468,     /* malloc in kept.rep, its first operation; never
                       freed */
  kLast = 1357,     /* malloc in kept.rep, its last operation */
  kThreaded = 3210  /* malloc in threads.rep, by its third thread */
};

int honest_init(void);
void *honest_malloc(size_t size);
void honest_free(void *ptr);
void *honest_realloc(void *ptr, size_t size);
void *honest_calloc(size_t count, size_t size);
void *honest_memalign(size_t align, size_t size);
size_t honest_usable_size(void *ptr);
int honest_checkheap(int line);

/* What a liar may define instead. */
int mm_init(void);
void *mm_malloc(size_t size);
void mm_free(void *ptr);
void *mm_realloc(void *ptr, size_t size);
void *mm_calloc(size_t count, size_t size);
void *mm_memalign(size_t align, size_t size);
size_t mm_usable_size(void *ptr);
int mm_checkheap(int line);

#endif
