/*
 * abi.c - how this allocator was compiled, for the driver to read.
 *
 * Linked beside every mm.c. The Makefile defines MM_ABI from the types that
 * the source gives mm_init and mm_checkheap (the flags are AbiFlags of
 * driver/allocator.hpp) and MM_STATIC_DATA from what `size` says of the
 * compiled object.
 */
#ifndef MM_ABI
#define MM_ABI 0
#endif
#ifndef MM_STATIC_DATA
#define MM_STATIC_DATA 0
#endif

const unsigned mm_abi = MM_ABI;
const unsigned long mm_static_data = MM_STATIC_DATA;
