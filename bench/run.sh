#!/bin/sh
# bench/run.sh - how do the allocators compare? `make bench` builds what this
# needs. The parts, all but the last two by default:
#
#   speed      the shipped traces: speed and space against glibc, and against
#              a glibc that is kept from trimming its heap
#   grow       the growing reallocs among them, one by one
#   calls      instructions a call (needs valgrind)
#   threads    two threads against one, and blocks that are handed over (by a
#              driver that has --threads)
#   pages      OS pages that hold memory, over time; `mdriver -V` shows more
#   branches   instructions and mispredicted branches an operation on the
#              shipped traces (needs valgrind, and some minutes)
#   families   traces with seeds and sizes that nobody has seen, at both
#              alignments
#
#   make bench BENCH="speed calls"     some parts
#   make bench FAMILIES=1              families; SEED=N repeats a run,
#                                      DRAWS=N takes N traces of each family
#   make bench ROUNDS=51               more rounds where time is measured
#
# Within a table all figures come from one run, measured round by round in
# turn. What is not installed is left out, and said so.
cd "$(dirname "$0")/.." || exit 2
: "${B:=build}" "${OUT:=.}" "${BENCH:=}" "${FAMILIES:=}" "${ROUNDS:=}"
: "${SEED:=}" "${DRAWS:=3}" "${MAKE:=make}" "${ALIGNMENT:=16}"
if [ -z "$BENCH" ]; then
  BENCH='speed grow calls threads pages'
  [ -z "$FAMILIES" ] || BENCH=families
fi
work=$B/bench
driver=$OUT/mdriver
mkdir -p "$work"

# Instructions and mispredicted branches of one allocator in one pattern of
# bench/calls.cpp, or in the hundredth pass over a trace (bench/passes.cpp), the
# loop's too. Valgrind's predictor is simpler than a processor's. There is more
# room for thread-local data than a library may ask for late: some have theirs
# there.
count() { # calls|passes ALLOCATOR PATTERN|TRACE
  GLIBC_TUNABLES=glibc.rtld.optional_static_tls=65536 \
    valgrind --tool=callgrind --branch-sim=yes --toggle-collect='counted_*' \
    --callgrind-out-file=/dev/null "$work/$1" "$2" "$3" 2>&1 |
    awk -v allocator="$2" -v what="$3" '
      /^[0-9]+$/ { operations = $1 }
      /Collected :/ { count = $4; wrong = $6 + $8 }
      /^(calls|passes): / { why = $0 }
      { last = $0 }
      END {
        if (!why && !count) why = last
        print allocator, what, operations + 0, count + 0, wrong + 0, why
      }'
}

# How count_all below runs several at a time.
if [ "$1" = --count ]; then
  count "$2" "$3" "$4"
  exit
fi

# What is in $work/PROGRAM.todo; the table is that of AWK. Counts do not suffer
# from company.
count_all() { # PROGRAM AWK
  xargs -P "$(nproc 2> /dev/null || echo 1)" -n 2 "$0" --count "$1" \
    < "$work/$1.todo" > "$work/$1.counts"
  awk -f bench/counts.awk -f "$2" "$work/$1.todo" "$work/$1.counts"
}

heading() {
  printf '\n== %s\n\n' "$1"
}

# ---- Who takes part ---------------------------------------------------------

# Where the loader finds a library; nothing if it is not installed.
library() {
  ldconfig=$(PATH=$PATH:/sbin:/usr/sbin command -v ldconfig) || return
  "$ldconfig" -p | awk -v name="$1" '$1 == name { print $NF; exit }'
}

peers=
for name in libmimalloc.so.2 libjemalloc.so.2 libtcmalloc_minimal.so.4; do
  file=$(library $name)
  if [ -n "$file" ]; then
    peers="$peers $file"
  else
    echo "bench: $name is not installed and left out"
  fi
done

# Ours beside the linked mm.c: the plug-ins that are built.
ours=
for name in mm_chaos mm_chaos_paper; do
  [ ! -r "$B/alloc/$name.so" ] || ours="$ours $B/alloc/$name.so"
done

