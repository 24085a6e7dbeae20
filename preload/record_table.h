/*
 * record_table.h - which block lives at an address: id and size.
 *
 * The callers hold the recorder's lock.
 */
#ifndef RECORD_TABLE_H
#define RECORD_TABLE_H

#include <stddef.h>

struct block {
  const void *addr;
  size_t size; /* as asked for */
  long id;     /* as in the trace; kNoBlock for none */
};

enum { kNoBlock = -1 };

/* Puts a block in. If another one is at its address already, that one is moved
 * to *stale (else stale->id is kNoBlock). Returns 0, or -1 without memory. */
int table_put(const struct block *block, struct block *stale);

/* Takes the block at addr out; the result's id is kNoBlock if none is. */
struct block table_take(const void *addr);

/* Visits all blocks in the order of their ids, which are below `ids`; visit
 * may change id and size. Returns 0, or -1 without memory. */
int table_visit(long ids, void (*visit)(struct block *));

#endif
