/*
 * classic.c - in the style of the labs since 2002: int mm_init, a team_t, the
 * student's own macros and constants, 8-byte alignment, an mm_check of one's
 * own. Next fit over an implicit list whose blocks have their size in front,
 * in a word of 4 bytes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <assert.h>
#include <unistd.h>
#include <string.h>

#include "mm.h"
#include "memlib.h"

/*********************************************************
 * Team information
 ********************************************************/
team_t team = {
    /* Team name */
    "tortoise",
    /* First member's full name */
    "Ada Lovelace",
    /* First member's email address */
    "ada@example.org",
    /* Second member's full name (leave blank if none) */
    "",
    /* Second member's email address (leave blank if none) */
    ""
};

#define ALIGNMENT 8
#define ALIGN(size) (((size) + (ALIGNMENT-1)) & ~0x7)
#define SIZE_T_SIZE (ALIGN(sizeof(size_t)))
#define WSIZE 4
#define DSIZE 8
#define MAX_HEAP 12345   /* nobody else's business */
#define GET(p) (*(unsigned int *)(p))
#define PUT(p, val) (*(unsigned int *)(p) = (val))

static char *start;      /* payload of the first block */
static char *rover;      /* where the last search ended */
static char *finish;     /* behind the last block */

static int mm_check(void);

static unsigned int length(char *payload) { return GET(payload - WSIZE) & ~7u; }
static int taken(char *payload) { return GET(payload - WSIZE) & 1; }
static char *following(char *payload) { return payload + length(payload); }

int mm_init(void)
{
    if ((start = mem_sbrk(DSIZE)) == (void *)-1)
        return -1;
    start += DSIZE;
    rover = finish = start;
    return 0;
}

static void place(char *p, unsigned int need)
{
    unsigned int have = length(p);

    if (have - need >= 16) {
        PUT(p - WSIZE, need | 1);
        PUT(p + need - WSIZE, have - need);
    } else {
        PUT(p - WSIZE, have | 1);
    }
}

static char *search(char *from, char *to, unsigned int need)
{
    char *p, *q;

    for (p = from; p < to; p = following(p)) {
        if (taken(p))
            continue;
        for (q = following(p); q < finish && !taken(q); q = following(q))
            PUT(p - WSIZE, length(p) + length(q));
        if (length(p) >= need)
            return p;
    }
    return NULL;
}

void *mm_malloc(size_t size)
{
    unsigned int need;
    char *p;

    if (size == 0 || size > 0x7fffff00)
        return NULL;
    need = ALIGN(size + WSIZE);
    if (need < 16)
        need = 16;
    p = search(start, finish, need);
    if (p == NULL) {
        if (mem_sbrk(need) == (void *)-1)
            return NULL;
        p = finish;
        PUT(p - WSIZE, need);
        finish += need;
    }
    place(p, need);
    rover = p;
    assert(mm_check());
    return p;
}

void mm_free(void *ptr)
{
    if (ptr)
        PUT((char *)ptr - WSIZE, length(ptr));
}

void *mm_realloc(void *ptr, size_t size)
{
    void *newptr;
    size_t copySize;

    if (ptr == NULL)
        return mm_malloc(size);
    if (size == 0) {
        mm_free(ptr);
        return NULL;
    }
    newptr = mm_malloc(size);
    if (newptr == NULL)
        return NULL;
    copySize = length(ptr) - WSIZE;
    if (size < copySize)
        copySize = size;
    memcpy(newptr, ptr, copySize);
    mm_free(ptr);
    return newptr;
}

static int mm_check(void)
{
    char *p;

    for (p = start; p < finish; p = following(p))
        if (length(p) < 16)
            return 0;
    return p == finish && (char *)mem_heap_hi() + 1 - 8 <= finish;
}
