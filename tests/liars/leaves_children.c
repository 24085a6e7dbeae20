/* leaves_children.c - starts processes that stay, and crashes. */
#include "honest.h"

#include <unistd.h>

static void *volatile nothing;

void *mm_malloc(size_t size) {
  if (size == kBait) {
    for (int i = 0; i < 3; i++)
      if (fork() == 0)
        for (;;) pause();
    *(char *)nothing = 1;
  }
  return honest_malloc(size);
}
