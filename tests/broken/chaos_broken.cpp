// chaos_broken.cpp - does the checker of Chaos see what it claims to see?
//
// A heap that has everything is broken in one place, in a child process, and
// mm_checkheap must say no and name the invariant (C1 to C12 at the head of
// mm_chaos.cpp) that does not hold any more. In the end every bit of what the
// invariants speak of is flipped: of the heads of pages, of the map, of free
// spans, of the space, of heaps and of links.
//
// The heap has, among others: pages of one class, full ones and at least three
// in the queue, two of these with blocks that another thread freed; the only
// page of another class; mixed pages, in one of which another thread freed an
// object; a short and a long object; three spans that wait; three free spans of
// one length; and the heap of a thread that ended.
#include "mm_chaos.cpp"

#include "broken.h"

#include <pthread.h>
#include <utility>

using namespace chaos;

namespace {

constexpr size_t kSmall = 48, kAlone = 16, kWaiting = 2048;
constexpr size_t kWaits = kWaiting / kUnit;
constexpr int kBlocks = 4000, kHoles = 9;

// The heap that every test breaks.
struct {
  void *block[kBlocks];
  Page *full, *current, *first, *middle, *last; // of the class; three queued
  Page *returned[2];                            // a list
  Page *mixed;                                  // on a list
  Heap *heap, *other;
  uint32_t object, long_object;
  FreeSpan *hole[3]; // a list
  uint32_t hole_units;
  Block *waiting[3]; // a list
} at;

// ---- The heap ---------------------------------------------------------------

// Of bytes that are no sensible head of anything.
void *make(size_t size) {
  void *p = mm_malloc(size);
  if (!p) std::abort();
  return std::memset(p, 0x5a, size);
}

uint32_t unit_after(uint32_t unit) {
  return unit + object_units_at(unit);
}

void in_thread(void *(*body)(void *), void *argument) {
  pthread_t thread;
  if (pthread_create(&thread, nullptr, body, argument) != 0) std::abort();
  pthread_join(thread, nullptr);
}

void *free_block(void *p) {
  mm_free(p);
  return nullptr;
}

void *make_and_end(void *) {
  make(kSmall);
  return nullptr;
}

Page *page_with(void *p) {
  return page_of(p, code_at(p));
}

// The first blocks of kSmall bytes lie in mixed pages; the others fill pages,
// of every second of which one block is freed, by which it comes back to the
// queue. (A settled heap makes no mixed pages.)
void build_pages() {
  for (void *&p : at.block) p = make(kSmall);
  self.heap->settled = true;
  make(kAlone);
  self.heap->settled = false;
  in_thread(make_and_end, nullptr);
  at.current = page_with(at.block[kBlocks - 1]);
  bool full = true;
  for (int i = 1; i < kBlocks; i++) {
    if (page_with(at.block[i]) == page_with(at.block[i - 1])) continue;
    if (!full) mm_free(at.block[i - 1]);
    full = !full;
  }
  mm_free(at.block[kBlocks - 1]); // of the page that still has free ones
}

void build_spans() {
  void *hole[kHoles], *waiting[3];
  make(3 * kFirstMapped / 2 * kUnit); // the map moves, and the one before stays
  for (void *&p : hole) {
    p = make(40 * kUnit);
    make(kPageMax + 1);
  }
  at.object = unit_of(make(kWaiting));
  at.long_object = unit_of(make(90 * kUnit));
  make(80 * kUnit);
  for (void *p : hole) mm_free(p);
  for (void *&p : waiting) p = make(kWaiting);
  mm_free(make(80 * kUnit));     // below the top
  self.heap->settled = !kSecure; // now spans wait
  for (void *p : waiting) mm_free(p);
}

void build_heap() {
  mem_reset_brk();
  if (mm_init() < 0) std::abort();
  build_pages();
  build_spans();
  // Last, as the next malloc may take these back: in a mixed page, in one that
  // is full, and in one that is not.
  in_thread(free_block, at.block[0]);
  in_thread(free_block, at.block[kBlocks / 2]);
  in_thread(free_block, at.block[kBlocks - 2]);
}

// ---- What it has ------------------------------------------------------------

bool find_pages() {
  size_t c = class_of(kSmall);
  at.first = at.heap->first[c];
  at.last = page_at(at.heap->last[c]);
  at.middle = page_at(at.first->next);
  for (void *p : at.block)
    if (page_with(p)->owner & kFull && !page_with(p)->thread_free)
      at.full = page_with(p);
  Page *page = at.returned[0] = at.heap->returned.load();
  if (page && page->next_returned)
    at.returned[1] = page_at(page->next_returned);
  return at.first != &empty_page && at.first->next && at.middle->next &&
         at.full && at.returned[1] && at.current->free &&
         at.current->local_free;
}

// The longest of the lists of free spans of one length.
bool find_holes() {
  for (uint32_t c = 2; c < kSpanExact; c++) {
    int n = 0;
    for (uint32_t unit = space.list[c]; unit && n < 3; n++) {
      at.hole[n] = free_at(unit);
      unit = free_at(unit)->next;
    }
    at.hole_units = c;
    if (n == 3) return true;
  }
  return false;
}

bool find_mixed() {
  for (uint32_t index : at.heap->mixed.first)
    if (index && page_at(index)->units < kMixedUnits) at.mixed = page_at(index);
  return at.mixed && page_is_mixed(page_with(at.block[0]));
}

bool find_waiting() {
  at.waiting[0] = at.heap->waiting[kWaits];
  for (int i = 1; i < 3; i++)
    if (at.waiting[i - 1])
      at.waiting[i] = block_next(at.heap, at.waiting[i - 1]);
  return at.waiting[2];
}

// Is the heap what the tests below take it for? What is not there cannot be
// broken, and the allocator may change its policy.
const char *heap_differs() {
  build_heap();
  at.heap = self.heap;
  for (Heap *heap = everyone.heaps; heap; heap = heap->next)
    if (heap != at.heap) at.other = heap;
  if (!at.other || !at.other->abandoned) return "the heap of an ended thread";
  if (!find_pages()) return "queued, full and returned pages";
  if (kMixes && !find_mixed()) return "mixed pages";
  if (!find_holes()) return "three free spans of one length";
  if (!kSecure && !find_waiting()) return "three spans that wait";
  if (code_of(at.object) <= kObject || code_of(at.object) >= kLong)
    return "a short object";
  if (code_of(at.long_object) != kLong) return "a long object";
  if (space.map == first_map || space.old_count == 0) return "maps that moved";
  if (space.top + 2 > space.end) return "a rest above the top";
  if (!mm_checkheap(0)) return "a heap that is not broken";
  return nullptr;
}

// The map is no part of a small heap, and while there are no other threads not
// much longer in a larger one than it has to be. Another child asks, as the
// heap to be broken has threads. 0: so it is.
int map_differs(const void *) {
  if (mm_init() != 0) return 1;
  while (space.top + units_for(kPageMax + 1) <= kFirstMapped)
    if (make(kPageMax + 1); space.map != first_map) return 2;
  size_t length = kFirstMapped;
  while (space.top < 64 * kFirstMapped) {
    make(100 * kUnit);
    if (space.mapped == length) continue;
    if (space.mapped > length + length / 4 + 2 * kUnit) return 3;
    length = space.mapped;
  }
  return space.map == first_map || space.old_count > 0 || !mm_checkheap(0);
}

// ---- What is broken: pages --------------------------------------------------

void set_link(Page *page, Block *block, const void *next) {
  block_set_next(page, block,
                 const_cast<Block *>(static_cast<const Block *>(next)));
}

char *inside(void *p, size_t offset) {
  return static_cast<char *>(p) + offset;
}

Block *as_block(void *p) {
  return static_cast<Block *>(p);
}

const broken_test kPageTests[] = {
    {"used_one_more", "C2", [] { at.current->used++; }},
    {"used_one_less", "C2", [] { at.full->used--; }},
    {"free_lost", "C2", [] { at.current->free = nullptr; }},
    {"local_free_lost", "C2", [] { at.current->local_free = nullptr; }},
    {"free_in_use", "C2",
     [] {
       Block *block = as_block(page_start(at.full));
       block_set_next(at.full, block, nullptr);
       at.full->free = block;
     }},
    {"free_inside_a_block", "C3",
     [] { at.current->free = as_block(inside(at.current->free, 8)); }},
    {"free_in_the_head", "C3", [] { at.current->free = as_block(at.current); }},
    {"free_of_another_page", "C3",
     [] { at.current->free = as_block(page_start(at.full)); }},
    {"free_outside_the_heap", "C3",
     [] { at.current->free = as_block(inside(nullptr, 16)); }},
    {"free_behind_the_last_block", "C3",
     [] {
       size_t all = page_capacity(at.current) * page_block_size(at.current);
       at.current->free = as_block(page_start(at.current) + all);
     }},
    {"free_circle", "C3",
     [] { set_link(at.current, at.current->free, at.current->free); }},
    {"free_link_overwritten", "C3",
     [] { std::memset(static_cast<void *>(at.current->free), 0x41, 8); }},
    {"on_both_lists", "C3", [] { at.current->local_free = at.current->free; }},
    {"local_free_outside_the_heap", "C3",
     [] {
       set_link(at.current, at.current->local_free,
                inside(unit_at(space.end), 1 << 30));
     }},
    {"thread_free_on_free_too", "C3",
     [] { at.current->thread_free = at.current->free; }},
    {"thread_free_outside_the_page", "C3",
     [] { at.returned[0]->thread_free = as_block(page_start(at.full)); }},
    {"thread_free_circle", "C3",
     [] {
       Block *block = at.returned[0]->thread_free;
       set_link(at.returned[0], block, block);
     }},
    {"thread_free_of_no_returned_page", "C5",
     [] {
       Block *block = as_block(page_start(at.full));
       block_set_next(at.full, block, nullptr);
       at.full->thread_free = block;
     }},
    {"thread_free_lost", "C5", [] { at.returned[1]->thread_free = nullptr; }},
    {"class_of_other_blocks", "C3", [] { at.current->size_class++; }},
    {"class_in_a_full_page", "C2", [] { at.full->size_class++; }},
    {"class_that_is_not", "C1",
     [] { at.full->size_class = static_cast<uint8_t>(kClasses + 1); }},
    {"units_zero", "C1", [] { at.full->units = 0; }},
    {"units_one_more", "C1", [] { at.full->units++; }},
    {"units_one_less", "C1", [] { at.full->units--; }},
    {"units_more_than_a_page_has", "C1", [] { at.full->units = 255; }},
    {"owner_none", "C4", [] { at.full->owner = kFull; }},
    {"owner_wild", "C4", [] { at.full->owner ^= uintptr_t{1} << 40; }},
    {"owner_another_heap", "C4",
     [] { at.first->owner = reinterpret_cast<uintptr_t>(at.other); }},
    {"full_set", "C5", [] { at.middle->owner |= kFull; }},
    {"full_cleared", "C5", [] { at.full->owner &= ~kFull; }},
    {"held_and_full", "C2", [] { at.full->used |= kHeld; }},
    {"held_and_not_counted", "C2", [] { at.middle->used |= kHeld; }},
    {"only_page_not_held", "C2",
     [] { at.heap->first[class_of(kAlone)]->used ^= kHeld; }},
};

// Granules: the first of an object in the mixed page.
uint32_t first_taken() {
  uint64_t taken = at.mixed->taken & ~bits_below(kHeadGranules);
  return static_cast<uint32_t>(__builtin_ctzll(taken));
}

const broken_test kMixedTests[] = {
    {"mixed_object_shorter", "C12",
     [] { at.mixed->taken ^= uint64_t{1} << first_taken(); }},
    {"mixed_object_without_end", "C12", [] { at.mixed->ends = 0; }},
    {"mixed_object_in_two", "C12",
     [] { at.mixed->ends |= uint64_t{1} << first_taken(); }},
    {"mixed_end_of_none", "C12", [] { at.mixed->ends |= at.mixed->taken + 1; }},
    {"mixed_object_behind_the_page", "C12",
     [] {
       uint64_t behind = uint64_t{1} << at.mixed->units * kUnit / kAlign;
       at.mixed->taken |= behind;
       at.mixed->ends |= behind;
       at.heap->mixed.objects[1]++;
     }},
    {"mixed_head_free", "C12", [] { at.mixed->taken &= ~uint64_t{1}; }},
    {"mixed_longest", "C12", [] { at.mixed->longest++; }},
    {"mixed_in_no_list", "C12", [] { mixed_unlist(at.heap->mixed, at.mixed); }},
    {"mixed_in_another_list", "C12",
     [] {
       MixedPages &pages = at.heap->mixed;
       uint32_t n = at.mixed->longest, other = n % kMixedMost + 1;
       std::swap(pages.first[n], pages.first[other]);
       pages.listed ^= 1u << n | 1u << other;
     }},
    {"mixed_next_to_itself", "C12",
     [] { at.mixed->next = page_index(at.mixed); }},
    {"mixed_next_outside", "C12", [] { at.mixed->next = space.end + 1000; }},
    {"mixed_prev", "C12", [] { at.mixed->prev = page_index(at.full); }},
    {"mixed_list_without_a_bit", "C12", [] { at.heap->mixed.listed = 0; }},
    {"mixed_bit_without_a_list", "C12",
     [] { at.heap->mixed.listed |= 1u << 31; }},
    {"mixed_newest_of_a_class", "C12",
     [] { at.heap->mixed.newest = page_index(at.full); }},
    {"mixed_count", "C12", [] { at.heap->mixed.objects[1]++; }},
    {"mixed_class_of_blocks", "C12", [] { at.mixed->size_class = 0; }},
    {"mixed_owner_of_blocks", "C12", [] { at.mixed->owner ^= kMixed; }},
    {"mixed_owner_another_heap", "C12",
     [] { at.mixed->owner = reinterpret_cast<uintptr_t>(at.other) | kMixed; }},
    {"class_mixed", "C12",
     [] { at.full->size_class = static_cast<uint8_t>(kMixedClass); }},
};

// ---- Queues, lists `returned`, and heaps ------------------------------------

const broken_test kHeapTests[] = {
    {"next_lost", "C4", [] { at.middle->next = 0; }},
    {"next_to_itself", "C4", [] { at.middle->next = page_index(at.middle); }},
    {"next_to_the_first", "C4", [] { at.last->next = page_index(at.first); }},
    {"next_to_a_full_page", "C4",
     [] { at.middle->next = page_index(at.full); }},
    {"next_to_an_object", "C4", [] { at.middle->next = at.object; }},
    {"next_inside_a_page", "C4",
     [] { at.middle->next = page_index(at.full) + 1; }},
    {"next_outside_the_heap", "C4", [] { at.middle->next = space.end + 1000; }},
    {"next_far_away", "C4", [] { at.middle->next = UINT32_MAX; }},
    {"prev_wrong", "C4", [] { at.middle->prev = page_index(at.last); }},
    {"prev_of_the_first", "C4", [] { at.first->prev = page_index(at.last); }},
    {"at_hand_lost", "C4",
     [] {
       self.at_hand[kClassSize[at.first->size_class] / kAlign] = &empty_page;
     }},
    {"at_hand_of_another_class", "C4",
     [] { self.at_hand[kDirectMax / kAlign] = at.first; }},
    {"queue_of_another_class", "C4",
     [] {
       std::swap(at.heap->first[at.first->size_class],
                 at.heap->first[kClasses - 1]);
     }},
    {"queue_lost", "C5",
     [] { at.heap->first[at.first->size_class] = &empty_page; }},
    {"queue_null", "C4", [] { at.heap->first[0] = nullptr; }},
    {"queue_wild", "C4",
     [] {
       at.heap->first[at.first->size_class] =
           reinterpret_cast<Page *>(inside(at.first, uintptr_t{1} << 41));
     }},
    {"queue_last", "C4",
     [] { at.heap->last[at.first->size_class] = page_index(at.first); }},
    {"returned_lost", "C5", [] { at.heap->returned = nullptr; }},
    {"returned_cut_off", "C5", [] { at.returned[0]->next_returned = 0; }},
    {"returned_circle", "C5",
     [] { at.returned[1]->next_returned = page_index(at.returned[0]); }},
    {"returned_without_blocks", "C5",
     [] { at.returned[1]->next_returned = page_index(at.full); }},
    {"returned_to_an_object", "C5",
     [] { at.returned[0]->next_returned = at.object; }},
    {"returned_outside_the_heap", "C5",
     [] { at.returned[0]->next_returned = space.end + 1000; }},
    {"returned_wild", "C5",
     [] {
       at.heap->returned =
           reinterpret_cast<Page *>(inside(at.first, uintptr_t{1} << 41));
     }},
    {"page_bytes", "C10",
     [] { at.heap->page_bytes[at.first->size_class] += kUnit; }},
    {"heap_wild", "C4", [] { everyone.heaps = at.heap + 1; }},
    {"heap_circle", "C4", [] { at.heap->next = at.other; }},
    {"heap_lost", "C4",
     [] {
       everyone.heaps = at.other;
       at.other->next = nullptr;
     }},
};

// In the hardened build no span waits.
const broken_test kWaitingTests[] = {
    {"waits_with_another_length", "C9",
     [] { std::swap(at.heap->waiting[kWaits], at.heap->waiting[kWaits + 1]); }},
    {"waits_in_no_list", "C9",
     [] { std::swap(at.heap->waiting[kWaits], at.heap->waiting[0]); }},
    {"waiting_circle", "C9",
     [] { block_set_next(at.heap, at.waiting[2], at.waiting[0]); }},
    {"waiting_outside_the_heap", "C9",
     [] {
       block_set_next(at.heap, at.waiting[1],
                      as_block(unit_at(space.end + 1000)));
     }},
    {"waiting_at_a_low_address", "C9",
     [] {
       block_set_next(at.heap, at.waiting[1], as_block(inside(nullptr, 16)));
     }},
    {"waiting_inside_a_unit", "C9",
     [] {
       block_set_next(at.heap, at.waiting[1],
                      as_block(inside(at.waiting[2], 8)));
     }},
    {"waiting_in_a_page", "C9",
     [] { at.heap->waiting[kWaits] = as_block(at.full); }},
    {"waiting_free_span", "C9",
     [] { block_set_next(at.heap, at.waiting[1], as_block(at.hole[1])); }},
    {"waiting_without_a_bit", "C9", [] { at.heap->has_waiting.fill(0); }},
};

// ---- The space --------------------------------------------------------------

uint32_t hole(int i) {
  return unit_of(at.hole[i]);
}

uint32_t &foot(int i) {
  return foot_before(hole(i) + at.hole_units);
}

// Each part is a free span as it should be, on the list of its length.
void two_free_neighbours() {
  uint32_t unit = hole(1), half = at.hole_units / 2;
  free_remove(space, unit);
  free_insert(space, unit, half);
  free_insert(space, unit + half, at.hole_units - half);
}

void free_below_the_top() {
  uint32_t unit = space.top;
  space.top += 2;
  free_insert(space, unit, 2);
}

const broken_test kSpaceTests[] = {
    {"page_code", "C1", [] { code_of(page_index(at.full) + 1) = 0; }},
    {"page_head_code", "C1", [] { code_of(page_index(at.full)) = 1; }},
    {"object_code_shorter", "C1", [] { code_of(at.object) = kObject + 1; }},
    {"object_code_free", "C1", [] { code_of(at.object) = kFreeUnit; }},
    {"object_code_page", "C1", [] { code_of(at.object) = 0; }},
    {"object_last_unit_free", "C1",
     [] { code_of(unit_after(at.object) - 1) = kFreeUnit; }},
    {"long_object_short", "C1", [] { code_of(at.long_object) = kObject + 3; }},
    {"long_object_longer", "C1", [] { mark_object(at.long_object, 93); }},
    {"long_object_much_longer", "C1",
     [] { std::memset(&code_of(at.long_object + 1), 0x41, 4); }},
    {"free_code_object", "C1", [] { code_of(hole(1)) = kObject + 3; }},
    {"free_last_code", "C1",
     [] { code_of(hole(1) + at.hole_units - 1) = kObject + 1; }},
    {"foot", "C7", [] { foot(1)++; }},
    {"free_units", "C7", [] { at.hole[1]->units++; }},
    {"free_units_zero", "C1", [] { at.hole[1]->units = 0; }},
    {"free_units_huge", "C1", [] { at.hole[1]->units = UINT32_MAX; }},
    {"free_next_lost", "C7", [] { at.hole[1]->next = 0; }},
    {"free_next_to_itself", "C7", [] { at.hole[1]->next = hole(1); }},
    {"free_next_to_the_first", "C7", [] { at.hole[2]->next = hole(0); }},
    {"free_next_to_an_object", "C7", [] { at.hole[1]->next = at.object; }},
    {"free_next_outside", "C7", [] { at.hole[1]->next = space.end + 1000; }},
    {"free_prev_wrong", "C7", [] { at.hole[1]->prev = hole(2); }},
    {"free_prev_of_the_first", "C7", [] { at.hole[0]->prev = hole(2); }},
    {"free_on_no_list", "C7", [] { free_remove(space, hole(1)); }},
    {"free_on_the_wrong_list", "C7",
     [] {
       std::swap(space.list[at.hole_units], space.list[0]);
       space.bitmap[0] ^= 1ull << at.hole_units | 1;
     }},
    {"list_lost", "C8", [] { space.list[at.hole_units] = 0; }},
    {"list_of_an_object", "C7", [] { space.list[at.hole_units] = at.object; }},
    {"list_outside", "C7", [] { space.list[at.hole_units] = UINT32_MAX; }},
    {"bit_cleared", "C8", [] { space.bitmap[0] &= ~(1ull << at.hole_units); }},
    {"bit_set", "C8", [] { space.bitmap[0] |= 1; }},
    {"bit_behind_the_last_list", "C8",
     [] {
       space.bitmap[kSpanWords - 1] |= 1ull << 63;
       space.summary |= 1ull << (kSpanWords - 1);
     }},
    {"summary_bit_cleared", "C8", [] { space.summary &= ~1ull; }},
    {"summary_bit_set", "C8",
     [] { space.summary |= 1ull << (kSpanWords - 1); }},
    {"summary_bit_behind_the_last_word", "C8",
     [] { space.summary |= 1ull << 63; }},
    {"two_free_neighbours", "C6", two_free_neighbours},
    {"free_below_the_top", "C6", free_below_the_top},
    {"top_lower", "C1", [] { space.top--; }},
    {"top_zero", "C1", [] { space.top = 0; }},
    {"top_above_the_end", "C1", [] { space.top = space.end + 1; }},
    {"end_lower", "C1", [] { space.end--; }},
    {"end_higher", "C1", [] { space.end++; }},
    {"base_moved", "C1", [] { space.base += kUnit; }},
    {"brk_moved", "C1", [] { mem_sbrk(kUnit); }},
    {"map_lost", "C1", [] { space.map = nullptr; }},
    {"map_wild", "C1", [] { space.map += uintptr_t{1} << 40; }},
    {"map_elsewhere", "C1", [] { space.map += kUnit; }},
    {"map_read_elsewhere", "C1", [] { space.codes++; }},
    {"map_shorter", "C1", [] { space.mapped = kUnit; }},
    {"map_longer", "C1", [] { space.mapped = 2 * space.mapped; }},
    {"maps_kept", "C1", [] { space.old_count = kMapsMax + 1; }},
    {"map_kept_nowhere", "C1", [] { space.old_maps[0] = space.top + 1; }},
};

// ---- Every bit --------------------------------------------------------------

// Is the heap right with the bit flipped, too?
using MayBe = bool(unsigned char *byte, unsigned bit);

bool never(unsigned char *, unsigned) {
  return false;
}

int sweep(void *from, size_t size, const char *what, MayBe *may_be = never) {
  auto *bytes = static_cast<unsigned char *>(from);
  int bad = 0;
  for (size_t i = 0; i < size * 8; i++) {
    unsigned bit = i % 8;
    if (!overlooks(bytes + i / 8, bit) || may_be(bytes + i / 8, bit)) continue;
    dprintf(findings, "bit %zu of %s was not noticed\n", i, what);
    bad = 1;
  }
  return bad;
}

template <class T> int sweep(T &field, const char *what) {
  return sweep(&field, sizeof field, what);
}

template <class Visit> void each_span(Visit visit) {
  for (uint32_t unit = 1, next; unit < space.top; unit = next) {
    next = unit;
    if (code_of(unit) == 0)
      next += page_at(unit)->units;
    else if (code_of(unit) == kFreeUnit)
      next += free_at(unit)->units;
    else
      next += object_units_at(unit);
    visit(unit, next - unit);
  }
}

// Whether payloads begin inside of blocks is not to be seen in the page.
bool may_be_owner(unsigned char *byte, unsigned bit) {
  return reinterpret_cast<uintptr_t>(byte) % sizeof(uintptr_t) == 0 &&
         1u << bit == kAligned;
}

int sweep_links(Page *page, Block *block) {
  int bad = 0;
  for (; block; block = block_next(page, block))
    bad |= sweep(block->next, "a free block's link");
  return bad;
}

int sweep_mixed(Page *page) {
  int bad = sweep(page->taken, "taken") | sweep(page->ends, "ends") |
            sweep(page->thread_free, "thread_free") |
            sweep(page->longest, "longest") | sweep(page->units, "units") |
            sweep(page->size_class, "size_class") |
            sweep(&page->owner, sizeof page->owner, "owner", may_be_owner);
  if (page->longest)
    bad |= sweep(page->next, "next") | sweep(page->prev, "prev");
  return bad | sweep_links(page, page->thread_free);
}

int sweep_page(Page *page) {
  if (page_is_mixed(page)) return sweep_mixed(page);
  int bad = sweep(page->free, "free") | sweep(page->local_free, "local_free") |
            sweep(page->thread_free, "thread_free") |
            sweep(page->used, "used") | sweep(page->units, "units") |
            sweep(page->size_class, "size_class") |
            sweep(&page->owner, sizeof page->owner, "owner", may_be_owner);
  if (!(page->owner & kFull))
    bad |= sweep(page->next, "next") | sweep(page->prev, "prev");
  if (page->thread_free) bad |= sweep(page->next_returned, "next_returned");
  return bad | sweep_links(page, page->free) |
         sweep_links(page, page->local_free) |
         sweep_links(page, page->thread_free);
}

int sweep_pages(const void *) {
  int bad = 0;
  silence_the_checker();
  each_span([&](uint32_t unit, uint32_t) {
    if (code_of(unit) == 0) bad |= sweep_page(page_at(unit));
  });
  return bad;
}

// An object may end where another span does.
uint32_t object_unit; // whose code is swept

bool may_be_object(unsigned char *byte, unsigned bit) {
  *byte = static_cast<unsigned char>(*byte ^ 1u << bit);
  uint32_t units = object_units_at(object_unit), end = object_unit + units;
  *byte = static_cast<unsigned char>(*byte ^ 1u << bit);
  bool is_start = end == space.top;
  each_span([&](uint32_t unit, uint32_t) { is_start |= unit == end; });
  return units && is_start;
}

// What lies inside of an object or a free span is not looked at, but the
// checker must survive it.
bool may_be_inside(unsigned char *, unsigned) {
  return true;
}

int sweep_map(const void *) {
  int bad = 0;
  silence_the_checker();
  each_span([&](uint32_t unit, uint32_t units) {
    uint8_t code = code_of(unit);
    object_unit = unit;
    bad |= sweep(&code_of(unit), 1, "the code of a span",
                 code > kObject && code <= kLong ? may_be_object : never);
    for (uint32_t i = 1; i < units; i++) {
      bool matters = code == 0 || (code == kFreeUnit && i == units - 1);
      bad |= sweep(&code_of(unit + i), 1, "a code inside of a span",
                   matters ? never : may_be_inside);
    }
  });
  return bad;
}

int sweep_space(const void *) {
  silence_the_checker();
  int bad = sweep(space.base, "base") | sweep(space.map, "the map") |
            sweep(space.mapped, "mapped") | sweep(space.map_end, "map_end") |
            sweep(space.codes, "codes") | sweep(space.end, "end") |
            sweep(space.summary, "the summary") |
            sweep(space.bitmap, "the bitmap") |
            sweep(space.list, "a list's head") |
            sweep(&space.top, sizeof space.top, "top", may_be_inside);
  each_span([&](uint32_t unit, uint32_t units) {
    if (code_of(unit) != kFreeUnit) return;
    FreeSpan *span = free_at(unit);
    bad |= sweep(span->units, "units") | sweep(span->next, "next") |
           sweep(span->prev, "prev") |
           sweep(foot_before(unit + units), "the foot");
  });
  return bad;
}

// A link that leads past some of the spans that wait leaves out objects, as it
// seems, in use.
bool may_be_waiting(unsigned char *byte, unsigned bit) {
  auto *link = reinterpret_cast<Block **>(reinterpret_cast<uintptr_t>(byte) &
                                          ~(sizeof(Block *) - 1));
  *byte = static_cast<unsigned char>(*byte ^ 1u << bit);
  uint32_t unit = unit_starting(*link);
  *byte = static_cast<unsigned char>(*byte ^ 1u << bit);
  return unit && object_units_at(unit) == object_units_at(unit_of(*link));
}

// Any mixed page of the heap may be the newest.
bool may_be_newest(unsigned char *byte, unsigned bit) {
  uint32_t &newest = at.heap->mixed.newest;
  *byte = static_cast<unsigned char>(*byte ^ 1u << bit);
  bool may_be = newest == 0 || is_mixed_of(at.heap, page_at(newest));
  *byte = static_cast<unsigned char>(*byte ^ 1u << bit);
  return may_be;
}

int sweep_heap(Heap *heap) {
  int bad = sweep(heap->mixed.first, "a list of mixed pages") |
            sweep(heap->mixed.listed, "the bits of mixed pages") |
            sweep(heap->mixed.objects, "a count of objects") |
            sweep(heap->first, "a queue") | sweep(heap->returned, "returned") |
            sweep(heap->page_bytes, "page_bytes") | sweep(heap->next, "next") |
            sweep(&heap->waiting, sizeof heap->waiting, "a list of spans",
                  may_be_waiting);
  for (size_t c = 0; c < kClasses; c++)
    if (heap->first[c] != &empty_page)
      bad |= sweep(heap->last[c], "the last of a queue");
  for (Block *block : heap->waiting)
    for (; block; block = block_next(heap, block))
      bad |= sweep(&block->next, sizeof block->next, "the link of a span",
                   may_be_waiting);
  return bad;
}

int sweep_heaps(const void *) {
  silence_the_checker();
  int bad = sweep(everyone.heaps, "the list of heaps") |
            sweep(at.heap->held, "the pages held") |
            sweep(&at.heap->mixed.newest, sizeof at.heap->mixed.newest,
                  "the newest mixed page", may_be_newest);
  for (Heap *heap = everyone.heaps; heap; heap = heap->next)
    bad |= sweep_heap(heap);
  return bad;
}

void run_sweep(const char *name, int (*body)(const void *)) {
  report(name, sweep_failed(in_child(body, nullptr)));
}

} // namespace

int main() {
  mem_init();
  broken_whose = kSecure ? "secure_" : "chaos_";
  report("map_as_long_as_needed", in_child(map_differs, nullptr)
                                      ? "a map in a small heap, or too long"
                                      : nullptr);
  const char *differs = heap_differs();
  said[0] = '\0';
  report("heap_to_be_broken", differs);
  if (differs) return 1;
  for (const broken_test &test : kPageTests) run_test(&test);
  for (const broken_test &test : kMixedTests)
    if (kMixes) run_test(&test);
  for (const broken_test &test : kHeapTests) run_test(&test);
  for (const broken_test &test : kWaitingTests)
    if (!kSecure) run_test(&test);
  for (const broken_test &test : kSpaceTests) run_test(&test);
  run_sweep("every_bit_of_the_pages", sweep_pages);
  run_sweep("every_bit_of_the_map", sweep_map);
  run_sweep("every_bit_of_the_space", sweep_space);
  run_sweep("every_bit_of_the_heaps", sweep_heaps);
  return 0;
}
