/* races.c - says that it is thread-safe, and is not. */
#include "races.h"

int mm_thread_safe(void);
int mm_thread_safe(void) {
  return 1;
}
