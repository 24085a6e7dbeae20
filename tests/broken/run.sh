#!/bin/sh
# broken/run.sh - heap checkers: they say yes after every operation on the short
# traces, and mm.c's says no to a heap that is broken in any one place.
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

for alignment in 16 8; do
  "$T/broken/mm_$alignment"
  status=$?
  [ $status -le 1 ] || echo "FAIL broken: mm_$alignment ended with $status"
done
