/*
 * record_table.c - a hash table from address to block (record_table.h).
 *
 * Open addressing with linear probing, in memory that comes straight from the
 * system, since the recorder must not allocate:
 *
 *     home(addr)
 *        v
 *   | -- | A | B | C | -- |    A, B, C share a home or are close; a search
 *                              goes right from home to the first empty slot
 *
 *   T1  capacity is a power of two, at most half of the slots are used
 *   T2  no slot between a block's home and its slot is empty; taking a block
 *       out moves later ones back over the gap, so that there are no tombs
 */
#define _GNU_SOURCE
#include "record_table.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>

static struct {
  struct block *slots; /* addr NULL: empty */
  size_t capacity;
  size_t used;
} table;

static const size_t kFirstCapacity = 4096;

static void *pages(size_t bytes) {
  void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return p == MAP_FAILED ? NULL : p;
}

static size_t home(const void *addr) {
  uint64_t spread = ((uintptr_t)addr >> 4) * 0x9e3779b97f4a7c15u;
  return (size_t)(spread >> 32) & (table.capacity - 1);
}

static size_t after(size_t slot) {
  return (slot + 1) & (table.capacity - 1);
}

/* The slot that holds addr, or the empty one where it belongs. */
static size_t find(const void *addr) {
  size_t slot = home(addr);
  while (table.slots[slot].addr && table.slots[slot].addr != addr)
    slot = after(slot);
  return slot;
}

static int grow(void) {
  struct block *old = table.slots;
  size_t count = table.capacity;
  size_t capacity = count ? 2 * count : kFirstCapacity;
  struct block *slots = pages(capacity * sizeof *slots);
  if (slots == NULL) return -1;
  table.slots = slots;
  table.capacity = capacity;
  for (size_t i = 0; i < count; i++)
    if (old[i].addr) slots[find(old[i].addr)] = old[i];
  if (old) munmap(old, count * sizeof *old);
  return 0;
}

int table_put(const struct block *block, struct block *stale) {
  stale->id = kNoBlock;
  if (2 * (table.used + 1) > table.capacity && grow() != 0) return -1;
  struct block *slot = &table.slots[find(block->addr)];
  if (slot->addr)
    *stale = *slot;
  else
    table.used++;
  *slot = *block;
  return 0;
}

/* T2: the gap may be filled by a block whose home is at the gap or before it,
 * on the circle. */
static void close_gap(size_t gap) {
  size_t mask = table.capacity - 1;
  for (size_t slot = after(gap); table.slots[slot].addr; slot = after(slot)) {
    size_t from_home = (slot - home(table.slots[slot].addr)) & mask;
    size_t from_gap = (slot - gap) & mask;
    if (from_home < from_gap) continue;
    table.slots[gap] = table.slots[slot];
    gap = slot;
  }
  table.slots[gap].addr = NULL;
}

struct block table_take(const void *addr) {
  struct block none = {.addr = addr, .id = kNoBlock};
  if (table.used == 0) return none;
  size_t slot = find(addr);
  if (table.slots[slot].addr == NULL) return none;
  struct block found = table.slots[slot];
  close_gap(slot);
  table.used--;
  return found;
}

int table_visit(long ids, void (*visit)(struct block *)) {
  if (table.used == 0) return 0;
  size_t bytes = (size_t)ids * sizeof(struct block *);
  struct block **by_id = pages(bytes);
  if (by_id == NULL) return -1;
  for (size_t i = 0; i < table.capacity; i++)
    if (table.slots[i].addr) by_id[table.slots[i].id] = &table.slots[i];
  for (long id = 0; id < ids; id++)
    if (by_id[id]) visit(by_id[id]);
  munmap(by_id, bytes);
  return 0;
}
