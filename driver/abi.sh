#!/bin/sh
# abi.sh FILE [ABI] - the compiler flags that tell how a submission meets mm.h.
#
# Courses disagree on two types: mm_init returns int (0 is success) or bool
# (true is); mm_checkheap returns bool, int or nothing. ABI is "auto" (look at
# how FILE defines them), "classic" (int), "void" (int, and a checker that
# returns nothing) or "cmu" (bool, bool). Prints flags for FILE and for
# driver/abi.c alike.
file=$1
abi=${2:-auto}
export LC_ALL=C # a source is bytes, in whatever encoding

# Without comments, and on one line: the type may stand on the line above. What
# looks like a comment in a string is none, and neither is "//" in a comment, as
# in an address of the web. Line ends are \1 until all of these are found.
code() {
  end=$(printf '\001')
  string="\"([^\"\\$end]|\\\\.)*\""
  character="'([^'\\$end]|\\\\.)'"
  comment='/\*([^*]|\*+[^*/])*\*+/'
  tr '\n\t\r' '\001  ' < "$file" |
    sed -E "s:$string|$character|//[^$end]*|$comment: :g" | tr '\001' ' '
}

defines() { # TYPE FUNCTION: does FILE define it so?
  code | grep -Eq "(^|[^A-Za-z0-9_])$1 +$2 *\("
}

init=0 checker=0
case $abi in
auto)
  if defines '(bool|_Bool)' mm_init; then init=1; fi
  if defines void mm_checkheap; then checker=2; fi
  if defines '(bool|_Bool|char)' mm_checkheap; then checker=4; fi ;;
classic) ;;
void) checker=2 ;;
cmu) init=1 checker=4 ;;
*)
  echo "abi.sh: ABI=$abi: give auto, classic, void or cmu" >&2
  exit 2 ;;
esac
printf '%s' "-DMM_ABI=$((init + checker))"
if [ $init = 1 ]; then printf ' %s' -DMM_BOOL_INIT; fi
echo
