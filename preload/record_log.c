/*
 * record_log.c - the trace file (record_log.h).
 *
 * The file is mapped and written in place, so what is in it survives any end
 * of the process, SIGKILL included, and needs no conversion:
 *
 *     0        header           end          filled
 *     +--------+----------------+------------+
 *     | 1      | a 0 232        | newlines   |
 *     |     17 | a 1 72704      |            |
 *     |     40 | f 0            |            |
 *     |  73512 | ...            |            |
 *     +--------+----------------+------------+
 *      [header]       [     window           ]      <- the two mappings
 *
 *   L1  the header's numbers have a fixed width, filled up with blanks, and
 *       are counted up in place
 *   L2  what lies between end and filled is newlines: blank lines, which
 *       every reader of traces skips
 *   L3  ids and peak are raised before a line is written, the number of
 *       operations after it: a process that is killed between leaves at most
 *       one line too many, which the header does not count
 *   L4  the window covers at least [end, filled)
 *   L5  there is room for one more line, until the file is settled
 *
 * The file descriptor is only needed to grow. It sits at a high number, where
 * programs do not look; one that closes all descriptors makes us open the
 * path again. A forked child has neither mapping (MADV_DONTFORK), so it cannot
 * write into its parent's trace.
 */
#define _GNU_SOURCE
#include "record_log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
  kWidth = 20,
  kIdsAt = 2, /* behind "1\n" */
  kOpsAt = kIdsAt + kWidth + 1,
  kPeakAt = kOpsAt + kWidth + 1,
  kHeaderSize = kPeakAt + kWidth + 1,
  kMinStep = 4 << 10, /* the file grows by about its size, within bounds */
  kMaxStep = 64 << 10,
  kMaxLine = 128,
  kHighDescriptor = 1000
};

static struct {
  int fd;
  pid_t pid;
  dev_t device;
  ino_t inode;
  char *header;
  char *window;
  size_t window_at, window_size; /* offset in the file, bytes mapped */
  size_t end, filled;
  bool settled;
  char path[PATH_MAX];
} file = {.fd = -1};

int log_is_mine(void) {
  return file.pid == getpid();
}

const char *log_path(void) {
  return file.path;
}

/* ---- The descriptor ---------------------------------------------------- */

static bool is_our_file(int fd) {
  struct stat st;
  return fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == file.device &&
         st.st_ino == file.inode;
}

static int move_high(int fd) {
  struct rlimit limit;
  int want = kHighDescriptor;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur <= (rlim_t)want)
    want = (int)limit.rlim_cur - 1;
  int high = fcntl(fd, F_DUPFD_CLOEXEC, want);
  if (high < 0) return fd;
  close(fd);
  return high;
}

/* A descriptor of the file, though the program may have closed ours, or even
 * got its number for a file of its own. */
static int descriptor(void) {
  if (is_our_file(file.fd)) return file.fd;
  int fd = open(file.path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return -1;
  if (!is_our_file(fd)) {
    close(fd);
    errno = ESTALE;
    return -1;
  }
  file.fd = move_high(fd);
  return file.fd;
}

/* ---- Growing ----------------------------------------------------------- */

static char *map(int fd, size_t at, size_t size) {
  char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)at);
  if (p == MAP_FAILED) return NULL;
  madvise(p, size, MADV_DONTFORK);
  return p;
}

/* Reserves the bytes on the disk: writing to a mapped hole of a full disk
 * would kill the program, and so would a file beyond its limit. */
static int reserve(int fd, size_t size) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && size > limit.rlim_cur) {
    errno = EFBIG;
    return -1;
  }
  errno = posix_fallocate(fd, (off_t)file.filled, (off_t)(size - file.filled));
  return errno == 0 ? 0 : -1;
}

static int grow(void) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  size_t step = file.filled < kMinStep   ? kMinStep
                : file.filled < kMaxStep ? file.filled
                                         : kMaxStep;
  size_t size = file.filled + step;
  size_t at = file.end & ~(page - 1);
  int fd = descriptor();
  if (fd < 0 || reserve(fd, size) != 0) return -1;
  char *window = map(fd, at, size - at);
  if (window == NULL) return -1;
  memset(window + (file.filled - at), '\n', step);
  if (file.window) munmap(file.window, file.window_size);
  file.window = window;
  file.window_at = at;
  file.window_size = size - at;
  file.filled = size;
  return 0;
}

/* ---- The header -------------------------------------------------------- */

/* Adds one to a right-aligned number, as an odometer does. */
static void count_up(char *field) {
  for (char *digit = field + kWidth - 1;; digit--) {
    if (*digit != '9') {
      *digit = *digit == ' ' ? '1' : (char)(*digit + 1);
      return;
    }
    *digit = '0';
  }
}

void log_count_id(void) {
  count_up(file.header + kIdsAt);
}

void log_set_peak(size_t bytes) {
  char *digit = file.header + kPeakAt + kWidth;
  do *--digit = (char)('0' + bytes % 10);
  while (bytes /= 10);
}

/* ---- Opening, writing, settling ---------------------------------------- */

/* Lets go of the log of before a fork. Its mappings are not there any more. */
static void forget(void) {
  if (is_our_file(file.fd)) close(file.fd);
  memset(&file, 0, sizeof file);
  file.fd = -1;
}

int log_open(int fd, const char *path) {
  char text[kHeaderSize + 1];
  struct stat st;
  forget();
  if (fstat(fd, &st) != 0) return -1;
  file.device = st.st_dev;
  file.inode = st.st_ino;
  file.pid = getpid();
  strcpy(file.path, path);
  file.fd = move_high(fd);
  if (grow() != 0) return -1;
  file.header = map(file.fd, 0, kHeaderSize);
  if (file.header == NULL) return -1;
  snprintf(text, sizeof text, "1\n%*d\n%*d\n%*d\n", kWidth, 0, kWidth, 0,
           kWidth, 0);
  memcpy(file.header, text, kHeaderSize);
  file.end = kHeaderSize;
  return 0;
}

static int append_exactly(const char *text, size_t len) {
  int fd = descriptor();
  if (fd < 0) return -1;
  ssize_t n = pwrite(fd, text, len, (off_t)file.end);
  return n == (ssize_t)len ? 0 : -1;
}

int log_line(const char *text, size_t len) {
  if (file.settled) {
    if (append_exactly(text, len) != 0) return -1;
  } else {
    memcpy(file.window + (file.end - file.window_at), text, len);
  }
  file.end += len;
  atomic_signal_fence(memory_order_seq_cst); /* L3 */
  count_up(file.header + kOpsAt);
  if (file.settled || file.filled - file.end >= kMaxLine) return 0;
  return grow(); /* L5: a full disk shows before a line is begun */
}

int log_settle(void) {
  int fd = descriptor();
  if (fd < 0 || ftruncate(fd, (off_t)file.end) != 0) return -1;
  file.settled = true;
  return 0;
}
