/* exits_on_load.c - ends the process that loads it, as if all were well. */
#include <stdlib.h>

__attribute__((constructor)) static void start(void) {
  exit(0);
}
