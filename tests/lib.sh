# lib.sh - what the shell tests share. A group's run.sh sets `group` and
# sources this; each of its tests is
#
#   begin NAME
#   ... problem "what was expected, and what came" ...
#   finish
#
# and prints the line protocol of tests/run.sh (tests/check.h shows it).
# shellcheck shell=sh

: "${B:=build}" "${OUT:=.}" "${SANITIZED:=}" "${SHARD:=}"
T=$B/tests                 # where tests are built
work=$T/work/$group$SHARD  # where they write
mdriver=$OUT/mdriver
rm -rf "$work"
mkdir -p "$work"

begin() {
  name=$1
  : > "$work/problems"
}

# Notes a problem; further lines of the text are indented.
problem() {
  printf '%s\n' "$1" | head -12 | sed 's/^/    /' >> "$work/problems"
}

finish() {
  if [ -s "$work/problems" ]; then
    echo "FAIL $group: $name"
    cat "$work/problems"
  else
    echo "ok $group: $name"
  fi
}

skip() { # WHY: in place of finish
  echo "skip $group: $name: $1"
}

# want_equal WHAT EXPECTED GOT
want_equal() {
  [ "$2" = "$3" ] || problem "$1:
  expected: $2
  got:      $3"
}

# want_match WHAT REGEX TEXT: some line of the text matches.
want_match() {
  printf '%s\n' "$3" | grep -Eq -e "$2" || problem "$1:
  expected: /$2/
  got:      $3"
}

# want_no_match WHAT REGEX TEXT
want_no_match() {
  if printf '%s\n' "$3" | grep -Eq -e "$2"; then
    problem "$1:
  expected nothing like: /$2/
  got: $(printf '%s\n' "$3" | grep -E -e "$2")"
  fi
}

# mdrive ARGS: runs mdriver; $status, $out and $err tell what came of it.
mdrive() {
  "$mdriver" "$@" > "$work/out" 2> "$work/err"
  status=$?
  out=$(cat "$work/out")
  err=$(cat "$work/err")
}

# json FILE PATH..: one value a line (tests/tools/json_get.cpp).
json() {
  "$T/json_get" "$@"
}

# make_quietly ARGS: what it printed is in $made, its status is returned.
make_quietly() {
  made=$(${MAKE:-make} -s --no-print-directory B="$B" OUT="$OUT" "$@" 2>&1)
}
