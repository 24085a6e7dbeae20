/* crashes_as_a_thread_ends.c - what it has for each thread does not survive
 * the thread. */
#include "honest.h"

#include <pthread.h>

static pthread_key_t key;
static int *volatile nothing;

static void forget(void *value) {
  *nothing = value == NULL;
}

int mm_init(void) {
  if (!key) pthread_key_create(&key, forget);
  return honest_init();
}

void *mm_malloc(size_t size) {
  if (size == kThreaded) pthread_setspecific(key, &key);
  return honest_malloc(size);
}
