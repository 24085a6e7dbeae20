// mistakes.cpp - programs that do one thing wrong, on the hardened Chaos. Each
// runs in a process of its own, says what line it must end with, makes its
// mistake, and must end by abort with that line and no other.
#define MM_OPTIONAL
#include "mm.h"

#include "memlib.h"

#include <array>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <string>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace {

constexpr const char *kOutside = "it is not in the heap";
constexpr const char *kInterior = "it is not the start of an object";
constexpr const char *kUnused = "it is not in use: freed twice?";
constexpr const char *kOverwritten =
    "the link of this free block is overwritten";

// Shared with the child, which writes it; empty: it must end well.
char *expected;

void expect(const char *call, const void *p, const char *why) {
  std::snprintf(expected, 200, "mm_chaos: %s(%p): %s\n", call, p, why);
}

void expect_free(void *p, const char *why) {
  expect("free", p, why);
  mm_free(p);
}

char *allocate(size_t size) {
  auto *p = static_cast<char *>(mm_malloc(size));
  if (p) std::memset(p, 0x5a, size);
  return p;
}

// Some neighbours, so that a page is neither empty nor full.
std::array<char *, 100> some(size_t size) {
  std::array<char *, 100> blocks;
  for (char *&block : blocks) block = allocate(size);
  return blocks;
}

// Until the free block at p is on its list's front.
void allocate_until_it_stops(const void *p, size_t size) {
  expect("malloc", p, kOverwritten);
  for (int i = 0; i < 100000; i++) mm_malloc(size);
}

void overwrite(void *p, uintptr_t with) {
  std::memcpy(p, &with, sizeof with);
}

// ---- No mistake -------------------------------------------------------------

void no_mistake() {
  for (size_t size = 1; size < 200000; size = size * 5 / 4 + 1) {
    char *p = allocate(size), *q = allocate(size);
    mm_free(p);
    q = static_cast<char *>(mm_realloc(q, size * 3));
    char *aligned = static_cast<char *>(mm_memalign(256, size));
    mm_free(q);
    mm_free(aligned);
    mm_free(nullptr);
  }
}

// What a block of a list begins with may be any program's data.
void no_mistake_in_what_looks_like_a_link() {
  auto blocks = some(48);
  for (char *block : blocks) overwrite(block, 0);
  for (size_t i = 0; i < 50; i++) {
    overwrite(blocks[i], reinterpret_cast<uintptr_t>(blocks[99 - i]));
    mm_free(blocks[i]);
  }
  for (size_t i = 50; i < 100; i++) mm_free(blocks[i]);
}

// ---- Free memory ------------------------------------------------------------

void freed_twice() {
  char *p = some(40)[50];
  mm_free(p);
  expect_free(p, kUnused);
}

void freed_twice_with_others_between() {
  auto blocks = some(40);
  for (size_t i = 20; i < 60; i++) mm_free(blocks[i]);
  expect_free(blocks[30], kUnused);
}

void freed_twice_when_its_page_is_gone() {
  auto blocks = some(400);
  for (char *block : blocks) mm_free(block);
  for (char *block : blocks) {
    expect("free", block, kUnused);
    mm_free(block);
  }
}

// One of the two at its sides is in the page, and not handed out yet.
void free_of_what_malloc_never_gave() {
  char *p = allocate(80);
  bool first = reinterpret_cast<uintptr_t>(p) % 256 == 48; // behind the head
  expect_free(first ? p + 80 : p - 80, kUnused);
}

void freed_twice_of_5000_bytes() {
  char *p = some(5000)[50];
  mm_free(p);
  expect_free(p, kUnused);
}

void freed_twice_of_20000_bytes() {
  auto blocks = some(20000);
  mm_free(blocks[50]);
  mm_free(blocks[60]);
  expect_free(blocks[50], kUnused);
}

void freed_twice_of_300000_bytes() {
  auto blocks = some(300000);
  mm_free(blocks[50]);
  expect_free(blocks[50], kUnused);
}

void freed_twice_at_the_top() {
  char *p = allocate(300000);
  mm_free(p);
  expect_free(p, kUnused);
}

void free_inside_of_free_memory() {
  auto blocks = some(300000);
  mm_free(blocks[50]);
  expect_free(blocks[50] + 256 * 5, kUnused);
}

void freed_twice_of_an_aligned_block() {
  void *p = mm_memalign(128, 100);
  some(200);
  mm_free(p);
  expect_free(p, kUnused);
}