# compare FILE ARGUMENTS..: runs the driver into a table, FILE. What the
# driver says besides (noise, faults) comes after the table.
compare() {
  table=$1
  shift
  rm -f "$table"
  "$driver" ${ROUNDS:+--rounds "$ROUNDS"} --csv "$table" "$@" \
    > "$work/out" 2> "$work/err"
  status=$?
  if [ $status = 1 ]; then # the tables say of whom, this says why
    failed=1
    grep -h '^ERROR' "$work/out"
  fi
  [ -s "$table" ] && return
  tail -n 5 "$work/err"
  echo "bench: mdriver ended with status $status and no figures"
  exit 1
}

# -A for each of the arguments.
with() {
  for name; do printf ' -A %s' "$name"; done
}

# has_flag FLAG: does the driver know it?
has_flag() {
  "$driver" --help | grep -q -e "$1"
}

# ---- Parts ------------------------------------------------------------------

part_speed() {
  heading 'The shipped traces, against glibc as it comes'
  # shellcheck disable=SC2046,SC2086
  compare "$work/speed.csv" $(with $ours $peers libc libc-notrim)
  awk -f bench/table.awk -f bench/summary.awk "$work/speed.csv"
  sed -n 's/^mdriver: speeds/speeds/p' "$work/err"

  heading 'The same, against a glibc that does not trim its heap'
  # shellcheck disable=SC2046,SC2086
  compare "$work/notrim.csv" --reference libc-notrim $(with $ours)
  awk -f bench/table.awk -f bench/summary.awk "$work/notrim.csv"
  sed -n 's/^mdriver: speeds/speeds/p' "$work/err"
}

part_grow() {
  heading 'Growing reallocs: speed as a multiple of glibc'
  files=
  for file in traces/grow*.rep; do files="$files -f $file"; done
  # shellcheck disable=SC2046,SC2086
  compare "$work/grow.csv" $files $(with $ours $peers libc-notrim)
  awk -f bench/table.awk -f bench/traces.awk "$work/grow.csv"
}

part_calls() {
  heading 'Instructions a call, net of the loop'
  if ! command -v valgrind > /dev/null; then
    echo 'skipped: valgrind is not installed'
    return
  fi
  # shellcheck disable=SC2086
  for allocator in nothing bare "$B/alloc/mm.so" $ours libc $peers; do
    for pattern in $("$work/calls" --list); do
      echo "$allocator $pattern"
    done
  done > "$work/calls.todo"
  count_all calls bench/calls.awk
}

