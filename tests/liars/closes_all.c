/* closes_all.c - cuts every line to the driver, and crashes. */
#include "honest.h"

#include <unistd.h>

static void *volatile nothing;

void *mm_malloc(size_t size) {
  if (size == kBait) {
    for (int fd = 0; fd < 1024; fd++) close(fd);
    *(char *)nothing = 1;
  }
  return honest_malloc(size);
}