void realloc_of_a_free_block() {
  char *p = some(40)[50];
  mm_free(p);
  expect("realloc", p, kUnused);
  mm_realloc(p, 400);
}

void size_of_a_free_block() {
  char *p = some(20000)[50];
  mm_free(p);
  expect("usable_size", p, kUnused);
  mm_usable_size(p);
}

// ---- Wrong pointers ---------------------------------------------------------

void free_inside_of_a_block() {
  expect_free(some(64)[50] + 16, kInterior);
}

void free_off_by_one() {
  expect_free(some(64)[50] + 1, kInterior);
}

void free_inside_of_an_aligned_block() {
  auto *p = static_cast<char *>(mm_memalign(128, 100));
  expect_free(p + 1, kInterior);
}

void free_inside_of_20000_bytes() {
  expect_free(some(20000)[50] + 16, kInterior);
}

// The map has the length there.
void free_one_unit_inside_of_20000_bytes() {
  expect_free(some(20000)[50] + 256, kInterior);
}

void free_seven_units_inside_of_20000_bytes() {
  expect_free(some(20000)[50] + 256 * 7, kInterior);
}

void free_of_a_local_variable() {
  int local;
  expect_free(&local, kOutside);
}

void free_of_a_static_variable() {
  expect_free(&expected, kOutside);
}

void free_below_the_heap() {
  expect_free(static_cast<char *>(mem_heap_lo()) - 16, kOutside);
}

// The allocator's own, in the heap.
void free_of_the_map() {
  allocate(1 << 20); // too much for the map that is there from the start
  void *map = nullptr;
  auto look = [](void *found, const void *p, size_t size, mm_kind kind) {
    bool is_map = kind == MM_METADATA && size > 1024;
    if (is_map) *static_cast<void **>(found) = const_cast<void *>(p);
  };
  mm_walk(look, &map);
  expect_free(map, kUnused);
}

void free_far_beyond_the_heap() {
  expect_free(static_cast<char *>(mem_heap_hi()) + (1 << 29), kOutside);
}

void realloc_of_a_wild_pointer() {
  auto *p = reinterpret_cast<void *>(uintptr_t{0xdead} << 48 | 0x10);
  expect("realloc", p, kOutside);
  mm_realloc(p, 10);
}

// ---- Links ------------------------------------------------------------------

void link_overwritten() {
  char *p = some(64)[50];
  mm_free(p);
  std::memset(p, 'x', 64);
  allocate_until_it_stops(p, 64);
}

void link_zeroed() {
  char *p = some(64)[50];
  mm_free(p);
  overwrite(p, 0);
  allocate_until_it_stops(p, 64);
}

void link_to_another_block() {
  auto blocks = some(64);
  mm_free(blocks[50]);
  overwrite(blocks[50], reinterpret_cast<uintptr_t>(blocks[20]));
  allocate_until_it_stops(blocks[50], 64);
}

void link_of_another_page() {
  auto blocks = some(64), others = some(1000);
  mm_free(others[40]);
  mm_free(others[50]);
  mm_free(blocks[50]);
  std::memcpy(blocks[50], others[50], sizeof(void *));
  allocate_until_it_stops(blocks[50], 64);
}

void link_of_20000_bytes_overwritten() {
  auto blocks = some(20000);
  mm_free(blocks[50]);
  overwrite(blocks[50], reinterpret_cast<uintptr_t>(blocks[20]));
  allocate_until_it_stops(blocks[50], 20000);
}

// The last word of a free span is its length, for who is freed behind it.
void length_of_20000_bytes_overwritten() {
  auto blocks = some(20000);
  char *p = blocks[60], *last_unit = p + 156 * 128;
  mm_free(p);
  const uint32_t wrong = 2 * 157;
  std::memcpy(last_unit + 128 - sizeof wrong, &wrong, sizeof wrong);
  expect("malloc", last_unit, kOverwritten);
  for (char *block : blocks)
    if (block == last_unit + 128) mm_free(block);
}

// ---- Threads ----------------------------------------------------------------

void freed_twice_by_another_thread() {
  char *p = some(40)[50];
  std::thread([=] {
    mm_free(p);
    expect_free(p, kUnused);
  }).join();
}

void freed_by_another_thread_and_the_owner() {
  char *p = some(40)[50];
  std::thread([=] { mm_free(p); }).join();
  expect_free(p, kUnused);
}

void freed_by_the_owner_and_another_thread() {
  char *p = some(40)[50];
  mm_free(p);
  std::thread([=] { expect_free(p, kUnused); }).join();
}

