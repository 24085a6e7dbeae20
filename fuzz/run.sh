#!/bin/sh
# fuzz/run.sh - a group of `make test`: runs once more what fuzzers have found
# worth keeping (fuzz/corpus), and what was written by hand or broke something
# once (fuzz/seeds).
group=fuzz
. tests/lib.sh

replay() { # PROGRAM CORPUS
  begin "$1"
  find fuzz/corpus/"$2" fuzz/seeds/"$2" -type f 2> /dev/null | sort \
    > "$work/inputs"
  xargs "$T/fuzz/$1" < "$work/inputs" > "$work/out" 2> "$work/err"
  status=$?
  [ $status = 0 ] || problem "status $status; the last input, and what was said:
$(tail -n 4 "$work/err")"
  want_equal 'inputs run' "$(wc -l < "$work/inputs")" "$(cat "$work/out")"
  [ -s "$work/inputs" ] || problem 'there are none'
  finish
}

replay mm_16 alloc
replay mm_8 alloc
replay mm_chaos_16 alloc
replay mm_chaos_8 alloc
replay mm_chaos_paper_16 alloc
replay mm_chaos_paper_8 alloc
replay trace trace
