#!/bin/sh
# misuse/run.sh - what the driver cannot make sense of, it refuses: exit status
# 2, one clear message on stderr, nothing on stdout, no operation executed.
group=misuse
. tests/lib.sh

so=$T/misuse
good=tests/traces/plain.rep
SPY_MARK=$work/mark
export SPY_MARK

# refuse NAME REGEX ARGS..: the allocator is a spy; the message must match.
refuse() {
  begin "$1"
  regex=$2
  shift 2
  rm -f "$SPY_MARK"
  mdrive --allocator "$so/spy.so" "$@"
  want_equal 'exit status' 2 "$status"
  want_equal 'stdout' '' "$out"
  want_match 'stderr' "$regex" "$err"
  want_equal 'messages' 1 "$(grep -ac '^mdriver: ' "$work/err")"
  [ ! -e "$SPY_MARK" ] || problem 'an operation was executed'
  finish
}

# The spy itself works, or this group would prove nothing.
begin the_spy_is_an_allocator
mdrive --allocator "$so/spy.so" -c $good
want_equal 'exit status' 0 "$status"
[ -e "$SPY_MARK" ] || problem 'it leaves no mark'
finish

# ---- Flags ------------------------------------------------------------------

refuse unknown_flag '^mdriver: unknown flag -Z in .-Z. \(--help' -Z
refuse unknown_long_flag '^mdriver: unknown flag --nope \(--help' --nope
refuse unknown_flag_at_the_end 'unknown flag -Z' -f $good -v -Z
refuse stray_argument "'x\.rep' is no flag; traces are given with -f" x.rep
refuse missing_value '^mdriver: -f needs a value behind it' -v -f
refuse missing_long_value '^mdriver: --json needs a value behind it' --json
refuse flag_as_a_value "^mdriver: --json needs a value .* '-v' is a flag" \
  -f $good --json -v
refuse one_file_for_two '^mdriver: --json and --csv need a file each' \
  -f $good --json "$work/two" --csv "$work/two"
refuse one_file_by_two_names '^mdriver: --json and --csv need a file each' \
  -f $good --json "$work/two" --csv "$work/./../$(basename "$work")/two"
cp $good "$work/kept.rep"
refuse trace_as_results "^mdriver: --json .*kept\.rep: that is a trace of" \
  -f "$work/kept.rep" --json "$work/../$(basename "$work")/kept.rep"
refuse stop_without_a_debugger '^mdriver: --stop-at is for debuggers' \
  -f $good --stop-at 3
refuse stop_behind_the_end '^mdriver: --stop-at 23: no trace here has so many' \
  -f $good --no-fork --stop-at 23
refuse no_number "^mdriver: -s takes a number, not 'x'" -f $good -s x
refuse negative_number '^mdriver: -s takes a number' -f $good -s -5
refuse absurd_rounds '^mdriver: --rounds takes a whole number up to' \
  -f $good --rounds 1e9
refuse absurd_heap '^mdriver: cannot reserve a heap of .*--max-heap' \
  -f $good --max-heap 4000000T
refuse no_heap '^mdriver: --max-heap takes at least' -f $good --max-heap 0
refuse no_memory '^mdriver: --memory-limit takes at least 1\.0M' \
  -f $good --memory-limit 100
refuse crooked_heap_base '^mdriver: --heap-base takes a multiple of' \
  -f $good --heap-base 0x10000001
# A sanitizer ends the process where it does not like an address.
[ -n "$SANITIZED" ] ||
  refuse absurd_heap_base '^mdriver: cannot reserve a heap .* at --heap-base' \
    -f $good --heap-base 0x3ffffffffffff000
refuse no_threads '^mdriver: --threads takes a whole number from 1 to 256' \
  -f $good --threads 0
refuse too_many_threads "^mdriver: --threads takes .* to 256, not '257'" \
  -f $good --threads 257
refuse handoff_to_nobody '^mdriver: --handoff needs --threads N' \
  -f $good --handoff
refuse odd_alignment '^mdriver: --alignment takes a power of two' \
  -f $good --alignment 12

# ---- Trace files ------------------------------------------------------------

refuse missing_trace \
  '^mdriver: no/such\.rep: cannot read the trace: No such file.*; give' \
  -f no/such.rep
refuse directory_as_trace '^mdriver: tests: cannot read the trace: Is a dir' \
  -f tests
refuse device_as_trace '^mdriver: /dev/zero: cannot read the trace: ' \
  -f /dev/zero
