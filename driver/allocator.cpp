#include "allocator.hpp"

#include "memlib.h"
#include "text.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <link.h>
#include <malloc.h>
#include <unistd.h>

// The linked allocator. All but the first three may be absent; a submission
// without mm_realloc gets the substitute below.
extern "C" {
int mm_init(void);
void *mm_malloc(size_t);
void mm_free(void *);
#define WEAK __attribute__((weak))
WEAK void *mm_realloc(void *, size_t);
WEAK void *mm_calloc(size_t, size_t);
WEAK void *mm_memalign(size_t, size_t);
WEAK size_t mm_usable_size(void *);
WEAK int mm_checkheap(int);
WEAK void mm_walk(mm_visit *, void *);
WEAK const char *mm_name(void);
WEAK int mm_thread_safe(void);
WEAK extern const unsigned mm_abi;
WEAK extern const unsigned long mm_static_data;
WEAK extern team_t team;
}

namespace driver {
namespace {

// What the substitutes call: the allocator that was started last.
Functions current;

// A block's old size is not known here, so this copies as much as the new
// block takes: the bytes behind the old payload are the heap's (maybe the new
// block's), harmless to read, and the program never looks at them.
void *substitute_realloc(void *old, size_t size) {
  if (old == nullptr) return current.malloc(size);
  if (size == 0) {
    current.free(old);
    return nullptr;
  }
  void *fresh = current.malloc(size);
  if (fresh == nullptr) return nullptr;
  char *from = static_cast<char *>(old);
  char *brk = static_cast<char *>(mem_heap_lo()) + mem_heapsize();
  size_t readable = from < brk ? static_cast<size_t>(brk - from) : 0;
  std::memmove(fresh, old, size < readable ? size : readable);
  current.free(old);
  return fresh;
}

void *substitute_calloc(size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    errno = ENOMEM;
    return nullptr;
  }
  void *fresh = current.malloc(bytes);
  return fresh ? std::memset(fresh, 0, bytes) : nullptr;
}

// Without the alignment: who has no memalign is not checked for it either.
void *substitute_memalign(size_t, size_t size) {
  return current.malloc(size);
}

std::string said_name(const char *(*name)(), const std::string &what) {
  const char *said = name ? name() : nullptr;
  return said ? said : default_name(what);
}

Allocator linked() {
  Allocator a;
  a.name = said_name(mm_name, "");
  a.thread_safe = mm_thread_safe && mm_thread_safe();
  if (&mm_abi) a.abi = mm_abi;
  a.static_data = &mm_static_data ? mm_static_data : 0;
  a.team = &team ? &team : nullptr;
  a.init_symbol = reinterpret_cast<void *>(mm_init);
  a.checkheap_symbol = reinterpret_cast<void *>(mm_checkheap);
  a.fn = {mm_malloc,   mm_free,        mm_realloc, mm_calloc,
          mm_memalign, mm_usable_size, mm_walk};
  return a;
}

Allocator libc(bool trims) {
  Allocator a;
  a.name = trims ? "libc" : "libc-notrim";
  a.simulated = false;
  a.thread_safe = true;
  a.fn = {std::malloc, std::free,          std::realloc, std::calloc,
          ::memalign,  malloc_usable_size, nullptr};
  if (!trims) {
    // 32 MiB is as far as glibc's own adaptive threshold for mmap goes.
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, INT32_MAX);
    mallopt(M_TOP_PAD, 64 << 20);
  }
  return a;
}

// Does nothing: what is left when it is timed is the replay's own cost.
Allocator nothing() {
  static char block[64];
  Allocator a;
  a.name = "nothing";
  a.simulated = false;
  a.thread_safe = true;
  a.fn.malloc = [](size_t) -> void * { return block; };
  a.fn.free = [](void *) {};
  a.fn.realloc = [](void *, size_t) -> void * { return block; };
  a.fn.calloc = a.fn.memalign = [](size_t, size_t) -> void * { return block; };
  return a;
}

// A loaded file and the symbols that are its own: dlsym would also find those
// of the libraries it depends on, and glibc's malloc is always among them.
class Library {
public:
  explicit Library(const std::string &file) {
    // A name without a slash would be searched for in the system's folders.
    std::string path = file.find('/') == file.npos ? "./" + file : file;
    handle_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle_)
      throw InputError(
          format("%s: cannot load it: %s; `make plug SRC=path/mm.c "
                 "NAME=alice` builds a .so from a source",
                 file.c_str(), dlerror()));
    dlinfo(handle_, RTLD_DI_LINKMAP, &map_);
  }

  template <class T> void find(const char *symbol, T &target) const {
    target = reinterpret_cast<T>(find_own(symbol));
  }

  void *find_own(const char *symbol) const {
    void *address = dlsym(handle_, symbol);
    Dl_info info;
    void *owner = nullptr;
    if (!address || !dladdr1(address, &info, &owner, RTLD_DL_LINKMAP))
      return nullptr;
    return owner == map_ ? address : nullptr;
  }

