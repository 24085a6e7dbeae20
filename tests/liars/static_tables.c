/* static_tables.c - a megabyte of tables where utilization does not see it. */
#include "honest.h"

static char table[1 << 20];

void *mm_malloc(size_t size) {
  table[size % sizeof table]++;
  return honest_malloc(size);
}