refuse missing_trace_folder '^mdriver: -t no/such/: cannot read that folder' \
  -t no/such
refuse folder_without_traces '^mdriver: -t docs/: there is no \.rep file' \
  -t docs
refuse check_of_a_missing_trace '^mdriver: no/such\.rep: cannot read' \
  -c no/such.rep

# A folder, as root may read every file.
if [ "$(id -u)" = 0 ]; then
  name=unreadable_trace
  skip 'root can read everything'
else
  cp $good "$work/secret.rep"
  chmod 000 "$work/secret.rep"
  refuse unreadable_trace 'secret\.rep: cannot read the trace: Permission' \
    -f "$work/secret.rep"
fi

# bad_trace NAME REGEX CONTENT: as printf's format; the regex follows the name
# of the file. Good traces before and after it must not be started.
bad_trace() {
  # shellcheck disable=SC2059
  printf "$3" > "$work/$1.rep"
  refuse "$1" "^mdriver: $work/$1\.rep:$2" \
    -f $good -f "$work/$1.rep" -f $good
}

bad_trace empty_file '1:1: the file ends where its header should have a wei' ''
bad_trace blank_file '3:1: the file ends where its header should' '\n\n'
bad_trace half_a_header '3:1: the file ends where .* of operations' '1\n2\n'
bad_trace no_header '1:1: expected a weight \(0 to 3\) or a heap size' \
  'a 0 8\nf 0\n'
bad_trace no_operation '.* the trace has no operation' '1\n0\n0\n0\n'
bad_trace binary_file '.* expected a weight' '\177ELF\002\001\001\000\000\003'
bad_trace binary_operations '5:1: an operation is a letter' \
  '1\n1\n1\n0\n\377\376\000\001\n'
bad_trace no_character_as_operation '5:1: an operation is a letter' \
  '1\n1\n1\n0\n\000 0 16 8\n'
bad_trace unknown_operation '6:1: an operation is a letter and a blank' \
  '1\n1\n1\n0\na 0 8\nx 0\n'
bad_trace missing_id '5:2: expected an id here' '1\n1\n1\n0\na\n'
bad_trace missing_first_size '5:4: expected a size here' '1\n1\n1\n0\na 0\n'
bad_trace size_of_letters "5:6: 'k' is not part of a size" \
  '1\n1\n1\n0\na 0 8k\n'
bad_trace negative_size '5:5: expected a size' '1\n1\n1\n0\na 0 -8\n'
bad_trace negative_id '5:3: an id is not negative' '1\n1\n1\n0\na -3 8\n'
bad_trace too_many_digits '5:5: a size in bytes does not fit in 64 bits' \
  '1\n1\n1\n0\na 0 99999999999999999999\n'
bad_trace too_much_on_a_line '5:7: nothing may follow an operation' \
  '1\n1\n1\n0\na 0 8 8\n'
bad_trace freed_twice '7:3: frees id 0, which was freed before' \
  '1\n1\n1\n0\na 0 8\nf 0\nf 0\n'
bad_trace freed_but_never_allocated '6:3: frees id 5, which was never alloc' \
  '1\n1\n1\n0\na 0 8\nf 5\n'
bad_trace reallocated_after_free '7:3: reallocates id 0, which was freed' \
  '1\n1\n1\n0\na 0 8\nf 0\nr 0 9\n'
bad_trace odd_alignment_in_trace '5:5: an alignment is a power of two' \
  '1\n1\n1\n0\nm 0 24 8\n'
bad_trace unfinished_calloc '5:6: expected a size' '1\n1\n1\n0\nc 0 4\n'
bad_trace no_thread_number "5:1: expected a thread number behind '@'" \
  '1\n1\n1\n0\n@ a 0 8\n'
bad_trace large_thread_number '5:2: a thread number is at most 255' \
  '1\n1\n1\n0\n@999 a 0 8\n'

begin caret_under_the_column
mdrive -f "$work/freed_twice.rep"
want_match 'the line' '^    f 0$' "$err"
want_match 'the caret' '^      \^$' "$err"
finish

# ---- Allocators -------------------------------------------------------------

refuse missing_library '^mdriver: -A no/such\.so: No such file.*; give a \.so' \
  -f $good -A no/such.so
refuse library_without_a_value '^mdriver: --allocator needs a value' \
  -f $good --allocator
refuse no_library '^mdriver: -A tests/run\.sh: cannot load it: ' \
  -f $good -A tests/run.sh
