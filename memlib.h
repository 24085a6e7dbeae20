/*
 * memlib.h - the simulated heap: what sbrk is to a real allocator.
 *
 * One reserved range of addresses. The brk divides it:
 *
 *     mem_heap_lo()            brk           high-water mark       limit
 *         |                     |                  |                 |
 *         v                     v                  v                 v
 *         +---------------------+------------------+-----------------+
 *         |  the heap           |  given back      |  never reached  |
 *         +---------------------+------------------+-----------------+
 *
 * mem_sbrk moves the brk up and down; the highest place it ever reached is the
 * high-water mark, by which utilization is measured. All functions may be
 * called from several threads, except those that say otherwise.
 */
#ifndef MEMLIB_H
#define MEMLIB_H

#include <stdint.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- For allocators ---------------------------------------------------- */

/* Moves the brk by `incr` bytes, up or down, and returns the old brk; the heap
 * stays contiguous. What lies above a lowered brk goes back to the system, in
 * whole OS pages. Beyond the limit or below mem_heap_lo(): (void *)-1 with
 * errno ENOMEM, and nothing has moved. */
void *mem_sbrk(intptr_t incr);

void *mem_heap_lo(void);   /* first byte of the heap */
void *mem_heap_hi(void);   /* last byte: brk - 1 (lo - 1 when empty) */
size_t mem_heapsize(void); /* bytes from mem_heap_lo() to the brk */
size_t mem_pagesize(void); /* bytes of an OS page */

/* Tells the system that [lo, lo + len) holds nothing of value: the whole OS
 * pages inside lose their content and their memory until they are touched
 * again, when they read as zero. The range stays part of the heap. Returns 0,
 * or -1 with errno EINVAL if the range is not inside the heap. */
int mem_release(void *lo, size_t len);

/* From this address on nothing was written since the system gave the memory, or
 * gave it again: when the brk moves up over it, it reads as zero. Below it are
 * bytes that the heap had before, also before mem_reset_brk. */
void *mem_fresh(void);

/* Accessors that some courses have students use for the heap: `len` bytes
 * (1 to 8) as a little-endian number; memcpy and memset; a hex dump. */
uint64_t mem_read(const void *addr, size_t len);
void mem_write(void *addr, uint64_t value, size_t len);
void *mem_memcpy(void *dst, const void *src, size_t n);
void *mem_memset(void *dst, int c, size_t n);
void hprobe(void *ptr, int offset, size_t count);

/* ---- For drivers and tests --------------------------------------------- */

/* Reserves `limit` bytes at address `base` (NULL: anywhere) in place of what
 * was reserved before. Returns 0, or -1 with errno. Not thread-safe. */
int mem_reserve(size_t limit, void *base);

void mem_init(void);   /* reserves MAX_HEAP bytes; exits if it cannot */
void mem_deinit(void); /* gives the range back */

/* Back to an empty heap and a zero high-water mark. The bytes stay as they are
 * (as in the classic labs), or read as zero again (as in CMU's since 2016). */
void mem_reset_brk(void);
void mem_reset_brk_zeroed(void);

size_t mem_high_water(void); /* bytes from mem_heap_lo() to the mark */
size_t mem_limit(void);      /* bytes reserved */
size_t mem_touched(void);    /* bytes of OS pages that hold memory */

/* With a guard, the OS pages above the brk cannot be accessed, and the bytes
 * between the brk and the end of its page hold a pattern. mem_guard switches
 * it (after mem_reset_brk, not thread-safe); mem_guard_broken returns the
 * first byte written among the next `window` above the brk, else NULL. */
void mem_guard(int on);
void *mem_guard_broken(size_t window);

#ifdef __cplusplus
}
#endif
#endif