private:
  void *handle_ = nullptr;
  struct link_map *map_ = nullptr;
};

Allocator mm_plug_in(const Library &lib, const std::string &file) {
  Allocator a;
  const char *(*name)() = nullptr;
  int (*thread_safe)() = nullptr;
  const unsigned *abi = nullptr;
  const unsigned long *static_data = nullptr;
  lib.find("mm_name", name);
  lib.find("mm_thread_safe", thread_safe);
  lib.find("mm_abi", abi);
  lib.find("mm_static_data", static_data);
  lib.find("team", a.team);
  a.name = said_name(name, file);
  a.thread_safe = thread_safe && thread_safe();
  if (abi) a.abi = *abi;
  a.static_data = static_data ? *static_data : 0;
  a.init_symbol = lib.find_own("mm_init");
  a.checkheap_symbol = lib.find_own("mm_checkheap");
  lib.find("mm_malloc", a.fn.malloc);
  lib.find("mm_free", a.fn.free);
  lib.find("mm_realloc", a.fn.realloc);
  lib.find("mm_calloc", a.fn.calloc);
  lib.find("mm_memalign", a.fn.memalign);
  lib.find("mm_usable_size", a.fn.usable_size);
  lib.find("mm_walk", a.fn.walk);
  const char *missing = !a.init_symbol ? "mm_init"
                        : !a.fn.malloc ? "mm_malloc"
                        : !a.fn.free   ? "mm_free"
                                       : nullptr;
  if (missing)
    throw InputError(format("%s: it exports mm_malloc, mm_free or mm_init, "
                            "but not all three: there is no %s in the source "
                            "(or it is static, or has another name)",
                            file.c_str(), missing));
  return a;
}

Allocator system_plug_in(const Library &lib, const std::string &file) {
  Allocator a;
  a.name = default_name(file);
  a.simulated = false;
  a.thread_safe = true;
  lib.find("malloc", a.fn.malloc);
  lib.find("free", a.fn.free);
  lib.find("realloc", a.fn.realloc);
  lib.find("calloc", a.fn.calloc);
  lib.find("memalign", a.fn.memalign);
  lib.find("malloc_usable_size", a.fn.usable_size);
  if (!a.fn.malloc || !a.fn.free || !a.fn.realloc)
    throw InputError(format("%s: it exports neither mm_init, mm_malloc and "
                            "mm_free nor malloc, free and realloc, so it is "
                            "no allocator",
                            file.c_str()));
  return a;
}

Allocator plug_in(const std::string &file) {
  if (access(file.c_str(), R_OK) != 0)
    throw InputError(format("%s: %s; give a .so file (`make plug "
                            "SRC=path/mm.c NAME=alice` builds one), or libc",
                            file.c_str(), std::strerror(errno)));
  Library lib(file);
  bool mm = lib.find_own("mm_malloc") || lib.find_own("mm_init") ||
            lib.find_own("mm_free");
  return mm ? mm_plug_in(lib, file) : system_plug_in(lib, file);
}

} // namespace

void fill_in_substitutes(Allocator &a) {
  a.aligns = a.fn.memalign != nullptr;
  if (!a.fn.realloc) a.fn.realloc = substitute_realloc;
  if (!a.fn.calloc) a.fn.calloc = substitute_calloc;
  if (!a.fn.memalign) a.fn.memalign = substitute_memalign;
}

Allocator load_allocator(const std::string &what) {
  Allocator a = what.empty()            ? linked()
                : what == "libc"        ? libc(true)
                : what == "libc-notrim" ? libc(false)
                : what == "nothing"     ? nothing()
                                        : plug_in(what);
  fill_in_substitutes(a);
  return a;
}

// "build/alloc/alice.so" -> "alice", "/usr/lib/libjemalloc.so.2" ->
// "libjemalloc"
std::string default_name(const std::string &what) {
  if (what.empty()) return "mm";
  std::string name = base_name(what);
  return name.substr(0, name.find(".so"));
}

bool lacks_static_tls(const std::string &error) {
  return error.find("static TLS") != error.npos;
}

bool Allocator::start(bool zeroed_heap) const {
  current = fn;
  if (!simulated) return true;
  if (zeroed_heap)
    mem_reset_brk_zeroed();
  else
    mem_reset_brk();
  if (abi & kBoolInit) return reinterpret_cast<bool (*)()>(init_symbol)();
  return reinterpret_cast<int (*)()>(init_symbol)() >= 0;
}

bool Allocator::check_heap(int line) const {
  if (!checkheap_symbol) return true;
  if (abi & kVoidChecker) {
    reinterpret_cast<void (*)(int)>(checkheap_symbol)(line);
    return true;
  }
  if (abi & kBoolChecker)
    return reinterpret_cast<unsigned char (*)(int)>(checkheap_symbol)(line);
  return reinterpret_cast<int (*)(int)>(checkheap_symbol)(line) != 0;
}

} // namespace driver