# Time is more than instructions: a branch that the processor guesses wrong
# costs as much as dozens of them. Left out is what mostly copies.
part_branches() {
  heading 'Instructions and mispredicted branches an operation'
  if ! command -v valgrind > /dev/null; then
    echo 'skipped: valgrind is not installed'
    return
  fi
  # shellcheck disable=SC2086
  for allocator in nothing "$B/alloc/mm.so" $ours libc $peers; do
    for file in traces/*.rep; do
      case $file in
      traces/grow* | traces/matrix.rep | traces/random-octaves.rep) ;;
      *) echo "$allocator $file" ;;
      esac
    done
  done > "$work/passes.todo"
  count_all passes bench/branches.awk
  echo "Each trace by itself: $work/passes.counts"
}

# Two threads with blocks of their own do the same traces twice; with handoff
# each block is freed by the other thread.
part_threads() {
  heading 'Threads'
  if ! has_flag --threads; then
    echo 'skipped: this driver has no --threads'
    return
  fi
  set -- strings-120k program random batch-random pairs
  files=
  for name; do files="$files -f traces/$name.rep"; done
  shared=
  for file in traces/threaded/*.rep; do shared="$shared -f $file"; done
  # shellcheck disable=SC2086
  all=$(with $ours libc $peers)
  # shellcheck disable=SC2086
  {
    # One thread and two in turns, trace by trace, as a machine is not equally
    # fast from one second to the next.
    tables= rounds=$ROUNDS
    ROUNDS=${ROUNDS:-5}
    for turn in 1 2 3 4 5; do
      for name; do
        pair=$work/$name$turn
        compare "$pair-1.csv" -f "traces/$name.rep" $all --threads 1
        compare "$pair-2.csv" -f "traces/$name.rep" $all --threads 2
        tables="$tables $pair-1.csv $pair-2.csv"
      done
    done
    ROUNDS=$rounds
    compare "$work/handoff.csv" $files $all --threads 2 --handoff
    compare "$work/threaded.csv" $shared $all
    awk -v turns=5 -v traces=$# -f bench/table.awk -f bench/threads.awk \
      $tables "$work/handoff.csv" "$work/threaded.csv"
  }
}

# A working set of 10 MB and more is built up and freed, and a small program
# goes on in what is left: `spike`. In `drop` the same happens with objects of
# 64 KiB to 1 MiB, and in the big `phases` again and again.
draw_pages() {
  "$B/generate" random seed=1 ops=20000 live=2000 hi=16384 > "$work/many.rep"
  "$B/generate" matrix seed=1 hi=1048576 > "$work/large.rep"
  "$B/generate" random seed=2 ops=200000 live=300 hi=2048 > "$work/calm.rep"
  awk -f bench/join.awk "$work/many.rep" "$work/calm.rep" > "$work/spike.rep"
  awk -f bench/join.awk "$work/large.rep" "$work/calm.rep" > "$work/drop.rep"
  "$B/generate" phases seed=1 count=20000 hi=16384 > "$work/phases-big.rep"
}

part_pages() {
  heading 'OS pages that hold memory: at the peak, in the mean, at the end'
  draw_pages
  files=
  for file in traces/*.rep "$work"/spike.rep "$work"/drop.rep \
    "$work"/phases-big.rep; do files="$files -f $file"; done
  # shellcheck disable=SC2046,SC2086
  compare "$work/pages.csv" --reference none --rounds 1 $files \
    $(with $ours)
  awk -f bench/table.awk -f bench/pages.awk "$work/pages.csv"
}

# ---- Fresh families ---------------------------------------------------------

families() {
  "$B/generate" --list |
    sed -e '/^every family:/d' -e '/(threads: /d' -e 's/:.*//'
}

# DRAWS traces of each family, each of a seed of its own.
draw_families() {
  rm -rf "$work/families"
  mkdir -p "$work/families"
  for family in $(families); do
    for i in $(seq "$DRAWS"); do
      "$B/generate" "$family" seed=$((SEED + i)) draw=1 \
        > "$work/families/$family-$i.rep" || exit 1
    done
  done
}

# At one alignment; that which is not built already is built beside.
measure_families() { # ALIGNMENT
  heading "Families drawn with seed $SEED, $DRAWS traces each, at ALIGNMENT $1"
  build=$B driver=$OUT/mdriver
  if [ "$1" != "$ALIGNMENT" ]; then
    build=$B/align$1 driver=$B/align$1/mdriver
    $MAKE -s --no-print-directory all B="$build" OUT="$build" \
      ALIGNMENT="$1" || exit 1
  fi
  files=
  for file in "$work"/families/*.rep; do files="$files -f $file"; done
  # shellcheck disable=SC2086
  compare "$work/families$1.csv" $files -A "$build/alloc/mm_chaos.so"
  awk -f bench/table.awk -f bench/families.awk "$work/families$1.csv"
}

part_families() {
  [ -n "$SEED" ] ||
    SEED=$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')
  draw_families
  measure_families 16
  measure_families 8
  echo
  echo "The same again: make bench FAMILIES=1 SEED=$SEED DRAWS=$DRAWS"
}

# ---- All --------------------------------------------------------------------

# What is asked for must make sense before hours are spent on a part of it.
for part in $BENCH; do
  case $part in
  speed | grow | calls | threads | pages | branches | families) ;;
  *)
    echo "bench: there is no part '$part'; there are speed, grow, calls," \
      "threads, pages, branches and families" >&2
    exit 2
    ;;
  esac
done
case $SEED in *[!0-9]* | 0?*)
  echo "bench: SEED takes a whole number, not '$SEED'" >&2
  exit 2
  ;;
esac
case $DRAWS in '' | *[!0-9]* | 0*)
  echo "bench: DRAWS takes a whole number from 1, not '$DRAWS'" >&2
  exit 2
  ;;
esac

failed=
for part in $BENCH; do part_"$part"; done
[ -z "$failed" ] || {
  echo
  echo 'bench: some allocator failed; its figures are missing above'
  exit 1
}
