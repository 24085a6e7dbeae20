/*
 * asks_libc.c - an honest allocator that fails if glibc's malloc is not as in
 * a program that has just begun: a block of 200 KiB is then mapped, beyond the
 * brk, until a larger one is freed.
 */
#define _DEFAULT_SOURCE
#include "tests/liars/honest.h"

#include <stdlib.h>
#include <unistd.h>

int mm_init(void) {
  static int asked;
  if (!asked++) {
    char *block = malloc(200 << 10);
    if (block <= (char *)sbrk(0)) return -1;
    free(block);
  }
  return honest_init();
}
