// replay.hpp - the one loop over a trace's operations, and the one place that
// calls an allocator on behalf of a trace.
//
// What a replay is for plugs in as an observer, known at compile time so that
// an empty one costs nothing:
//
//   bool before(size_t i, const Op &op, void *old)
//   bool after(size_t i, const Op &op, void *old, void *result)
//
// These are called around operation i. `old` is the block that is freed or
// reallocated (else NULL), `result` the allocator's answer. Each ends the
// replay by returning false. An observer may also have
//
//   void **slot(const Op &op)
//
// which says where the block's address is kept, in place of slots[op.slot]. It
// may wait until it is this operation's turn; NULL ends the replay.
#pragma once

#include "allocator.hpp"
#include "trace.hpp"

#include <span>

namespace driver {

// The operations that are not malloc or free, through `fn`.
inline void *replay_rare(const Trace &trace, const Op &op, const Functions &fn,
                         void **slot, void *old) {
  void *result = nullptr;
  switch (op.kind) {
  case OpKind::Realloc:
    result = fn.realloc(old, op.size);
    // A realloc that fails leaves the old block alone.
    *slot = result || op.size == 0 ? result : old;
    return result;
  case OpKind::ReallocNull:
    result = fn.realloc(nullptr, op.size);
    break;
  case OpKind::Calloc: {
    const CallocArgs &args = trace.calloc_args[op.size];
    result = fn.calloc(args.count, args.size);
    break;
  }
  case OpKind::Memalign:
    result = fn.memalign(size_t{1} << op.align_log2, op.size);
    break;
  case OpKind::Malloc:
  case OpKind::Free:
    break;
  }
  *slot = result;
  return result;
}

// Does the operations in `ops` (of `trace`) through `fn`. `slots` has
// trace.slots entries, of which slots[kNullSlot] is NULL; afterwards the
// slots of trace.live_at_end hold the blocks that nobody freed.
//
// Malloc and free are two branches that are well predicted; all else comes
// after them. A jump table here would cost as much as a fast allocator.
template <class Observer>
inline bool replay(const Trace &trace, std::span<const Op> ops,
                   const Functions &fn, void **slots, Observer &observer) {
  const Op *const begin = ops.data(), *const end = begin + ops.size();
  for (const Op *op = begin; op != end; op++) {
    size_t i = static_cast<size_t>(op - begin);
    void **slot;
    if constexpr (requires { observer.slot(*op); }) {
      slot = observer.slot(*op);
      if (slot == nullptr) return false;
    } else {
      slot = &slots[op->slot];
    }
    void *old = nullptr, *result = nullptr;
    if (op->kind == OpKind::Free) {
      old = *slot;
      if (!observer.before(i, *op, old)) return false;
      fn.free(old);
    } else if (op->kind == OpKind::Malloc) {
      if (!observer.before(i, *op, old)) return false;
      *slot = result = fn.malloc(op->size);
    } else {
      if (op->kind == OpKind::Realloc) old = *slot;
      if (!observer.before(i, *op, old)) return false;
      result = replay_rare(trace, *op, fn, slot, old);
    }
    if (!observer.after(i, *op, old, result)) return false;
  }
  return true;
}

} // namespace driver
