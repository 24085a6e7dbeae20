/* empty_team.c - somebody forgot to write down who it was. */
#include "mm.h"
#include "memlib.h"

team_t team = { "", "", "", "", "" };

int mm_init(void)
{
    return 0;
}

void *mm_malloc(size_t size)
{
    void *p = mem_sbrk((size + 31) & ~15UL);

    return p == (void *)-1 ? NULL : p;
}

void mm_free(void *ptr)
{
    (void)ptr;
}
