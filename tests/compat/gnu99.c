/*
 * gnu99.c - in the style of the labs of 2004 to 2015: the functions are called
 * malloc and so on, and are renamed for the driver; a void mm_checkheap(int);
 * the C of the time, with implicit int, an old-style definition and inline
 * functions that are not static. First fit over an explicit free list.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mm.h"
#include "memlib.h"
#include "config.h"

/* If you want debugging output, use the following macro.  When you hand
 * in, remove the #define DEBUG line. */
#ifdef DEBUG
# define dbg_printf(...) printf(__VA_ARGS__)
#else
# define dbg_printf(...)
#endif

/* do not change the following! */
#ifdef DRIVER
/* create aliases for driver tests */
#define malloc mm_malloc
#define free mm_free
#define realloc mm_realloc
#define calloc mm_calloc
#endif /* def DRIVER */

typedef struct node {
    size_t size;
    struct node *next;      /* in a free block only */
} node;

static node *list;

inline size_t round_up(size_t size)
{
    return (size + 7) & ~7;
}

static smallest(a, b)
    int a, b;
{
    return a < b ? a : b;
}

mm_init(void)
{
    list = NULL;
    dbg_printf("ready\n");
    return smallest(0, 1);
}

/*
 * malloc - takes the first free block that is large enough, whole.
 */
void *malloc(size_t size)
{
    node **from, *n;

    if (size > 1 << 30)
        return NULL;
    size = round_up(size < 8 ? 8 : size);
    for (from = &list; (n = *from) != NULL; from = &n->next)
        if (n->size >= size && n->size <= 2 * size) {
            *from = n->next;
            return (char *)n + 8;
        }
    n = mem_sbrk(size + 8);
    if ((long)n == -1)
        return NULL;
    n->size = size;
    return (char *)n + 8;
}

void free(void *ptr)
{
    node *n;

    if (!ptr)
        return;
    n = (node *)((char *)ptr - 8);
    n->next = list;
    list = n;
}

void *realloc(void *oldptr, size_t size)
{
    size_t oldsize;
    void *newptr;

    if (size == 0) {
        free(oldptr);
        return 0;
    }
    if (oldptr == NULL)
        return malloc(size);
    newptr = malloc(size);
    if (!newptr)
        return 0;
    oldsize = *(size_t *)((char *)oldptr - 8);
    if (size < oldsize)
        oldsize = size;
    memcpy(newptr, oldptr, oldsize);
    free(oldptr);
    return newptr;
}

void *calloc(size_t nmemb, size_t size)
{
    size_t bytes = nmemb * size;
    void *newptr;

    newptr = malloc(bytes);
    if (newptr)
        memset(newptr, 0, bytes);
    return newptr;
}

static int in_heap(const void *p)
{
    return p <= mem_heap_hi() && p >= mem_heap_lo();
}

void mm_checkheap(int verbose)
{
    node *n;

    for (n = list; n; n = n->next)
        if (!in_heap(n) || n->size % 8) {
            printf("a block on the free list is none\n");
            exit(1);
        }
    if (verbose > 1)
        printf("the free list is fine\n");
}
