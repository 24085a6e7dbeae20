/* calls.c - every function that allocates, once, between two markers; run.sh
 * compares what the recorder writes with calls.expected. */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { kMarker = 1234567 };

static void require(int condition) {
  if (!condition) abort();
}

static void aligned(void) {
  void *p = NULL;
  volatile size_t odd = 48;
  require(posix_memalign(&p, 4096, 123) == 0 && (uintptr_t)p % 4096 == 0);
  free(p);
  require(posix_memalign(&p, 24, 123) == EINVAL);
  p = aligned_alloc(64, 128);
  require((uintptr_t)p % 64 == 0);
  free(p);
  p = memalign(odd, 100);
  p = realloc(p, 1000);
  free(p);
  free(valloc(5));
  free(pvalloc(5));
}

static void failures(void) {
  volatile size_t huge = SIZE_MAX / 2 + 5;
  void *volatile p = malloc(7); /* it outlives the failures */
  require(malloc(huge) == NULL && errno == ENOMEM);
  require(calloc(huge, 3) == NULL);
  require(realloc(p, huge) == NULL);
  require(reallocarray(p, huge, 3) == NULL);
  memset(p, 1, 7);
  free(p);
}

int main(void) {
  free(malloc(kMarker));
  free(NULL);
  free(malloc(0));
  void *p = realloc(NULL, 33);
  p = reallocarray(p, 7, 9);
  p = realloc(p, 20000);
  p = realloc(p, 0);
  require(p == NULL);
  free(realloc(NULL, 0));
  char *zeros = calloc(10, 12);
  for (int i = 0; i < 120; i++) require(zeros[i] == 0);
  free(zeros);
  aligned();
  failures();
  free(strdup("hello"));
  errno = 77;
  free(malloc(5));
  require(errno == 77);
  free(malloc(kMarker));
  return 0;
}
