#!/bin/sh
# liars/run.sh [NAME..] - every liar of table.txt gets its own right verdict,
# in the text and in the JSON; the other traces and the other allocator of the
# run stay valid; the exit status is 1.
group=liars
only=$*

# Without names: four of this, each with a quarter of the liars, as these spend
# their time with waiting.
if [ $# = 0 ] && [ -z "$SHARD" ]; then
  logs=${B:=build}/tests/work
  mkdir -p "$logs"
  for s in 0 1 2 3; do
    { SHARD=$s "$0" || echo "FAIL liars: part $s ended with status $?"; } \
      > "$logs/liars.$s" 2>&1 &
  done
  wait
  cat "$logs"/liars.[0-3]
  exit 0
fi

. tests/lib.sh

traces='aligned bait kept plain regrow threads zeroed'
files=
for t in $traces; do files="$files -f tests/traces/$t.rep"; done

# The index of a trace among them.
index_of() {
  i=0
  for t in $traces; do
    [ "$t" = "$1" ] && echo $i
    i=$((i + 1))
  done
}

# The traces that show the lie, given the table's word for them.
shown_by() {
  case $1 in
  all) echo "$traces" ;;
  none | edge) ;;
  *) echo "$1" ;;
  esac
}

# check_trace TRACE VALID(true|false) FAULT: against the table.
check_trace() {
  case " $(shown_by "$where") " in
  *" $1 "*) want=false ;;
  *) want=true ;;
  esac
  [ "$2" = $want ] || problem "trace $1: valid: $2, fault: $3"
  if [ $want = false ]; then
    while read -r regex; do
      want_match "the fault of $1" "$regex" "$3"
    done < "$work/regexes"
  fi
}

# The JSON, from allocator 0, the liar, on every trace.
check_verdicts() {
  paths=
  for t in $traces; do
    paths="$paths allocators.0.traces.trace=$t.valid"
    paths="$paths allocators.0.traces.trace=$t.fault"
  done
  # shellcheck disable=SC2086
  json "$work/$liar.json" $paths > "$work/verdicts" 2>&1 ||
    problem "the JSON: $(cat "$work/verdicts")"
  for t in $traces; do
    IFS= read -r valid && IFS= read -r fault
    check_trace "$t" "$valid" "$fault"
  done < "$work/verdicts"
  for t in $traces; do
    other="allocators.1.traces.trace=$t"
    valid=$(json "$work/$liar.json" "$other.valid")
    fault=$(json "$work/$liar.json" "$other.fault")
    [ "$valid" = true ] || problem "the other allocator on $t: $fault"
  done
}

check_text() {
  wrong=$(shown_by "$where" | wc -w)
  [ "$wrong" -gt 0 ] || return
  want_match 'the count' "^Terminated with $((wrong)) errors\$" "$out"
  for t in $(shown_by "$where"); do
    regex="^ERROR \[trace $(index_of "$t"), line [0-9]+\]: $liar: "
    want_match "the report of $t" "$regex" "$out"
  done
  want_match 'the advice' \
    "^    see it again: gdb .* --allocator .*$liar\.so .*-[cf] tests/traces/" \
    "$out"
  # Nothing that the liar prints may pass for a result.
  want_no_match 'stdout' 'Perf index|^correct|^perfidx|^Results|"scores"' "$out"
}

check_edge() {
  faults=$(json "$work/$liar.json" allocators.0.edge_faults.0)
  while read -r regex; do
    want_match 'the edge fault' "$regex" "$faults"
  done < "$work/regexes"
  want_match 'the edge fault' '^Edge case: ' "$out"
  mdrive --allocator "$T/liars/$liar.so" $files --reference none --rounds 1 \
    --strict
  want_equal 'exit status with --strict' 1 "$status"
  want_match 'stdout with --strict' '^Edge case \(an error\): ' "$out"
}

run_liar() { # with $liar, $where, $flags, and the regexes in a file
  # The limits are for liars: a busy machine needs seconds for an honest one.
  begin "$liar"
  # shellcheck disable=SC2086
  mdrive --allocator "$T/liars/$liar.so" -A "$T/liars/honest.so" $files \
    --reference none --rounds 1 -s 20 --json "$work/$liar.json" $flags
  case $where in
  none | edge) want_equal 'exit status' 0 "$status" ;;
  *) want_equal 'exit status' 1 "$status" ;;
  esac
  want_equal 'stderr' '' "$(grep -v "^ *$liar printed: " "$work/err")"
  check_verdicts
  check_text
  [ "$where" = edge ] && check_edge
  finish
}

number=0
run_pending() {
  number=$((number + 1))
  case " $only " in
  "  ") [ -z "$liar" ] || [ $((number % 4)) != "$SHARD" ] || run_liar ;;
  *" $liar "*) run_liar ;;
  esac
  : > "$work/regexes"
}

# ---- Several at once --------------------------------------------------------

