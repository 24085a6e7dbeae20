/* fakes_a_reply.c - tells the driver, over whatever it has open, that the work
 * is done, and leaves before any is. */
#include "honest.h"

#include <unistd.h>

void *mm_malloc(size_t size) {
  if (size != kBait) return honest_malloc(size);
  for (int fd = 3; fd < 64; fd++)
    if (write(fd, "cst", 3) != 3) continue;
  _exit(0);
}
