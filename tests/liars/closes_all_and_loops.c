/* closes_all_and_loops.c - cuts every line to the driver, and stays. */
#include "honest.h"

#include <unistd.h>

void *mm_malloc(size_t size) {
  if (size == kBait) {
    for (int fd = 0; fd < 1024; fd++) close(fd);
    for (;;) pause();
  }
  return honest_malloc(size);
}
