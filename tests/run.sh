#!/bin/sh
# tests/run.sh [GROUP..] - runs groups of tests (default: all) that `make test`
# has built, and sums up. A group is a program or script that prints lines
#
#   ok GROUP: NAME
#   FAIL GROUP: NAME         and what was expected, in lines that are indented
#   skip GROUP: NAME: WHY
#
# Of those, this prints what failed. The last line is "N passed, N failed"; the
# exit status is 1 if any failed. VERBOSE=1 prints everything.
cd "$(dirname "$0")/.." || exit 2
: "${B:=build}" "${OUT:=.}" "${STRESS:=1}" "${SANITIZED:=}" "${VERBOSE:=}"
export B OUT STRESS SANITIZED

# Crashes are planted and expected here: a sanitizer must leave the signals to
# the driver.
signals=handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0
signals=$signals:handle_abort=0
export ASAN_OPTIONS="$signals:$ASAN_OPTIONS"
export UBSAN_OPTIONS="$signals:$UBSAN_OPTIONS"
export TSAN_OPTIONS="$signals:$TSAN_OPTIONS"
logs=$B/tests/logs
mkdir -p "$logs"

program_of() {
  case $1 in
  unit) echo "$B/tests/unit_tests" ;;
  course) echo "$B/tests/course_tests" ;;
  fuzz) echo "fuzz/run.sh" ;;
  *) echo "tests/$1/run.sh" ;;
  esac
}

# A group that ends before its time is a failure too.
run_group() {
  "$(program_of "$1")" > "$logs/$1" 2>&1
  status=$?
  if [ $status -ne 0 ] && ! grep -aq '^FAIL ' "$logs/$1"; then
    printf 'FAIL %s: it ended with status %d\n' "$1" $status
    tail -n 20 "$logs/$1" | sed 's/^/    /'
  fi > "$logs/$1.end"
  cat "$logs/$1.end" >> "$logs/$1"
}

count() { # WORD
  cat "$logs"/*.done 2> /dev/null | grep -ac "^$1 "
}

# What failed, with the indented lines that follow it.
failures() {
  awk '/^(ok|skip) / { show = 0 } /^FAIL / { show = 1 }
       show && (/^FAIL / || /^    /)' "$1"
}

rm -f "$logs"/*
[ $# -gt 0 ] ||
  set -- unit course golden liars misuse compat traces lint broken fuzz \
    big stress secure
for group; do
  if [ ! -x "$(program_of "$group")" ]; then
    echo "tests/run.sh: there is no group '$group' (or 'make test' has not" \
      "built it)" >&2
    exit 2
  fi
done
for group; do
  start=$(date +%s)
  run_group "$group"
  mv "$logs/$group" "$logs/$group.done"
  if [ -n "$VERBOSE" ]; then
    cat "$logs/$group.done"
  else
    failures "$logs/$group.done"
    grep -a '^skip ' "$logs/$group.done"
  fi
  printf '%-10s %4d ok, %d failed, in %d s\n' "$group" \
    "$(grep -ac '^ok ' "$logs/$group.done")" \
    "$(grep -ac '^FAIL ' "$logs/$group.done")" $(($(date +%s) - start))
done
skipped=$(count skip)
[ "$skipped" = 0 ] || echo "$skipped skipped"
passed=$(count ok) failed=$(count FAIL)
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
