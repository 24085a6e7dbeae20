/*
 * mm_broken.c - does the checker of mm.c see what it claims to see?
 *
 * A heap that has a block of every kind is broken in one place, in a child
 * process, and mm_checkheap must say no and name the invariant (I1 to I10 at
 * the head of mm.c) that does not hold any more. A checker that crashes or
 * loops over a broken heap is of no use, so that is a failure too. In the end
 * every single bit of the headers, footers, links and bitmap is flipped.
 *
 *   | hole 0 | pin | nest | .. | pin | hole 2 | pin | hole 3 | pin | .. | top |
 *                                free        free: one list
 */
#include "mm.c"

#include "broken.h"

enum { kHoles = 6, kQuickSize = 40 };

/* The heap that every test breaks. */
static struct {
  block *hole[kHoles];          /* hole 0 is allocated; most others are free */
  block *pin[kHoles];           /* allocated, behind them */
  block *first, *middle, *last; /* of the list that has the holes */
  block *growing, *room;        /* a block that grew, the free one behind it */
  void *waiting[3];             /* on a quick list, in its order */
  unsigned list;                /* of the holes */
} at;

/* ---- The heap ---------------------------------------------------------- */

/* Of a payload whose bytes are no sensible header. */
static block *make(size_t size) {
  void *p = mm_malloc(size);
  if (p == NULL) abort();
  memset(p, 0x5a, size);
  return block_of(p);
}

static void drop(block *b) {
  mm_free(block_payload(b));
}

static void build_heap(void) {
  mem_reset_brk();
  if (mm_init() < 0) abort();
  for (int i = 0; i < kHoles; i++) {
    at.hole[i] = make(1000);
    at.pin[i] = make(600);
  }
  at.growing = make(20000);
  block *behind = make(3000);
  make(600);
  drop(behind);
  at.growing =
      block_of(mm_realloc(block_payload(at.growing), 21000)); /* in place */
  at.room = block_next(at.growing);
  block *top = make(3000);
  for (int i = 1; i < kHoles; i++) drop(at.hole[i]);
  for (int i = 0; i < 3; i++)
    at.waiting[2 - i] = block_payload(make(kQuickSize));
  for (int i = 0; i < 3; i++) mm_free(at.waiting[2 - i]);
  drop(top);
  at.list = list_of_size(units_for(1000));
  at.first = block_at(heap.list[at.list]);
  at.middle = block_at(at.first->next);
  at.last = block_at(at.middle->next);
}

/* Is the heap what the tests below take it for? What is not there cannot be
 * broken, and mm.c may change its policy. */
static const char *heap_differs(void) {
  build_heap();
  if (!heap.list[at.list] || !at.first->next || !at.middle->next)
    return "three holes on one list";
  if (heap.list[list_of(at.room, block_units(at.room))] != block_index(at.room))
    return "a free block behind a growing one";
  if (heap.quick[units_for(kQuickSize)] != at.waiting[0] ||
      *(void **)at.waiting[0] != at.waiting[1])
    return "three blocks on a quick list";
  if (heap.nest_units == 0) return "a nest";
  if (heap.top == heap.end) return "a top";
  if (block_allocated(at.hole[2]) || block_allocated(at.hole[3]))
    return "free holes";
  if (!mm_checkheap(0)) return "a heap that is not broken";
  return NULL;
}

/* ---- What is broken ---------------------------------------------------- */

static void set_units(block *b, uint32_t units) {
  b->head = units << kFlagBits | (b->head & ((1u << kFlagBits) - 1));
}

static uint32_t *foot_of(block *b) {
  return block_foot_before(block_next(b));
}

static void size_beyond_the_heap(void) {
  set_units(at.pin[0], block_units(at.pin[0]) + (1u << 20));
}
static void size_zero(void) {
  set_units(at.pin[0], 0);
}
static void size_one_less(void) {
  set_units(at.pin[0], block_units(at.pin[0]) - 1);
}
static void size_one_more(void) {
  set_units(at.pin[0], block_units(at.pin[0]) + 1);
}
static void size_over_a_free_block(void) {
  block *next = block_next(at.pin[1]);
  set_units(at.pin[1], block_units(at.pin[1]) + block_units(next));
  block_next(at.pin[1])->head |= kPrevAllocated;
}
static void size_of_a_free_block(void) {
  set_units(at.hole[2], block_units(at.hole[2]) + block_units(at.pin[2]));
}

static void allocated_set(void) {
  at.hole[2]->head |= kAllocated;
}
static void allocated_cleared(void) {
  at.pin[0]->head &= ~(uint32_t)kAllocated;
}
static void prev_allocated_set(void) {
  at.pin[2]->head |= kPrevAllocated;
}
static void prev_allocated_cleared(void) {
  at.pin[0]->head &= ~(uint32_t)kPrevAllocated;
}
static void prev_grows_behind_a_free_block(void) {
  at.pin[2]->head |= kPrevGrows;
}
static void prev_grows_set(void) {
  at.hole[2]->head |= kPrevGrows;
}
static void prev_grows_cleared(void) {
  at.room->head &= ~(uint32_t)kPrevGrows;
}

