#!/bin/sh
# run.sh - tests the shipped traces, the generator and the recorder. Runs in
# the project's root; needs $B/record.so and $B/generate.
set -u
build=${B:-build}
here=tests/traces
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
recorder=$PWD/$build/record.so

# check NAME COMMAND...: the line protocol of tests/run.sh
check() {
  name=$1
  shift
  if "$@" > "$work/log" 2>&1; then
    echo "ok traces: $name"
  else
    echo "FAIL traces: $name"
    { echo "$*"; head -5 "$work/log"; } | sed 's/^/    /'
  fi
}

valid_if() { # SETTING TRACE...
  setting=$1
  shift
  for f; do awk -v "$setting" -f $here/valid.awk "$f" || return 1; done
}
valid() { valid_if raw=0 "$@"; }
valid_raw() { valid_if raw=1 "$@"; }

record() { # TRACE COMMAND...; how the command ends does not matter
  trace=$1
  shift
  rm -f "$trace"*
  (timeout 60 env LD_PRELOAD="$recorder" RECORD="$trace" "$@"; :) \
    > /dev/null 2>&1
}

# ---- Shipped and generated --------------------------------------------------

for trace in traces/*.rep traces/*/*.rep; do
  check "shipped $trace" valid "$trace"
done

families=$($build/generate --list | sed -n '2,$s/:.*//p')
for family in $families; do
  for seed in 1 2 3; do
    $build/generate $family seed=$seed draw=1 > "$work/x.rep"
    check "drawn $family $seed" valid "$work/x.rep"
  done
done

refuses() { # ARGUMENTS...: exit 2 and one line
  $build/generate "$@" 2> "$work/message" > /dev/null
  [ $? -eq 2 ] && [ "$(wc -l < "$work/message")" -eq 1 ]
}
check "no arguments" refuses
check "no family" refuses nothing
check "no key" refuses random nothing=1
check "no value" refuses random live
check "bad number" refuses random live=many
check "bad word" refuses batch order=up
check "too small" refuses random live=0
check "too long" refuses random ops=999999999
check "no draw" refuses random draw=1 ops=10

# ---- The recorder -----------------------------------------------------------

cc=${CC:-cc}
$cc -std=gnu11 -O0 -fno-builtin -w $here/calls.c -o "$work/calls" || exit 2
$cc -std=gnu11 -O1 -pthread $here/forks.c -o "$work/forks" || exit 2

# The lines between the markers, with the first marker's id as 0.
between_markers() {
  awk '$3 == 1234567 { on = !on; base = $2; next }
       on && $2 == base { next }
       on { if ($2 >= 0) $2 -= base; print }' "$1"
}
same_calls() { between_markers "$1" | diff - $here/calls.expected; }
record "$work/calls.rep" "$work/calls"
check "calls are valid" valid_raw "$work/calls.rep"
check "calls are recorded" same_calls "$work/calls.rep"

exact() { ! grep -n '^$' "$1"; }
for end in abort kill exit _exit; do
  record "$work/forks.rep" "$work/forks" $end
  check "forks, $end" valid_raw "$work"/forks.rep*
  case $end in *exit) check "exact, $end" exact "$work/forks.rep" ;; esac
done
enough() { [ $# -ge 25 ]; }
check "children have files" enough "$work"/forks.rep.*
(export RECORD_CHILDREN=no; record "$work/alone.rep" "$work/forks")
check "only the first" valid_raw "$work"/alone.rep*
none() { [ ! -e "$1" ]; }
check "no children" none "$work"/alone.rep.*

says() { # PATTERN, COMMAND...: one line on stderr, and the program works
  pattern=$1
  shift
  LD_PRELOAD=$recorder "$@" 2> "$work/message" > /dev/null || return 1
  [ "$(wc -l < "$work/message")" -eq 1 ] && grep -q "$pattern" "$work/message"
}
unset RECORD
check "RECORD is not set" says "RECORD is not set" "$work/calls"
export RECORD=/no/such/folder/x.rep
check "bad path" says "cannot create /no/such/folder" "$work/calls"
RECORD=$work/limited.rep
limited() { (ulimit -f 16; says "ends here" "$work/forks"); }
check "no room" limited
check "valid to there" valid_raw "$work/limited.rep"
