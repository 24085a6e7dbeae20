/*
 * record_log.h - the trace file, valid at every moment.
 *
 * The callers hold the recorder's lock. Functions that can fail return 0, or
 * -1 with errno.
 */
#ifndef RECORD_LOG_H
#define RECORD_LOG_H

#include <stddef.h>

/* Starts an empty trace in the open file `fd` (which it takes over), found at
 * the absolute `path`, in place of the trace that was written before. */
int log_open(int fd, const char *path);

/* The header's numbers: one more id, a new peak. To be called before the line
 * that has the id or reaches the peak. */
void log_count_id(void);
void log_set_peak(size_t bytes);

/* Appends one operation, at most 128 bytes with the newline that ends it. */
int log_line(const char *text, size_t len);

/* Cuts the file to its exact length. More lines may follow, at the price of a
 * few system calls each. */
int log_settle(void);

/* The process that opened the log, and the path of its file. */
int log_is_mine(void);
const char *log_path(void);

#endif