static void footer(void) {
  *foot_of(at.hole[2]) += 1;
}
static void footer_of_the_top(void) {
  *foot_of(heap.top) -= 1;
}

/* Each part is a free block as it should be, on the list of its size. */
static void two_free_neighbours(void) {
  block *b = at.hole[2];
  uint32_t have = block_units(b), half = have / 2;
  list_remove(b, have);
  block_after(b, half)->head = 0;
  block_set_free(b, half);
  list_insert(b, list_of(b, half));
  b = block_after(b, half);
  block_set_free(b, have - half);
  list_insert(b, list_of(b, have - half));
}

static void next_to_an_allocated_block(void) {
  at.middle->next = block_index(at.pin[0]);
}
static void next_outside_the_heap(void) {
  at.middle->next = block_index(heap.end) + 1000;
}
static void next_behind_the_epilogue(void) {
  at.middle->next = block_index(heap.end);
}
static void next_to_itself(void) {
  at.middle->next = block_index(at.middle);
}
static void next_to_the_first(void) {
  at.last->next = block_index(at.first);
  at.first->prev = block_index(at.last);
}
static void next_cut_off(void) {
  at.middle->next = 0;
}
static void prev_wrong(void) {
  at.middle->prev = block_index(at.last);
}
static void prev_of_the_first(void) {
  at.first->prev = block_index(at.last);
}
static void free_block_on_no_list(void) {
  list_remove(at.room, block_units(at.room));
}
static void top_on_a_list(void) {
  list_insert(heap.top, list_of_size(block_units(heap.top)));
}

static void flip_bit(unsigned list) {
  heap.bitmap[list / 64] ^= 1ull << list % 64;
}
static void bitmap_bit_cleared(void) {
  flip_bit(at.list);
}
static void bitmap_bit_set(void) {
  flip_bit(kLists - 1);
}

static void head_lost(void) {
  heap.list[at.list] = 0;
}
static void head_to_an_allocated_block(void) {
  heap.list[at.list] = block_index(at.pin[0]);
}
static void head_of_the_wrong_list(void) {
  heap.list[at.list + 1] = heap.list[at.list];
  heap.list[at.list] = 0;
  flip_bit(at.list);
  flip_bit(at.list + 1);
}

static void quick_of_another_size(void) {
  *(void **)at.waiting[1] = block_payload(at.pin[0]);
}
static void quick_circle(void) {
  *(void **)at.waiting[2] = at.waiting[0];
}
static void quick_outside_the_heap(void) {
  *(void **)at.waiting[1] = block_payload(block_after(heap.end, 1000));
}
static void quick_low_address(void) {
  heap.quick[units_for(kQuickSize)] = (void *)0x10;
}
static void quick_inside_a_unit(void) {
  *(void **)at.waiting[1] = (char *)at.waiting[2] + 4;
}
static void quick_of_a_free_block(void) {
  heap.quick[units_for(kQuickSize)] = block_payload(at.hole[2]);
}
static void quick_below_the_smallest(void) {
  heap.quick[0] = at.waiting[0];
}

static void top_elsewhere(void) {
  heap.top = at.hole[2];
}
static void top_at_the_end(void) {
  heap.top = heap.end;
}
static void top_inside_a_unit(void) {
  heap.top = (block *)((char *)heap.top + 4);
}

static void nest_elsewhere(void) {
  heap.nest = block_after(heap.nest, 1);
}
static void nest_on_another_block(void) {
  heap.nest = at.pin[0];
}
static void nest_of_another_size(void) {
  heap.nest_units++;
}
static void nest_lost(void) {
  heap.nest = NULL;
}

static void epilogue_size(void) {
  set_units(heap.end, 2);
}
static void epilogue_free(void) {
  heap.end->head &= ~(uint32_t)kAllocated;
}
static void epilogue_prev_allocated(void) {
  heap.end->head |= kPrevAllocated;
}
static void end_lower(void) {
  heap.end = block_after(heap.end, 0) - 4;
}
static void end_higher(void) {
  heap.end = block_after(heap.end, 1);
}
static void brk_moved(void) {
  if (mem_sbrk(kUnit) == (void *)-1) abort();
}