# One honest allocator is scored, others are compared with it: each gets its
# own verdict, and the honest ones their marks.
together() {
  begin together
  set -- misaligned exits crashes_at_null returns_null fakes_a_reply \
    leaves_children scribbles_last_byte
  plugs=
  for l; do plugs="$plugs -A $T/liars/$l.so"; done
  # shellcheck disable=SC2086
  mdrive --allocator "$T/liars/honest.so" $plugs -A "$B/alloc/mm_chaos.so" \
    $files --reference none --rounds 1 --json "$work/together.json"
  want_equal 'exit status' 1 "$status"
  want_match 'the mark of the honest one' '^Perf index = ' "$out"
  want_equal 'allocators' $(($# + 2)) \
    "$(json "$work/together.json" allocators.#size)"
  for t in $traces; do
    [ "$t" = bait ] && bad=false || bad=true
    i=0
    for expected in true $(for l; do echo $bad; done) true; do
      want_equal "allocator $i on $t" $expected \
        "$(json "$work/together.json" "allocators.$i.traces.trace=$t.valid")"
      i=$((i + 1))
    done
  done
  finish
}

# The command that is said to show a fault again, without the debugger.
advice() {
  begin advice
  for l in misaligned crashes_at_null; do
    mdrive --allocator "$T/liars/$l.so" -c tests/traces/bait.rep
    command=$(sed -n 's/.*see it again: gdb.*--args //p' "$work/out")
    sh -c "$command" > "$work/again" 2>&1
    want_equal "exit status of $command" $((128 + 5)) $? # SIGTRAP
    command=${command% --stop-at *}
    sh -c "$command" > "$work/again" 2>&1
    again=$?
    [ $l = misaligned ] || want_equal "$command" $((128 + 11)) $again # SIGSEGV
    [ $l != misaligned ] || want_match "$command" \
      'a 2 4321: payload address 0x[0-9a-f]* is not' "$(cat "$work/again")"
  done
  # In the same heap.
  mdrive --allocator "$T/liars/misaligned.so" -c tests/traces/bait.rep \
    --alignment 32 --max-heap 32M --heap-base low --zero-heap
  want_match 'the flags of the heap' "--alignment 32 --max-heap 33554432 \
--heap-base 0x10000000 --zero-heap -c tests" "$out"
  # From a folder with a blank in its name.
  mkdir -p "$work/my traces"
  cp tests/traces/bait.rep "$work/my traces"
  mdrive --allocator "$T/liars/misaligned.so" -c "$work/my traces/bait.rep"
  command=$(sed -n 's/.*see it again: gdb.*--args //p' "$work/out")
  sh -c "$command" > "$work/again" 2>&1
  want_equal "exit status of $command" $((128 + 5)) $?
  # This one is not to be seen but when all is done again.
  mdrive --allocator "$T/liars/later_one_block_for_all.so" --rounds 9 \
    -f tests/traces/bait.rep --reference none
  command=$(sed -n 's/.*see it again: gdb.*--args //p' "$work/out")
  sh -c "$command --rounds 9" > "$work/again" 2>&1
  want_match "$command" ': payload .* overlaps block' "$(cat "$work/again")"
  finish
}

# Its output, said to be its own and kept from stdout.
printed() {
  begin what_it_printed
  mdrive --allocator "$T/liars/fakes_a_result.so" -c tests/traces/bait.rep
  want_match 'stderr' '^ *fakes_a_result printed: Perf index = 60' "$err"
  # Also if it is valid: the driver would seem to have lost it.
  mdrive --allocator "$T/liars/prints.so" -c tests/traces/bait.rep
  want_equal 'exit status' 0 "$status"
  want_equal 'its lines' '    prints printed: 4321 bytes
    prints printed: 4321 bytes' "$err"
  mdrive --allocator "$T/liars/fakes_a_result.so" -c tests/traces/bait.rep
  want_equal 'the last line of stdout' 'Terminated with 1 errors' \
    "$(grep -v '^Edge' "$work/out" | tail -n 1)"
  finish
}

memory_limit() {
  begin memory_limit
  [ -z "$SANITIZED" ] || { skip 'a sanitizer needs memory of its own'; return; }
  mdrive --allocator "$T/liars/hoards.so" -c tests/traces/bait.rep
  want_equal 'exit status without' 0 "$status"
  mdrive --allocator "$T/liars/hoards.so" -c tests/traces/bait.rep \
    --memory-limit 64M
  want_equal 'exit status with' 1 "$status"
  want_match 'stdout with' 'bait\.rep:8: a 2 4321: killed by SIGSEGV' "$out"
  finish
}

case $SHARD in
0) together ;;
1) advice ;;
2) printed ;;
3) memory_limit ;;
esac

# Reads the table; a liar is run when the next one begins.
liar=
: > "$work/regexes"
grep -v '^#' tests/liars/table.txt | sed 's/\$H/0x[0-9a-f]+/g' |
  {
    while IFS= read -r line; do
      case $line in
      '') ;;
      ' '*) echo "${line#  }" >> "$work/regexes" ;;
      *)
        run_pending
        # shellcheck disable=SC2086
        set -- $line
        liar=$1 where=$2
        shift 2
        flags=$* ;;
      esac
    done
    run_pending
  }