refuse source_as_library \
  '^mdriver: --allocator mm\.c: cannot load it: .*; `make plug SRC=' \
  -f $good --allocator mm.c
refuse mark_without_speed '^mdriver: -A without a file asks for a mark' \
  -c $good -A
# A message ends with what to do, behind two long paths too.
long=$work/$(printf '%0200d' 1)/$(printf '%0200d' 2)
mkdir -p "$long"
cp mm.c tests/traces/bait.rep "$long"
refuse library_with_a_long_path '; `make plug SRC=.*builds a \.so from a sour' \
  -f $good -A "$long/mm.c"
begin fault_with_a_long_path
mdrive -f "$long/bait.rep" --rounds 1 \
  --allocator "$T/liars/lies_when_unwatched.so"
want_match 'stdout' ' of payload were live: it hands out memory twice$' "$out"
finish
refuse directory_as_library '^mdriver: -A tests: cannot load it: ' \
  -f $good -A tests
refuse no_allocator '^mdriver: -A .*no_allocator\.so: it exports neither' \
  -f $good -A "$so/no_allocator.so"
refuse lacks_free \
  '^mdriver: -A .*it exports mm_malloc, mm_free or mm_init, .* no mm_free in' \
  -f $good -A "$so/lacks_free.so"
refuse lacks_symbol '^mdriver: -A .*cannot load it: .*somebody_elses_malloc' \
  -f $good -A "$so/lacks_symbol.so"
refuse crashes_on_load \
  '^mdriver: -A .*: killed by SIGABRT \(.*\) while it was loaded' \
  -f $good -A "$so/crashes_on_load.so"
refuse exits_on_load '^mdriver: -A .*: ended its process .* while it was load' \
  -f $good -A "$so/exits_on_load.so"
refuse loops_on_load '^mdriver: -A .*: has not returned .* while it was' \
  -f $good -s .3 -A "$so/loops_on_load.so"
refuse crashes_in_name '^mdriver: -A .*: killed by SIGSEGV .* while it was lo' \
  -f $good -A "$so/crashes_in_name.so"
refuse missing_reference '^mdriver: --reference no/such\.so: No such file' \
  -f $good --reference no/such.so
refuse reference_that_is_none '^mdriver: --reference .*it exports neither' \
  -f $good --reference "$so/no_allocator.so"

# ---- Files to write ---------------------------------------------------------

for flag in --json --csv; do
  kind=$(echo $flag | tr -d -)
  refuse "${kind}_into_no_folder" \
    "^mdriver: $flag no/such/x: cannot write it: No such file" \
    -f $good $flag no/such/x
  refuse "${kind}_over_a_folder" "^mdriver: $flag tests: cannot write it: Is" \
    -f $good $flag tests
done

begin refused_input_leaves_old_results_alone
echo old > "$work/old.json"
mdrive -f no/such.rep --json "$work/old.json"
want_equal 'exit status' 2 "$status"
want_equal 'the file' old "$(cat "$work/old.json")"
finish

# Only the end of a run can find this one.
begin disk_is_full
mdrive -c $good --json /dev/full
want_equal 'exit status' 2 "$status"
want_match 'stderr' '^mdriver: --json /dev/full: cannot write it: No space' \
  "$err"
finish

begin stdout_is_full
"$mdriver" -f $good --rounds 1 > /dev/full 2> "$work/err"
want_equal 'exit status' 2 $?
want_match 'stderr' '^mdriver: cannot write all results to stdout' \
  "$(cat "$work/err")"
"$mdriver" --help > /dev/full 2> "$work/err"
want_equal 'exit status of --help' 2 $?
finish

# What is opened next would stand in the place of what is closed.
begin closed_standard_files
"$mdriver" -f $good --rounds 1 <&- > "$work/out" 2>&-
want_equal 'exit status without stdin and stderr' 0 $?
want_match 'stdout' '^Perf index = ' "$(cat "$work/out")"
"$mdriver" -f $good --rounds 1 --json "$work/closed.json" >&- 2> "$work/err"
want_equal 'exit status without stdout' 2 $?
want_equal 'stderr' 'mdriver: cannot write all results to stdout: is the disk'\
' full, or was it closed?' "$(cat "$work/err")"
want_equal 'the JSON' true \
  "$(json "$work/closed.json" allocators.0.traces.0.valid)"
finish

refuse results_without_a_name '^mdriver: --json -: name a file; /dev/stdout' \
  -f $good --json -

