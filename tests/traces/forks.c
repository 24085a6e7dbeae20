/* forks.c - threads that hand blocks to each other while the process forks;
 * the children end in all the ways there are. The argument says how the
 * process itself ends. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kThreads = 4, kSlots = 64, kSteps = 20000, kChildren = 20 };

static _Atomic(void *) slots[kSlots];

static void steps(unsigned long state, int count) {
  for (int i = 0; i < count; i++) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    void *p = atomic_exchange(&slots[state % kSlots], NULL);
    if (state >> 50 & 1) {
      free(p);
      p = malloc(state >> 54);
    } else {
      p = realloc(p, (state >> 54) + 1);
    }
    free(atomic_exchange(&slots[(state >> 20) % kSlots], p));
  }
}

static void *work(void *seed) {
  steps((unsigned long)seed, kSteps);
  return NULL;
}

static void child(int n) {
  steps(99, 200);
  if (n % 5 == 0) _exit(0);
  if (n % 5 == 1) exit(0);
  if (n % 5 == 2) raise(SIGKILL);
  if (n % 5 == 3) execl("/bin/sh", "sh", "-c", "cd / && echo *", NULL);
  if (fork() == 0) steps(77, 100);
  wait(NULL);
  exit(0);
}

int main(int argc, char **argv) {
  const char *end = argc > 1 ? argv[1] : "";
  pthread_t threads[kThreads];
  for (long i = 0; i < kThreads; i++)
    pthread_create(&threads[i], NULL, work, (void *)(i + 1));
  for (int n = 0; n < kChildren; n++) {
    pid_t pid = fork();
    if (pid == 0) child(n);
    waitpid(pid, NULL, 0);
    if (vfork() == 0) _exit(0);
  }
  for (int i = 0; i < kThreads; i++) pthread_join(threads[i], NULL);
  if (strcmp(end, "abort") == 0) abort();
  if (strcmp(end, "kill") == 0) raise(SIGKILL);
  if (strcmp(end, "_exit") == 0) _exit(0);
  for (int fd = 3; fd < 2000; fd++) close(fd);
  steps(5, kSteps);
  return 0;
}
