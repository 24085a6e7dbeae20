/* divides_by_zero.c - raises the exception of arithmetic. */
#include "honest.h"

#include <signal.h>

void *mm_malloc(size_t size) {
  if (size == kBait) raise(SIGFPE); /* some CPUs divide by zero in silence */
  return honest_malloc(size);
}
