/* no_allocator.c - a library that has nothing to do with memory. */
int mm_answer(void);
int mm_answer(void) {
  return 42;
}
