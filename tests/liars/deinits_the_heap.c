/* deinits_the_heap.c - gives the driver's heap back, so that each request can
 * fail with good reason. */
#include "honest.h"

int mm_init(void) {
  mem_deinit();
  return 0;
}