// ---- Order ------------------------------------------------------------------

// Ends as if by a mistake if neighbours are handed out one after the other.
void random_order() {
  auto blocks = some(64);
  int in_order = 0;
  for (size_t i = 1; i < blocks.size(); i++)
    in_order += blocks[i] == blocks[i - 1] + 64;
  if (in_order > 50) _exit(99);
}

// ---- The runner -------------------------------------------------------------

struct Program {
  const char *name;
  void (*run)();
};

constexpr Program kPrograms[] = {
    {"no_mistake", no_mistake},
    {"no_mistake_in_what_looks_like_a_link",
     no_mistake_in_what_looks_like_a_link},
    {"random_order", random_order},
    {"freed_twice", freed_twice},
    {"freed_twice_with_others_between", freed_twice_with_others_between},
    {"freed_twice_when_its_page_is_gone", freed_twice_when_its_page_is_gone},
    {"free_of_what_malloc_never_gave", free_of_what_malloc_never_gave},
    {"freed_twice_of_5000_bytes", freed_twice_of_5000_bytes},
    {"freed_twice_of_20000_bytes", freed_twice_of_20000_bytes},
    {"freed_twice_of_300000_bytes", freed_twice_of_300000_bytes},
    {"freed_twice_at_the_top", freed_twice_at_the_top},
    {"free_inside_of_free_memory", free_inside_of_free_memory},
    {"freed_twice_of_an_aligned_block", freed_twice_of_an_aligned_block},
    {"realloc_of_a_free_block", realloc_of_a_free_block},
    {"size_of_a_free_block", size_of_a_free_block},
    {"free_inside_of_a_block", free_inside_of_a_block},
    {"free_off_by_one", free_off_by_one},
    {"free_inside_of_an_aligned_block", free_inside_of_an_aligned_block},
    {"free_inside_of_20000_bytes", free_inside_of_20000_bytes},
    {"free_one_unit_inside_of_20000_bytes",
     free_one_unit_inside_of_20000_bytes},
    {"free_seven_units_inside_of_20000_bytes",
     free_seven_units_inside_of_20000_bytes},
    {"free_of_a_local_variable", free_of_a_local_variable},
    {"free_of_a_static_variable", free_of_a_static_variable},
    {"free_below_the_heap", free_below_the_heap},
    {"free_of_the_map", free_of_the_map},
    {"free_far_beyond_the_heap", free_far_beyond_the_heap},
    {"realloc_of_a_wild_pointer", realloc_of_a_wild_pointer},
    {"link_overwritten", link_overwritten},
    {"link_zeroed", link_zeroed},
    {"link_to_another_block", link_to_another_block},
    {"link_of_another_page", link_of_another_page},
    {"link_of_20000_bytes_overwritten", link_of_20000_bytes_overwritten},
    {"length_of_20000_bytes_overwritten", length_of_20000_bytes_overwritten},
    {"freed_twice_by_another_thread", freed_twice_by_another_thread},
    {"freed_by_another_thread_and_the_owner",
     freed_by_another_thread_and_the_owner},
    {"freed_by_the_owner_and_another_thread",
     freed_by_the_owner_and_another_thread},
};

std::string text_of(FILE *file) {
  char text[1000];
  std::rewind(file);
  return std::string(text, std::fread(text, 1, sizeof text, file));
}

[[noreturn]] void run_child(const Program &program, FILE *errors) {
  rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  dup2(fileno(errors), STDERR_FILENO);
  if (mm_init() < 0) _exit(98);
  program.run();
  _exit(mm_checkheap(__LINE__) ? 0 : 97);
}

void run(const Program &program) {
  FILE *errors = std::tmpfile();
  expected[0] = '\0';
  std::fflush(stdout);
  pid_t child = fork();
  if (child == 0) run_child(program, errors);
  int status = -1;
  waitpid(child, &status, 0);
  std::string got = text_of(errors);
  std::fclose(errors);
  bool ended = expected[0] ? WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT
                           : WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (ended && got == expected) {
    std::printf("ok secure: %s\n", program.name);
    return;
  }
  std::printf("FAIL secure: %s\n    expected: %s\n    got:      %s\n"
              "    status:   %d\n",
              program.name, expected, got.c_str(), status);
}

} // namespace

int main() {
  expected = static_cast<char *>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE,
                                      MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  mem_init();
  for (const Program &program : kPrograms) run(program);
}
