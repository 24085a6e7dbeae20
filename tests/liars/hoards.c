/* hoards.c - keeps what belongs into the heap where no limit of the heap holds;
 * with a memory limit, it gets into trouble. */
#include "honest.h"

#include <stdlib.h>

void *mm_malloc(size_t size) {
  static char *table;
  if (size == kBait && !table) table = calloc(512, 1 << 20);
  if (size == kBait) table[100] = 1;
  return honest_malloc(size);
}