# A file may not grow beyond `ulimit -f`, by default at the cost of one's life.
begin file_size_limit
(ulimit -f 0; "$mdriver" -f $good --rounds 1 --json "$work/size.json" 2>&1
  echo "status $?"
  "$mdriver" -c tests/traces/bait.rep --allocator "$T/liars/prints.so" 2>&1
  echo "status $?"
  "$mdriver" -c $good 2>&1 > "$work/size.out"
  echo "status $?") | cat > "$work/out"
want_equal 'the statuses' 'status 2 status 0 status 2' \
  "$(grep '^status' "$work/out" | xargs)"
want_match 'of the JSON' '^mdriver: --json .*: cannot write it: File too lar' \
  "$(cat "$work/out")"
want_match 'of stdout' '^mdriver: cannot write all results to stdout' \
  "$(cat "$work/out")"
finish

begin too_few_descriptors
[ -n "$SANITIZED" ] || {
  (ulimit -n 6; exec "$mdriver" -f $good --rounds 1) 2> "$work/err"
  want_equal 'exit status' 2 $?
  want_match 'stderr' '^mdriver: .*: Too many open files; raise `ulimit -n`$' \
    "$(cat "$work/err")"
}
finish

# The names are bytes; what is written is text.
begin names_in_other_encodings
cp $good "$work/$(printf 'caf\351')\",x.rep"
mdrive -c "$work/$(printf 'caf\351')\",x.rep" --csv "$work/odd.csv" \
  --json "$work/odd.json"
want_equal 'exit status' 0 "$status"
want_match 'the CSV' '^"mm","caf�"",x",1,,22,' "$(cat "$work/odd.csv")"
want_equal 'the JSON' 'caf�",x' \
  "$(json "$work/odd.json" allocators.0.traces.0.trace)"
finish

# ---- The benchmarks ---------------------------------------------------------

# bench NAME REGEX SETTING..: refused, before any part of it is run.
bench() {
  begin "bench_$1"
  regex=$2
  shift 2
  out=$(env BENCH= FAMILIES= B="$work/bench" "$@" bench/run.sh \
    2> "$work/err")
  want_equal 'exit status' 2 $?
  want_match 'stderr' "$regex" "$(cat "$work/err")"
  want_no_match 'stdout' '^==' "$out"
  finish
}
bench part "^bench: there is no part 'sped'; there are speed" BENCH='grow sped'
bench seed "^bench: SEED takes a whole number, not 'x'" FAMILIES=1 SEED=x
bench draws "^bench: DRAWS takes a whole number from 1, not '0'" \
  FAMILIES=1 DRAWS=0

begin bench_of_who_failed
cat > "$work/failed.csv" << 'END'
allocator,trace,valid,fault,ratio_spread,reference_ratio
"good","a",1,,.1,2
"good","b",1,,.1,8
"half","a",1,,.1,4
"half","b",0,"lost, all",,
"bad","a",0,"x",,
"bad","b",0,"y",,
END
awk -f bench/table.awk -f bench/traces.awk "$work/failed.csv" > "$work/out"
want_equal 'means' 'geometric mean 4.00x 4.00x -' \
  "$(grep '^geometric' "$work/out" | xargs)"
want_match 'the fault' '^bad is not valid on 2 traces$' "$(cat "$work/out")"
finish

# ---- What the driver itself lacks is no fault of an allocator --------------

begin out_of_memory
[ -n "$SANITIZED" ] || {
  awk 'BEGIN { print "1\n1\n1\n1"
    for (i = 0; i < 2000000; i++) print "a 0 1" }' > "$work/long.rep"
  (ulimit -v 65536; exec "$mdriver" -f "$work/long.rep" --max-heap 1M) \
    > "$work/out" 2> "$work/err"
  want_equal 'exit status' 2 $?
  want_match 'stderr' '^mdriver: out of memory; raise' "$(cat "$work/err")"
}
finish

# The same where the driver's tables of the check do not fit.
begin out_of_memory_in_a_check
[ -n "$SANITIZED" ] || {
  head -n 1000004 "$work/long.rep" | awk 'NR > 4 { $2 = NR } { print }' \
    > "$work/live.rep"
  (ulimit -v 170000; exec "$mdriver" -f "$work/live.rep" --max-heap 64M) \
    > "$work/out" 2> "$work/err"
  want_equal 'exit status' 2 $?
  want_match 'stderr' '^mdriver: .*live\.rep: mm: out of memory; raise' \
    "$(cat "$work/err")"
  want_no_match 'stdout' 'ERROR' "$(cat "$work/out")"
}
finish

