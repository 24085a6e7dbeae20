/*
 * no_bytes.c - a block of no bytes is a header only, so that the payload of
 * the last one lies at the brk: nobody may write there, and nobody does.
 */
#include "mm.h"
#include "memlib.h"

int mm_init(void)
{
    return 0;
}

void *mm_malloc(size_t size)
{
    char *p = mem_sbrk(16 + ((size + 15) & ~15UL));

    return p == (void *)-1 ? NULL : p + 16;
}

void mm_free(void *ptr)
{
    (void)ptr;
}
