/* lies_when_unwatched.c - looks whether anybody writes into its payloads; if
 * not, nobody will read them, and one small block does for all. */
#include "honest.h"

#include <string.h>

static char *probe; /* the first block, as zeroes */
static char *only;

int mm_init(void) {
  probe = only = NULL;
  return honest_init();
}

void *mm_malloc(size_t size) {
  static const char zeroes[16];
  if (!probe) {
    probe = honest_malloc(size);
    return memset(probe, 0, size);
  }
  int unwatched = memcmp(probe, zeroes, sizeof zeroes) == 0;
  if (size < kBait || !unwatched) return honest_malloc(size);
  if (!only) only = honest_malloc(16);
  return only;
}

void mm_free(void *ptr) {
  if (ptr != only) honest_free(ptr);
}
