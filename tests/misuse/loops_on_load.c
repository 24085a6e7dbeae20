/* loops_on_load.c - is never done with being loaded. */
#include <unistd.h>

__attribute__((constructor)) static void start(void) {
  for (;;) pause();
}
