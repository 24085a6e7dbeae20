/*
 * broken.h - what the tests that break a heap share: each is done in a child
 * process, and what the checker says there is compared with the invariant that
 * was broken. C, for mm_broken.c, and C++, for chaos_broken.cpp, which include
 * the allocator first.
 *
 * A checker that crashes or loops over a broken heap is of no use, so that is a
 * failure too.
 */
#ifndef BROKEN_H
#define BROKEN_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct broken_test {
  const char *name, *invariant;
  void (*breaks)(void);
} broken_test;

static const char *broken_whose = ""; /* the allocator, in front of names */
static char said[4096];               /* what the child wrote to stderr */

/* ---- Running a test in a child ----------------------------------------- */

/* Returns its exit status, -1 if it did not exit. */
static int in_child(int (*body)(const void *), const void *what) {
  int ends[2], status;
  fflush(stdout);
  if (pipe(ends) != 0) abort();
  pid_t child = fork();
  if (child < 0) abort();
  if (child == 0) {
    alarm(20);
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    _exit(body(what));
  }
  close(ends[1]);
  size_t length = 0;
  char text[256];
  for (ssize_t got; (got = read(ends[0], text, sizeof text)) > 0;)
    for (ssize_t i = 0; i < got; i++)
      if (length < sizeof said - 1) said[length++] = text[i];
  said[length] = '\0';
  close(ends[0]);
  waitpid(child, &status, 0);
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  snprintf(said + length, sizeof said - length, "it died of signal %d\n",
           WTERMSIG(status));
  return -1;
}

static void report(const char *name, const char *problem) {
  const char *verdict = problem ? "FAIL" : "ok";
  printf("%s broken: %s%s_%d\n", verdict, broken_whose, name, ALIGNMENT);
  if (problem == NULL) return;
  printf("    %s; it said:\n", problem);
  for (char *line = strtok(said, "\n"); line; line = strtok(NULL, "\n"))
    printf("    %.100s\n", line);
}

static int break_and_check(const void *test) {
  ((const broken_test *)test)->breaks();
  return mm_checkheap(4711);
}

static void run_test(const broken_test *test) {
  char want[64], problem[128];
  int status = in_child(break_and_check, test);
  snprintf(want, sizeof want, "mm_checkheap(4711): %s broken at ",
           test->invariant);
  snprintf(problem, sizeof problem, "expected %s and 0, got %d",
           test->invariant, status);
  report(test->name, status == 0 && strstr(said, want) ? NULL : problem);
}

/* ---- Every bit --------------------------------------------------------- */

static int findings; /* where to write what was not noticed */

static void silence_the_checker(void) {
  findings = dup(STDERR_FILENO);
  if (freopen("/dev/null", "w", stderr) == NULL) abort();
}

/* Is the heap said to be right although a bit is flipped? It is put right
 * again. What the checker says is not of interest here. */
static int overlooks(unsigned char *byte, unsigned bit) {
  *byte = (unsigned char)(*byte ^ 1u << bit);
  int ok = mm_checkheap(0);
  *byte = (unsigned char)(*byte ^ 1u << bit);
  return ok;
}

static const char *sweep_failed(int status) {
  if (status == 0) return NULL;
  return status < 0 ? "the checker crashed or did not end"
                    : "the checker overlooks a flipped bit";
}

#endif
