/* crashes_on_load.c - does not even survive being loaded. */
#include <stdlib.h>

__attribute__((constructor)) static void start(void) {
  abort();
}