static const broken_test kTests[] = {
    {"size_beyond_the_heap", "I1", size_beyond_the_heap},
    {"size_zero", "I1", size_zero},
    {"size_one_less", "I1", size_one_less},
    {"size_one_more", "I1", size_one_more},
    {"size_over_a_free_block", "I5", size_over_a_free_block},
    {"size_of_a_free_block", "I3", size_of_a_free_block},
    {"allocated_set", "I2", allocated_set},
    {"allocated_cleared", "I2", allocated_cleared},
    {"prev_allocated_set", "I2", prev_allocated_set},
    {"prev_allocated_cleared", "I2", prev_allocated_cleared},
    {"prev_grows_behind_a_free_block", "I2", prev_grows_behind_a_free_block},
    {"prev_grows_set", "I5", prev_grows_set},
    {"prev_grows_cleared", "I5", prev_grows_cleared},
    {"footer", "I3", footer},
    {"footer_of_the_top", "I3", footer_of_the_top},
    {"two_free_neighbours", "I4", two_free_neighbours},
    {"next_to_an_allocated_block", "I6", next_to_an_allocated_block},
    {"next_outside_the_heap", "I6", next_outside_the_heap},
    {"next_behind_the_epilogue", "I6", next_behind_the_epilogue},
    {"next_to_itself", "I6", next_to_itself},
    {"next_to_the_first", "I6", next_to_the_first},
    {"next_cut_off", "I5", next_cut_off},
    {"prev_wrong", "I6", prev_wrong},
    {"prev_of_the_first", "I6", prev_of_the_first},
    {"free_block_on_no_list", "I5", free_block_on_no_list},
    {"top_on_a_list", "I6", top_on_a_list},
    {"bitmap_bit_cleared", "I7", bitmap_bit_cleared},
    {"bitmap_bit_set", "I7", bitmap_bit_set},
    {"head_lost", "I7", head_lost},
    {"head_to_an_allocated_block", "I6", head_to_an_allocated_block},
    {"head_of_the_wrong_list", "I5", head_of_the_wrong_list},
    {"quick_of_another_size", "I8", quick_of_another_size},
    {"quick_circle", "I8", quick_circle},
    {"quick_outside_the_heap", "I8", quick_outside_the_heap},
    {"quick_low_address", "I8", quick_low_address},
    {"quick_inside_a_unit", "I8", quick_inside_a_unit},
    {"quick_of_a_free_block", "I8", quick_of_a_free_block},
    {"quick_below_the_smallest", "I8", quick_below_the_smallest},
    {"top_elsewhere", "I9", top_elsewhere},
    {"top_at_the_end", "I9", top_at_the_end},
    {"top_inside_a_unit", "I9", top_inside_a_unit},
    {"nest_elsewhere", "I10", nest_elsewhere},
    {"nest_on_another_block", "I10", nest_on_another_block},
    {"nest_of_another_size", "I10", nest_of_another_size},
    {"nest_lost", "I10", nest_lost},
    {"epilogue_size", "I1", epilogue_size},
    {"epilogue_free", "I1", epilogue_free},
    {"epilogue_prev_allocated", "I2", epilogue_prev_allocated},
    {"end_lower", "I1", end_lower},
    {"end_higher", "I1", end_higher},
    {"brk_moved", "I1", brk_moved},
};

/* ---- Every bit --------------------------------------------------------- */

/* Bits that may be either way in a heap that is right: "previous grows" of a
 * block that is on no list, behind an allocated one; a size that makes an
 * allocated block reach to the end of another. */
static bool head_may_be(const block *b, uint32_t flipped) {
  bool listed = !block_allocated(b) && b != heap.top;
  if (flipped == kPrevGrows) return block_prev_allocated(b) && !listed;
  if (flipped < 1u << kFlagBits || !block_allocated(b)) return false;
  const block *to = block_after(b, (b->head ^ flipped) >> kFlagBits);
  for (const block *other = heap_first(); other != heap.end;
       other = block_next(other))
    if (other == to) return true;
  return to == heap.end;
}

/* Flips each bit of some words, one at a time; the checker must notice. */
static int sweep_words(void *words, size_t size, const block *head_of,
                       const char *what) {
  unsigned char *bytes = words;
  for (size_t bit = 0; bit < size * 8; bit++) {
    if (head_of && head_may_be(head_of, 1u << bit)) continue;
    if (!overlooks(bytes + bit / 8, bit % 8)) continue;
    dprintf(findings, "bit %zu of %s was not noticed\n", bit, what);
    return 1;
  }
  return 0;
}

static int sweep_word(uint32_t *word, const char *what) {
  return sweep_words(word, sizeof *word, NULL, what);
}

static int sweep_block(const void *which) {
  block *b = *(block *const *)which;
  silence_the_checker();
  int bad = sweep_words(&b->head, sizeof b->head, b, "a block's header");
  if (block_allocated(b)) return bad;
  bad |= sweep_word(foot_of(b), "a block's footer");
  if (b == heap.top) return bad;
  bad |= sweep_word(&b->next, "a block's next");
  bad |= sweep_word(&b->prev, "a block's prev");
  return bad |
         sweep_word(&heap.list[list_of(b, block_units(b))], "a list's head");
}

static int sweep_bitmap(const void *unused) {
  (void)unused;
  silence_the_checker();
  return sweep_words(heap.bitmap, sizeof heap.bitmap, NULL, "the bitmap");
}

static void run_sweeps(void) {
  const char *failed = NULL;
  for (block *b = heap_first(); b != heap.end && !failed; b = block_next(b))
    failed = sweep_failed(in_child(sweep_block, &b));
  report("every_bit_of_every_block", failed);
  report("every_bit_of_the_bitmap", sweep_failed(in_child(sweep_bitmap, NULL)));
}

int main(void) {
  mem_init();
  const char *differs = heap_differs();
  said[0] = '\0';
  report("heap_to_be_broken", differs);
  if (differs) return 1;
  for (size_t i = 0; i < sizeof kTests / sizeof *kTests; i++)
    run_test(&kTests[i]);
  run_sweeps();
  return 0;
}