# The limit is for an allocator's own memory: not for the driver's tables, and
# not for a system's allocator, which has no other.
begin memory_limit_of_others
[ -n "$SANITIZED" ] || {
  mdrive -f traces/random-large.rep -f traces/strings-1500k.rep -A libc \
    --memory-limit 1M --rounds 1
  want_equal 'exit status' 0 "$status"
  mdrive --threads 8 -f traces/tiny.rep --memory-limit 1M --rounds 1
  want_equal 'exit status with threads' 0 "$status"
}
finish

# A reference without memory would be quick to say so.
begin reference_that_returns_null
mdrive -f $good -f tests/traces/bait.rep --rounds 1 \
  --reference "$T/liars/returns_null.so"
want_equal 'exit status' 2 "$status"
want_match 'stderr' \
  '^mdriver: the reference failed: .*bait\.rep:8: a 2 4321: returned N' "$err"
finish

begin reference_that_fails
mdrive -f $good --reference "$T/liars/crashes_at_null.so" \
  -f tests/traces/bait.rep --rounds 1
want_equal 'exit status' 2 "$status"
want_match 'stderr' '^mdriver: the reference failed: .*bait\.rep:8: .*; cho' \
  "$err"
want_no_match 'stdout' 'Perf index' "$out"
finish

# ---- What is asked of mdriver but is no misuse ------------------------------

# Of who is slow in the second pass nobody says that mm_init is to blame.
begin slow_in_the_second_pass
mdrive -c tests/traces/plain.rep -s 1 --allocator "$so/sleeps.so"
want_equal 'exit status' 1 "$status"
want_match 'stdout' 'stopped after 1 s' "$out"
want_no_match 'stdout' 'in pass 2' "$out"
finish

# What the driver does with its own memory teaches the reference nothing: a
# trace's ratio does not depend on the other traces of the run.
begin libc_as_it_is_at_first
[ -n "$SANITIZED" ] || {
  awk 'BEGIN { print "1\n1\n1\n1"
    for (i = 0; i < 200000; i++) print "a 0 1\nf 0" }' > "$work/long.rep"
  mdrive -c "$work/long.rep" -c $good --allocator "$so/asks_libc.so"
  want_equal 'exit status' 0 "$status"
}
finish

# Strays of an allocator are killed, but not what the shell had started.
begin children_of_somebody_else
sh -c 'sleep 60 & echo $! > "$1/pid"; shift; exec "$@"' sh "$work" \
  "$mdriver" -c $good > "$work/out" 2> "$work/err"
want_equal 'exit status' 0 $?
kill "$(cat "$work/pid")" || problem 'it was killed'
finish

# As in a container that is stopped: nobody takes that for a fault.
begin ended_as_the_first_process
if unshare -rpf true 2> /dev/null; then
  # shellcheck disable=SC2016
  unshare -rpf sh -c '(sleep 1; kill -TERM 1) & exec "$@"' sh "$mdriver" \
    -c tests/traces/bait.rep --allocator "$T/liars/loops.so" \
    > "$work/out" 2> "$work/err"
  want_equal 'exit status' 143 $?
  want_equal 'stdout' '' "$(cat "$work/out")"
  finish
else
  skip 'unshare has no right to make a process the first one'
fi

begin an_alignment_that_no_place_has
printf '1\n3\n3\n0\nm 0 9223372036854775808 8\nm 1 4096 8\na 2 8\n' \
  > "$work/aligned.rep"
mdrive -c "$work/aligned.rep" -A "$B/alloc/mm_chaos.so"
want_equal 'exit status' 0 "$status"
# Only what has no place may fail.
mdrive -c "$work/aligned.rep" --allocator "$T/liars/memalign_fails.so"
want_equal 'exit status of a liar' 1 "$status"
want_match 'its fault' 'aligned\.rep:6: m 1 4096 8: returned NULL for 8' "$out"
finish

begin help_fits_a_screen
mdrive --help
want_equal 'exit status' 0 "$status"
want_equal 'stderr' '' "$err"
want_match 'the first line' '^usage: ' "$(sed -n 1p "$work/out")"
[ "$(wc -l < "$work/out")" -le 24 ] || problem 'more than 24 lines'
want_equal 'lines of more than 80 columns' '' \
  "$(awk 'NR > 1 && length > 80' "$work/out")"
want_equal 'the same with -h' "$out" "$("$mdriver" -h)"
finish
