/* leaves_children_and_works.c - starts processes that stay, but is right. */
#include "honest.h"

#include <unistd.h>

void *mm_malloc(size_t size) {
  static int forked;
  if (size == kBait && !forked) {
    forked = 1;
    if (fork() == 0)
      for (;;) pause();
  }
  return honest_malloc(size);
}
