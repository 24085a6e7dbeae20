/*
 * cmu.c - in the style of CMU's lab since 2016: bool mm_init, a bool checker
 * that is given the line, contracts, renamed functions, memory touched through
 * the driver's mem_memset and mem_memcpy, 16-byte alignment. First fit over an
 * implicit list with footers, immediate coalescing.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "contracts.h"
#include "memlib.h"
#include "mm.h"

/* Do not change the following! */
#ifdef DRIVER
/* create aliases for driver tests */
#define malloc mm_malloc
#define free mm_free
#define realloc mm_realloc
#define calloc mm_calloc
#define memset mem_memset
#define memcpy mem_memcpy
#endif /* def DRIVER */

#ifdef DEBUG
#define dbg_requires(expr) REQUIRES(expr)
#define dbg_ensures(expr) ENSURES(expr)
#else
#define dbg_requires(expr) ((void)sizeof(expr))
#define dbg_ensures(expr) ((void)sizeof(expr))
#endif

typedef uint64_t word_t;

/** @brief Word and header size (bytes) */
static const size_t wsize = sizeof(word_t);
static const size_t dsize = 2 * sizeof(word_t);
static const size_t chunksize = (1 << 12);
static const word_t alloc_mask = 0x1;
static const word_t size_mask = ~(word_t)0xF;

typedef struct block {
    word_t header;
    char payload[];
} block_t;

static block_t *heap_start = NULL;

static size_t get_size(block_t *block) { return block->header & size_mask; }
static bool get_alloc(block_t *block) { return block->header & alloc_mask; }
static block_t *find_next(block_t *block) {
    return (block_t *)((char *)block + get_size(block));
}
static block_t *find_prev(block_t *block) {
    word_t *footer = &block->header - 1;
    return (block_t *)((char *)block - (*footer & size_mask));
}

static void write_block(block_t *block, size_t size, bool alloc) {
    dbg_requires(block != NULL);
    dbg_requires(size > 0 && size % dsize == 0);
    block->header = size | alloc;
    *(word_t *)((char *)block + size - wsize) = size | alloc;
    dbg_ensures(get_size(block) == size);
}

bool mm_checkheap(int line) {
    for (block_t *b = heap_start; get_size(b) > 0; b = find_next(b)) {
        if ((uintptr_t)b->payload % dsize != 0) {
            fprintf(stderr, "line %d: misaligned\n", line);
            return false;
        }
    }
    return true;
}

static block_t *coalesce_block(block_t *block) {
    size_t size = get_size(block);
    block_t *next = find_next(block);
    if (!get_alloc(next))
        size += get_size(next);
    if (!((&block->header)[-1] & alloc_mask)) {
        block = find_prev(block);
        size += get_size(block);
    }
    write_block(block, size, false);
    return block;
}

static block_t *extend_heap(size_t size) {
    size = (size + chunksize - 1) & ~(chunksize - 1);
    char *brk = mem_sbrk((intptr_t)size);
    if (brk == (void *)-1)
        return NULL;
    block_t *block = (block_t *)(brk - wsize); /* over the epilogue */
    write_block(block, size, false);
    find_next(block)->header = alloc_mask;
    return coalesce_block(block);
}

bool mm_init(void) {
    word_t *start = (word_t *)(mem_sbrk((intptr_t)dsize));
    if (start == (void *)-1)
        return false;
    start[0] = alloc_mask; /* Heap prologue (block footer) */
    start[1] = alloc_mask; /* Heap epilogue (block header) */
    heap_start = (block_t *)&(start[1]);
    return extend_heap(chunksize) != NULL;
}

void *malloc(size_t size) {
    dbg_requires(mm_checkheap(__LINE__));
    if (size == 0 || size > ((size_t)1 << 40))
        return NULL;
    size_t need = (size + dsize + dsize - 1) & ~(dsize - 1);
    block_t *block = heap_start;
    while (get_size(block) > 0 && (get_alloc(block) || get_size(block) < need))
        block = find_next(block);
    if (get_size(block) == 0 && (block = extend_heap(need)) == NULL)
        return NULL;
    size_t have = get_size(block);
    if (have - need >= 2 * dsize) {
        write_block(block, need, true);
        write_block(find_next(block), have - need, false);
    } else {
        write_block(block, have, true);
    }
    dbg_ensures(mm_checkheap(__LINE__));
    return block->payload;
}

void free(void *bp) {
    if (bp == NULL)
        return;
    block_t *block = (block_t *)((char *)bp - offsetof(block_t, payload));
    write_block(block, get_size(block), false);
    coalesce_block(block);
}

void *realloc(void *ptr, size_t size) {
    if (ptr == NULL)
        return malloc(size);
    if (size == 0) {
        free(ptr);
        return NULL;
    }
    void *newptr = malloc(size);
    if (newptr == NULL)
        return NULL;
    block_t *block = (block_t *)((char *)ptr - offsetof(block_t, payload));
    size_t copysize = get_size(block) - dsize;
    memcpy(newptr, ptr, size < copysize ? size : copysize);
    free(ptr);
    return newptr;
}

void *calloc(size_t elements, size_t size) {
    size_t asize = elements * size;
    if (elements == 0 || asize / elements != size)
        return NULL;
    void *bp = malloc(asize);
    return bp == NULL ? NULL : memset(bp, 0, asize);
}
