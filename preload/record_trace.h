/*
 * record_trace.h - from calls to the operations of a trace.
 *
 * Any thread may call these at any time; they take the recorder's lock. None
 * allocates, and none changes errno.
 */
#ifndef RECORD_TRACE_H
#define RECORD_TRACE_H

#include "record_table.h"

/* Opens the trace. Called once, before there is a second thread. */
void trace_begin(void);

/* The program was given ptr by `a SIZE`, `r SIZE` (of NULL), `c COUNT SIZE` or
 * `m ALIGN SIZE`, so by one or two numbers. */
void trace_new(void *ptr, char op, size_t first, size_t second);

/* The program frees ptr. To be called before it really is freed. */
void trace_free(void *ptr);

/* The program reallocates ptr: to be called before. Then one of the other two
 * says how it went; size may be 0, and fresh NULL. */
struct block trace_detach(void *ptr);
void trace_moved(const struct block *old, void *fresh, size_t size);
void trace_unmoved(const struct block *old);

/* Between these two, the calls of this thread are not the program's. */
void trace_hide(void);
void trace_show(void);

/* Around a fork, in the parent. */
void trace_hold(void);
void trace_release(void);
/* After it, in the child. */
void trace_forked(void);

/* The process ends, or is about to: makes the file exact. */
void trace_settle(void);

#endif
