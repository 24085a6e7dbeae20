/*
 * low32.c - code of the 32-bit days, which takes a pointer for an unsigned
 * number and back: right where the heap lies below 4 GiB, and nowhere else.
 */
#include "mm.h"
#include "memlib.h"

#include <string.h>

team_t team = { "hare", "Charles Babbage", "cb@example.org", "Ada", "ada@x" };

static unsigned int first;

#define NEXT(p) (*(unsigned int *)((char *)(p) + 4))
#define SIZE(p) (*(unsigned int *)(p))

int mm_init(void)
{
    first = 0;
    return 0;
}

void *mm_malloc(size_t size)
{
    unsigned int p, last = 0, need = (unsigned int)((size + 7) / 8 * 8 + 8);

    for (p = first; p; last = p, p = NEXT(p))
        if (SIZE(p) >= need) {
            if (last)
                NEXT(last) = NEXT(p);
            else
                first = NEXT(p);
            return (void *)(p + 8);
        }
    p = (unsigned int)mem_sbrk(need);
    if (p == (unsigned int)-1)
        return NULL;
    SIZE(p) = need;
    return (void *)(p + 8);
}

void mm_free(void *ptr)
{
    unsigned int p = (unsigned int)ptr - 8;

    if (!ptr)
        return;
    NEXT(p) = first;
    first = p;
}

void *mm_realloc(void *ptr, size_t size)
{
    unsigned int old;
    void *fresh;

    if (size == 0) {
        mm_free(ptr);
        return NULL;
    }
    fresh = mm_malloc(size);
    if (!ptr || !fresh)
        return fresh;
    old = SIZE((unsigned int)ptr - 8) - 8;
    memcpy(fresh, ptr, old < size ? old : size);
    mm_free(ptr);
    return fresh;
}
