/*
 * record_name.c - where a process writes its trace (record_name.h).
 *
 * RECORD is the name the user gave to the first process. Every other one needs
 * a file of its own: forked children, programs they run, and a program that
 * the first process turns into by exec. So as soon as the first file is open,
 * the name gets the process id added, in this process for its children and in
 * its environment for the programs to come:
 *
 *     RECORD=out.rep  ->  out.rep           first process, replaces the file
 *                         /here/out.rep.%p  all others, never replace a file
 *
 * The environment is changed by replacing one pointer in the array that the
 * system built, since programs (bash, for one) read that array rather than
 * asking getenv. Only before main: later the strings are the program's, which
 * may free them. A relative name is made absolute at once, for a program may
 * change its directory.
 */
#define _GNU_SOURCE
#include "record_name.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { kVariableSize = sizeof "RECORD=" - 1, kMaxTries = 1000 };

static struct {
  char variable[kVariableSize + PATH_MAX]; /* "RECORD=" and the pattern */
  bool shared;   /* the pattern has no %p yet: it names one file */
  bool children; /* RECORD_CHILDREN is not "no" */
} name = {.variable = "RECORD="};

static char nothing[] = "RECORD=";
static char *const pattern = name.variable + kVariableSize;

bool name_for_children(void) {
  return name.children;
}

void name_say(const char *what, const char *where, int why,
              const char *remedy) {
  char line[PATH_MAX + 300];
  int n = snprintf(line, sizeof line, "record: %s %s%s%s; %s\n", what, where,
                   why ? ": " : "", why ? strerror(why) : "", remedy);
  if (n > (int)sizeof line - 1) n = (int)sizeof line - 1;
  ssize_t ignored = write(STDERR_FILENO, line, (size_t)n);
  (void)ignored;
}

int name_init(void) {
  const char *given = getenv("RECORD");
  const char *children = getenv("RECORD_CHILDREN");
  if (given == NULL)
    name_say("the variable RECORD", "is not set", 0,
             "the program runs unrecorded: set it to the trace to write");
  if (given == NULL || *given == '\0') return -1;
  char here[PATH_MAX] = "";
  if (*given != '/' && getcwd(here, sizeof here) == NULL) here[0] = '\0';
  int n = snprintf(pattern, PATH_MAX, "%s%s%s", here, *here ? "/" : "", given);
  name.shared = strstr(pattern, "%p") == NULL;
  name.children = children == NULL || strcmp(children, "no") != 0;
  if (n >= PATH_MAX - 20) { /* room for a process id */
    name_say("the path of RECORD", "is too long", 0,
             "the program runs unrecorded: choose a shorter one");
    return -1;
  }
  return 0;
}

/* Writes the pattern with the process id for each %p. Returns false if the
 * path becomes too long. */
static bool expand(char *path, int attempt) {
  char pid[20];
  size_t n = 0;
  snprintf(pid, sizeof pid, "%d", (int)getpid());
  for (const char *p = pattern; *p; p++) {
    bool id = p[0] == '%' && p[1] == 'p';
    size_t len = id ? strlen(pid) : 1;
    if (n + len + 20 > PATH_MAX) return false;
    memcpy(path + n, id ? pid : p, len);
    n += len;
    p += id;
  }
  path[n] = '\0';
  if (attempt > 1) snprintf(path + n, 20, "-%d", attempt);
  return true;
}

/* A process may run several programs one after the other, by exec: their files
 * are out.rep.PID, out.rep.PID-2, ... */
static int create_own(char *path) {
  for (int attempt = 1; attempt <= kMaxTries; attempt++) {
    errno = ENAMETOOLONG;
    if (!expand(path, attempt)) return -1;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd >= 0 || errno != EEXIST) return fd;
  }
  return -1;
}

/* The file that the user named: replaced, unless another process is writing to
 * it (the two were started side by side, `prog1 | prog2`). */
static int create_shared(char *path) {
  strcpy(path, pattern);
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return -1;
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    close(fd);
    errno = EWOULDBLOCK;
    return -1;
  }
  if (ftruncate(fd, 0) == 0) return fd;
  int why = errno;
  close(fd);
  errno = why;
  return -1;
}

int name_create(char *path) {
  int fd = -1;
  errno = EWOULDBLOCK;
  if (name.shared) fd = create_shared(path);
  bool taken = fd < 0 && errno == EWOULDBLOCK;
  if (name.shared && (fd >= 0 || taken)) {
    strcat(pattern, ".%p");
    name.shared = false;
  }
  if (taken) fd = create_own(path);
  if (fd < 0)
    name_say("cannot create", path, errno,
             "the program runs unrecorded: "
             "set RECORD to a path that can be written");
  return fd;
}

void name_pass_on(bool recording) {
  bool children = recording && name.children;
  for (char **entry = environ; entry && *entry; entry++)
    if (strncmp(*entry, "RECORD=", kVariableSize) == 0)
      *entry = children ? name.variable : nothing;
}
