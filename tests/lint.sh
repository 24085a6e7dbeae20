#!/bin/sh
# tests/lint.sh [--root DIR] [--no-compile] - holds the rules of the house:
#
#   layers      a file includes only files of lower layers (lint/layers.txt)
#   doors       each dangerous call is in its own file (lint/doors.txt)
#   macros      no function-like ones but for contracts and checks
#   functions   60 lines at most
#   lines       80 columns at most, no tabs, no blanks at the end
#   format      as clang-format has it, where that is installed
#   docs        names in docs/ (`such_as_this`) are in some source file;
#               those in student.md are a student's
#   warnings    none, by those of gcc and clang that are installed
#
# Prints each violation as FILE:LINE: WHAT; exit status 1 if there is any.
here=$(cd "$(dirname "$0")" && pwd)
root=$here/..
compile=yes
while [ $# -gt 0 ]; do
  case $1 in
  --root) root=$2; shift ;;
  --no-compile) compile= ;;
  *) echo "lint.sh: unknown argument $1" >&2; exit 2 ;;
  esac
  shift
done
cd "$root" || exit 2
found=$(mktemp) || exit 2
trap 'rm -f "$found"' EXIT

# Ours, sorted. Submissions in tests/compat are written in others' styles.
sources() {
  find . \( -name build -o -name '.?*' -o -path ./tests/compat \) -prune -o \
    -type f \( -name '*.c' -o -name '*.h' -o -name '*.cpp' -o -name '*.hpp' \) \
    -print | sed 's:^\./::' | sort
}

check_rules() {
  # shellcheck disable=SC2046
  LC_ALL=C awk -v LAYERS="$here/lint/layers.txt" \
    -v DOORS="$here/lint/doors.txt" -f "$here/lint/lint.awk" $(sources)
}

check_scripts() {
  find tests traces driver bench fuzz .ci -name '*.sh' -o -path .ci/run \
    2> /dev/null | sort | xargs -r awk '
      length($0) > 80 { print FILENAME ":" FNR ": has " length($0) " columns" }
      /\t/ { print FILENAME ":" FNR ": has a tab" }
      /[ \t]$/ { print FILENAME ":" FNR ": ends with a blank" }'
}

check_docs() {
  [ -d docs ] || return
  # shellcheck disable=SC2046
  cat tests/liars/table.txt $(sources) 2> /dev/null |
    grep -oE '[A-Za-z0-9_]+' | sort -u > "$found.names"
  grep -noE '`[a-z0-9]+_[a-z0-9_]+' docs/*.md /dev/null | tr -d '`' |
    grep -v '^docs/student\.md:' |
    while IFS=: read -r doc line name; do
      grep -qx "$name" "$found.names" ||
        echo "$doc:$line: names $name, which is in no source file"
    done
  rm -f "$found.names"
}

check_format() {
  command -v clang-format > /dev/null || return
  [ -f .clang-format ] || return
  sources | xargs -r clang-format --dry-run 2>&1 |
    sed -n 's/^\([^:]*:[0-9]*\):[0-9]*: warning: .*/\1: not as clang-format/p' |
    sort -u
}

# check_warnings CC CXX: two files at a time.
check_warnings() {
  command -v "$1" > /dev/null && command -v "$2" > /dev/null || return
  warn='-Wall -Wextra -Wshadow -Wconversion -Werror -O1 -I.'
  sources | grep -E '\.(c|cpp)$' | xargs -r -P 2 -n 1 sh -c '
    case $3 in
    *.c) "$0" -std=gnu11 $2 -c "$3" -o /dev/null ;;
    *) "$1" -std=c++20 $2 -c "$3" -o /dev/null ;;
    esac 2>&1 | grep -E "^[^ ]*:[0-9]+:[0-9]*:? (fatal )?error:"' \
    "$1" "$2" "$warn"
}

{
  check_rules
  check_scripts
  check_docs
  check_format
  if [ -n "$compile" ]; then
    check_warnings gcc g++
    check_warnings clang clang++
  fi
} > "$found"
cat "$found"
n=$(wc -l < "$found")
echo "lint: $(sources | wc -l) files, $((n)) violations"
[ "$n" -eq 0 ]
