/* fakes_an_edge_reply.c - cannot do what only an edge case asks for, and says
 * that it is done. */
#include "honest.h"

#include <unistd.h>

void *mm_malloc(size_t size) {
  if (size != 100000) return honest_malloc(size);
  for (int fd = 3; fd < 64; fd++)
    if (write(fd, "e", 1) != 1) continue;
  _exit(0);
}
