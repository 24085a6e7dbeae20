#!/bin/sh
# broken/run.sh - heap checkers: they say yes after every operation on the short
# traces, and say no to a heap that is broken in any one place.
group=broken
. tests/lib.sh

for program in mdriver mdriver-chaos; do
  begin "every_operation_of_the_short_traces_$program"
  mdriver=$OUT/$program
  mdrive -D -t traces/short --reference none --rounds 1
  want_equal 'exit status' 0 "$status"
  want_no_match 'what it says' 'mm_checkheap|broken' "$out$err"
  finish
done

for heap in mm_16 mm_8 chaos_16 chaos_8 secure_16; do
  "$T/broken/$heap"
  status=$?
  [ $status -le 1 ] || echo "FAIL broken: $heap ended with $status"
done
