// allocator.hpp - what can be asked to allocate: the linked mm.c, a plug-in
// that exports mm_*, a system allocator that exports malloc, glibc itself.
#pragma once

#include <cstddef>
#include <string>

#include "mm.h"

namespace driver {

// The functions that a replay calls. Those that an allocator may leave out
// are filled in with substitutes made of the others; checkheap, usable_size
// and walk have none and may be null.
struct Functions {
  void *(*malloc)(size_t);
  void (*free)(void *);
  void *(*realloc)(void *, size_t);
  void *(*calloc)(size_t, size_t);
  void *(*memalign)(size_t, size_t);
  size_t (*usable_size)(void *);
  void (*walk)(mm_visit *, void *);
};

// How a submission was compiled to meet the contract; the build puts the
// number into each allocator as `mm_abi` (driver/abi.c).
enum AbiFlags : unsigned {
  kBoolInit = 1,    // mm_init returns bool, true is success
  kVoidChecker = 2, // mm_checkheap returns nothing ...
  kBoolChecker = 4, // ... or bool, which comes back in one byte
};

struct Allocator {
  std::string name;
  bool simulated = true; // lives in memlib's heap, has mm_init
  bool aligns = true;    // has a memalign of its own
  bool thread_safe = false;
  size_t static_data = 0; // bytes beside the heap; 0 where not known
  const team_t *team = nullptr;
  // Where it does not say: only the low byte of mm_checkheap's result counts.
  unsigned abi = kBoolChecker;
  Functions fn{};
  void *init_symbol = nullptr, *checkheap_symbol = nullptr;

  // Empties the simulated heap and initializes the allocator on it. False: it
  // said that it failed. Nothing to do for a system allocator.
  bool start(bool zeroed_heap) const;

  // Runs the allocator's own checker; true where it has none.
  bool check_heap(int line) const;
};

// Gives an allocator what it lacks of realloc, calloc and memalign; they use
// the allocator that was started last.
void fill_in_substitutes(Allocator &a);

// What to load: "" (the linked one), "libc", "libc-notrim" (glibc kept from
// giving memory back), "nothing" (for the cost of the replay), or a file.
// Throws InputError. One allocator at a time is in use in a process: the one
// that was started last.
Allocator load_allocator(const std::string &what);

// The name under which an allocator appears if it does not say its own.
std::string default_name(const std::string &what);

// Whether load_allocator failed only because there was too little static TLS
// space, which glibc sets aside at the start of a process (GLIBC_TUNABLES).
bool lacks_static_tls(const std::string &error);

} // namespace driver
