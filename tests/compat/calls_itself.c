/*
 * calls_itself.c - an mm_realloc that calls mm_malloc and mm_free, which must
 * be its own and not those of the mm.c that the driver is linked with; and a
 * declaration style with the type on a line of its own.
 */
#include "mm.h"
#include "memlib.h"

#include <stdbool.h>
#include <string.h>

/* bool mm_init (void): true is success; int mm_checkheap (int) is no more. */
static int inits;

extern bool
mm_init (void)
{
  inits++;
  return true;
}

bool
mm_checkheap (int line)
{
  (void)line;
  return inits > 0;
}

void *
mm_malloc (size_t size)
{
  size_t *head = mem_sbrk ((intptr_t)((size + 32) & ~(size_t)15));
  if (head == (void *)-1)
    return NULL;
  *head = size;
  return head + 2;
}

void
mm_free (void *ptr)
{
  if (ptr)
    ((size_t *)ptr)[-1] = 1234567;
}

void *
mm_realloc (void *ptr, size_t size)
{
  if (ptr && size == 0)
    {
      mm_free (ptr);
      return NULL;
    }
  size_t *fresh = mm_malloc (size), *old = ptr;
  if (!fresh || !old)
    return fresh;
  memcpy (fresh, old, old[-2] < size ? old[-2] : size);
  mm_free (old);
  return fresh;
}
