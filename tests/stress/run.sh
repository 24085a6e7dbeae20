#!/bin/sh
# stress/run.sh - random operations on the allocators, with both alignments;
# `make test STRESS=20` takes 20 times as long. The seed is new each time: a
# failure prints the command that repeats it.
group=stress
. tests/lib.sh

: "${STRESS:=1}"
ops=$((1000000 * STRESS))
[ -z "$SANITIZED" ] || ops=$((ops / 10))

# A crash tells nothing by itself.
run_one() { # PROGRAM
  "$T/stress/$1" '' $ops
  status=$?
  if [ $status -gt 1 ]; then
    echo "FAIL stress: $1 ended with status $status"
    echo "    see it again with the seed above"
  fi
}

for allocator in mm mm_chaos mm_chaos_paper; do
  for alignment in 16 8; do
    run_one ${allocator}_$alignment > "$work/$allocator.$alignment" 2>&1 &
  done
  wait
done
for allocator in mm mm_chaos mm_chaos_paper; do
  run_one ${allocator}_threads > "$work/$allocator.threads" 2>&1
done
cat "$work"/*.*

# The one allocator that nothing else runs on whole traces.
begin shipped_traces_mm_chaos_paper
for traces in traces traces/threaded; do
  mdrive -A "$B/alloc/mm_chaos_paper.so" -t $traces --reference none \
    --rounds 1
  want_equal "exit status with $traces" 0 "$status"
done
finish
