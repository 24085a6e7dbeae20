// link.hpp - the links of the lists of free blocks, and how the hardened build
// encodes them. A part of mm_chaos.cpp.
//
// A link lies in memory that the program had and may still write: a program
// that overwrites it tells malloc where the next object shall be. So the
// hardened build (CHAOS_SECURE=1) stores links mixed with a key. Each page and
// each heap has a key for its lists, made of its address and a secret of the
// process. What is written there without the key decodes to an address that is
// nowhere near, and the call that takes the block from its list stops the
// program (chaos/secure.hpp). In other builds a link is just a pointer.
#ifndef CHAOS_LINK_HPP
#define CHAOS_LINK_HPP

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <unistd.h>

#ifndef CHAOS_SECURE
#define CHAOS_SECURE 0
#endif

namespace chaos {
namespace {

constexpr bool kSecure = CHAOS_SECURE;

struct Block {
  Block *next; // may be encoded: use block_next and block_set_next
};

struct Secret {
  uint64_t key;
  std::atomic<uint64_t> drawn; // random numbers
};
constinit Secret secret{};

// splitmix64's last step: each bit of the result depends on each of x.
inline uint64_t mixed(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// Only once in a process: mm_init may come again, while other threads still
// have lists with the old keys. Where the system has no random bytes to give,
// an address that it chose and the time are better than nothing.
inline void secret_make() {
  if (secret.key) return;
  if (getentropy(&secret.key, sizeof secret.key) != 0)
    secret.key = mixed(reinterpret_cast<uintptr_t>(&secret)) ^
                 mixed(static_cast<uint64_t>(std::time(nullptr)));
  secret.key |= 1;
}

inline uint64_t random_number() {
  return mixed(secret.key + secret.drawn.fetch_add(0x9e3779b97f4a7c15,
                                                   std::memory_order_relaxed));
}

// The key of the lists of `holder`, a page or a heap. One multiplication
// spreads the secret over the upper bits, which are zero in a pointer.
inline uint64_t link_key(const void *holder) {
  uint64_t key =
      (reinterpret_cast<uintptr_t>(holder) ^ secret.key) * 0x9e3779b97f4a7c15;
  return key ^ key >> 32;
}

// Rotated by as much as the key says, and then the key is added: so that the
// end of a list, nullptr, does not show the key itself.
inline uint64_t link_encode(uint64_t key, uint64_t link) {
  link ^= key;
  uint64_t turn = key & 63;
  return (link << turn | link >> (-turn & 63)) + key;
}

inline uint64_t link_decode(uint64_t key, uint64_t link) {
  link -= key;
  uint64_t turn = key & 63;
  return (link >> turn | link << (-turn & 63)) ^ key;
}

inline Block *block_next(const void *holder, const Block *block) {
  if constexpr (!kSecure) return block->next;
  uint64_t stored = reinterpret_cast<uintptr_t>(block->next);
  return reinterpret_cast<Block *>(link_decode(link_key(holder), stored));
}

inline void block_set_next(const void *holder, Block *block, Block *next) {
  if constexpr (kSecure)
    next = reinterpret_cast<Block *>(
        link_encode(link_key(holder), reinterpret_cast<uintptr_t>(next)));
  block->next = next;
}

// One line to stderr, by no function that may allocate; and the end.
[[noreturn, gnu::cold, gnu::noinline, maybe_unused]] void
stop(const char *call, const void *p, const char *why) {
  char line[128];
  int length =
      std::snprintf(line, sizeof line, "mm_chaos: %s(%p): %s\n", call, p, why);
  if (write(STDERR_FILENO, line, static_cast<size_t>(length)) < 0) std::abort();
  std::abort();
}

} // namespace
} // namespace chaos
#endif
