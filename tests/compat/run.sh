#!/bin/sh
# compat/run.sh - submissions in the styles of three generations of courses are
# accepted unchanged, run valid, and answer to the flags and scripts of theirs.
group=compat
. tests/lib.sh

traces='aligned bait kept plain regrow zeroed'
files=
for t in $traces; do files="$files -f tests/traces/$t.rep"; done

so() { # NAME: where `make plug` puts it
  echo "$B/alloc/compat_$1.so"
}

# accept NAME FLAGS..: builds tests/compat/NAME.c and runs it on every trace.
accept() {
  sub=$1
  begin "$sub"
  shift
  make_quietly plug SRC="tests/compat/$sub.c" NAME="compat_$sub" ||
    problem "make plug: $made"
  # shellcheck disable=SC2086
  mdrive --allocator "$(so "$sub")" $files --reference none --rounds 1 -D \
    --json "$work/$sub.json" "$@"
  want_equal 'exit status' 0 "$status"
  want_equal 'stderr' '' "$(grep -vE \
    '^ *compat_gnu99 printed: (the free list is fine|\.\.\.)$' "$work/err")"
  if [ "$sub" = gnu99 ]; then # its checker can only speak, not answer
    want_match 'stderr' '^ *compat_gnu99 printed: the free list is fine$' "$err"
  fi
  for t in $traces; do
    valid=$(json "$work/$sub.json" "allocators.0.traces.trace=$t.valid" 2>&1)
    want_equal "$t" true "$valid"
  done
  want_equal 'errors' 0 "$(json "$work/$sub.json" allocators.0.errors 2>&1)"
  finish
}

accept classic --alignment 8
accept gnu99 --alignment 8
accept cmu
accept cmu --zero-heap
accept no_realloc
accept calls_itself
accept low32 --heap-base low --alignment 8

begin no_bytes_at_the_brk
make_quietly plug SRC=tests/compat/no_bytes.c NAME=compat_no_bytes ||
  problem "make plug: $made"
mdrive --allocator "$(so no_bytes)" -c traces/short/zero.rep
want_equal 'exit status' 0 "$status"
finish

# The same file, with the heap where it usually is: proof that the flag matters.
begin low32_needs_a_low_heap
mdrive --allocator "$(so low32)" -c tests/traces/plain.rep --alignment 8
want_equal 'exit status' 1 "$status"
finish

begin edge_cases_in_a_low_heap
mdrive --allocator "$(so low32)" -c tests/traces/plain.rep --alignment 8 \
  --heap-base low --strict
want_no_match 'stdout' 'killed by' "$out"
finish

# The linked mm.c has an mm_malloc too; the plug-in must not land in it.
begin a_plug_in_beside_the_linked_one
mdrive -A "$(so calls_itself)" -A "$(so cmu)" -f tests/traces/regrow.rep \
  --reference none --rounds 1 --json "$work/both.json"
want_equal 'exit status' 0 "$status"
want_equal 'names' "compat_calls_itself compat_cmu" \
  "$(json "$work/both.json" allocators.1.name allocators.2.name | xargs)"
finish

# ---- What the build makes of a submission -----------------------------------

begin without_optimization # an inline function must be there all the same
made=$(${MAKE:-make} -s --no-print-directory B="$work/O0" OUT="$work/O0" \
  CFLAGS=-O0 plug SRC=tests/compat/gnu99.c NAME=gnu99 2>&1) ||
  problem "make plug: $made"
mdrive --allocator "$work/O0/alloc/gnu99.so" -c tests/traces/plain.rep \
  --alignment 8
want_equal 'exit status' 0 "$status"
finish

begin contracts_are_checked_with_DEBUG
made=$(${MAKE:-make} -s --no-print-directory B="$work/debug" OUT="$work/debug" \
  CPPFLAGS=-DDEBUG plug SRC=tests/compat/cmu.c NAME=cmu 2>&1) ||
  problem "make plug: $made"
mdrive --allocator "$work/debug/alloc/cmu.so" -c tests/traces/plain.rep
want_equal 'exit status' 0 "$status"
cat > "$work/broken.c" << 'END'
#include "contracts.h"
int main(void) {
  ASSERT(1 == 1);
  REQUIRES(1 == 2);
  return 0;
}
END
${CC:-cc} -DDEBUG -I. "$work/broken.c" -o "$work/broken" || problem 'compiler'
said=$("$work/broken" 2>&1)
want_match 'what it said' 'broken\.c:4: main: REQUIRES\(1 == 2\) does not' \
  "$said"
${CC:-cc} -I. "$work/broken.c" -o "$work/broken" || problem 'compiler'
"$work/broken" || problem 'a contract is checked without DEBUG'
finish

# plug NAME FLAGS..: expects that make fails with the message.
begin plug_says_what_it_needs
make_quietly plug && problem 'it was happy with nothing'
want_match 'without all' 'make plug needs both: make plug SRC=' "$made"
make_quietly plug SRC=no/such.c NAME=x && problem 'it was happy with no file'
want_match 'without the file' 'cannot read SRC=no/such\.c' "$made"
make_quietly plug SRC=tests/compat/cmu.c NAME=x ABI=cobol &&
  problem 'it was happy with ABI=cobol'
want_match 'with ABI=cobol' 'ABI=cobol: give auto, classic, void or cmu' "$made"
finish

# A script may not look at make's exit status; it finds no allocator then.
begin a_submission_that_fails_to_build_is_not_scored_as_the_last_one
echo 'int mm_init(void) { return' > "$work/half.c"
mkdir -p "$work/folder.c"
for src in "$work/half.c" "$work/folder.c" "$work/missing.c" /dev/null; do
  make_quietly plug SRC=tests/compat/cmu.c NAME=compat_again ||
    problem "make plug: $made"
  make_quietly plug SRC="$src" NAME=compat_again && problem "built $src"
  mdrive --allocator "$(so again)" -c tests/traces/plain.rep
  want_equal "exit status after $src" 2 "$status"
  want_match "stderr after $src" 'compat_again\.so: No such file' "$err"
done
finish

# The scripts of the classic lab copy one submission after the other to mm.c.
begin an_mm_c_that_fails_to_build_is_not_scored_as_the_last_one
house=$work/house
mkdir -p "$house/build/alloc"
cp --parents Makefile config.h mm.h memlib.h tests/tests.mk bench/bench.mk \
  fuzz/fuzz.mk traces/recipes.mk driver/* "$house"
cp "$work/half.c" "$house/mm.c"
while read -r object old; do
  touch -d '2 days ago' "$house/$old"
  ${MAKE:-make} -s -C "$house" B=build OUT=. "$object" > "$work/made" 2>&1 &&
    problem "built $old of half a submission"
  want_match "why $old is not built" 'mm\.c:1:' "$(cat "$work/made")"
  [ ! -e "$house/$old" ] || problem "the last $old is still there"
done << 'END'
build/mm.o mdriver
build/mm.pic.o build/alloc/mm.so
END
finish

begin an_mm_c_that_is_older_than_the_last_one_is_built
for number in 1 2; do
  echo "int submission_$number;" > "$house/mm.c"
  touch -d "$number days ago" "$house/mm.c"
  ${MAKE:-make} -s -C "$house" B=build OUT=. build/mm.o > "$work/made" 2>&1 ||
    problem "make: $(cat "$work/made")"
  want_match "what was built" "submission_$number" "$(nm "$house/build/mm.o")"
done
finish

# Names that the driver calls, or its libraries: it must not call these.
begin helpers_of_mm_c_are_its_own
cp mdriver.cpp memlib.c "$house"
cp "$B/mdriver.o" "$B/memlib.o" "$house/build"
cp -r "$B/driver" "$house/build"
{
  cat tests/compat/no_realloc.c
  echo 'void *prctl; int kill(void *p) { return p == 0; }'
  echo 'void *memmove(void *p, const void *q, unsigned long n) { return 0; }'
} > "$house/mm.c"
kept=$(cd "$house" && echo build/mdriver.o build/memlib.o build/driver/*.o)
# shellcheck disable=SC2046
${MAKE:-make} -s -C "$house" B=build OUT=. $(printf -- '-o %s ' $kept) mdriver \
  > "$work/made" 2>&1 || problem "make: $(cat "$work/made")"
"$house/mdriver" -c tests/traces/regrow.rep > "$work/out" 2>&1
want_equal 'exit status' 0 $?
want_match 'what it printed' '^Correct on 1 trace' "$(cat "$work/out")"
rm -rf "$house"
finish

begin plug_in_a_folder_with_a_blank
mkdir -p "$work/a folder"
cp tests/compat/cmu.c "$work/a folder/mm.c"
echo '#include "mm.c"' > "$work/a folder/all of it.c"
for file in mm.c 'all of it.c'; do
  make_quietly plug SRC="$work/a folder/$file" NAME=compat_blank ABI=cmu ||
    problem "make plug: $made"
  mdrive --allocator "$(so blank)" -c tests/traces/plain.rep
  want_equal "exit status with $file" 0 "$status"
done
finish

begin plug_says_what_it_cannot_name
make_quietly plug SRC=tests/compat/cmu.c NAME='my name' &&
  problem 'it was happy with a blank in NAME'
want_match 'with a blank' 'NAME=my name: give a name without blanks' "$made"
make_quietly plug SRC=tests/compat/cmu.c NAME=a/b &&
  problem 'it was happy with a slash in NAME'
want_match 'with a slash' 'NAME=a/b: give a name without blanks' "$made"
make_quietly plug SRC=README.md NAME=x && problem 'it was happy with a text'
want_match 'with a text' 'SRC=README\.md: name it \.c for C' "$made"
make_quietly plug SRC=tests/compat/cmu.c NAME=mm_chaos &&
  problem 'it was happy to replace mm_chaos.so'
want_match 'with mm_chaos' 'NAME=mm_chaos is that of an allocator of' "$made"
finish

# Names are text: neither make nor the shell may find anything in them.
begin plug_takes_any_name
cp tests/compat/cmu.c "$work/it's \$1; \"a\" #2.c"
for odd in "o'neil" 'a;b' 'a"b' '*' -x; do
  make_quietly plug SRC="$work/it's \$1; \"a\" #2.c" NAME="compat_$odd" ||
    problem "make plug: $made"
  mdrive --allocator "$B/alloc/compat_$odd.so" -c tests/traces/plain.rep
  want_equal "exit status with $odd" 0 "$status"
  rm -f "$B/alloc/compat_$odd".*
done
cp tests/compat/cmu.c ./-compat.c
make_quietly plug SRC=-compat.c NAME=compat_dash || problem "make plug: $made"
rm -f ./-compat.c
finish

# The makefiles of another lab's numbers: one line, no compiler's errors.
begin config_of_another_lab
house=$work/house
mkdir -p "$house"
cp --parents Makefile tests/tests.mk bench/bench.mk fuzz/fuzz.mk \
  traces/recipes.mk driver/*.cpp "$house"
grep -v 'define T' config.h > "$house/config.h"
made=$(${MAKE:-make} -s -C "$house" B=build OUT=. build/flags 2>&1) &&
  problem 'it was happy without TIME_LIMIT'
want_match 'what it says' \
  '^config\.h lacks TRIM_THRESHOLD TRACEDIR TIME_LIMIT: is it another' "$made"
made=$(${MAKE:-make} -s -C "$house" B=build OUT=. build/flags \
  CPPFLAGS='-DTIME_LIMIT=9 -DTRACEDIR=\"x\" -DTRIM_THRESHOLD=1' 2>&1) ||
  problem "with CPPFLAGS: $made"
cp config.h "$house/numbers.h"
echo '#include "numbers.h"' > "$house/config.h"
made=$(${MAKE:-make} -s -C "$house" B=build OUT=. build/flags 2>&1) ||
  problem "with numbers in a file of their own: $made"
finish

begin plug_does_not_make_everything_old
before=$(ls -l --time-style=full-iso "$mdriver")
make_quietly plug SRC=tests/compat/classic.c NAME=x ABI=classic ||
  problem "make plug: $made"
make_quietly all || problem "make: $made"
want_equal 'mdriver' "$before" "$(ls -l --time-style=full-iso "$mdriver")"
finish

# init_style TYPE.. EXPECTED: what abi.sh says of a definition.
begin styles_of_definitions
while IFS='|' read -r expected text; do
  printf '%b' "$text" > "$work/style.c"
  want_equal "$text" "$expected" \
    "$(LC_ALL=C.UTF-8 driver/abi.sh "$work/style.c")"
done << 'END'
-DMM_ABI=0|int mm_init(void) {\n
-DMM_ABI=0|int\nmm_init(void) {\n
-DMM_ABI=1 -DMM_BOOL_INIT|bool mm_init(void) {\n
-DMM_ABI=1 -DMM_BOOL_INIT|bool\nmm_init(void)\n{\n
-DMM_ABI=1 -DMM_BOOL_INIT|extern _Bool mm_init (void);\n
-DMM_ABI=1 -DMM_BOOL_INIT|int x; bool mm_init(void){}
-DMM_ABI=2|int mm_init(void) {}\nvoid mm_checkheap(int v) {\n
-DMM_ABI=2|int mm_init(void) {}\r\nvoid\r\nmm_checkheap(int v) {\r\n
-DMM_ABI=0|/* bool mm_init(void) at CMU */ int mm_init(void) {\n
-DMM_ABI=0|// void mm_checkheap(int)\nint mm_init(void) {\n
-DMM_ABI=1 -DMM_BOOL_INIT|/* see http://a.org */\nbool mm_init(void) {}\n/**/
-DMM_ABI=2|int mm_init(void) {} /* // */ void mm_checkheap(int v) {} /* */
-DMM_ABI=2|char *u = "http://a", q = '"'; void mm_checkheap(int v) {} // "
-DMM_ABI=2|char *u = "a\\\\\\"/*"; void mm_checkheap(int v) {} // */
-DMM_ABI=0|// don't: bool mm_init(void)\nint mm_init(void) { return '/'; }\n
-DMM_ABI=0|/* f\0374r bool mm_init(void) */ int mm_init(void) {}
-DMM_ABI=4|int mm_init(void) {}\nbool mm_checkheap(int line) {\n
-DMM_ABI=5 -DMM_BOOL_INIT|bool mm_init(void) {} _Bool mm_checkheap(int l) {}
-DMM_ABI=0|/* a * b\n void mm_checkheap(int) **/int mm_checkheap(int) {\n
END
finish

# Of an int each bit says that all is well; a bool is one byte, the others are
# anything.
begin checkers_of_all_types
while IFS='|' read -r expected checker; do
  { cat tests/compat/classic.c; echo "$checker"; } > "$work/checker.c"
  make_quietly plug SRC="$work/checker.c" NAME=compat_checker ||
    problem "make plug: $made"
  mdrive --allocator "$(so checker)" -c tests/traces/plain.rep -D --alignment 8
  want_equal "exit status with $checker" "$expected" "$status"
done << 'END'
0|int mm_checkheap(int line) { return 256; }
1|int mm_checkheap(int line) { return 0; }
0|_Bool mm_checkheap(int line) { return line >= 0; }
1|_Bool mm_checkheap(int line) { return line < 0; }
1|void mm_checkheap(int line) { *(volatile int *)8 = line; }
END
finish

begin a_checker_that_is_not_there
make_quietly plug SRC=tests/compat/no_realloc.c NAME=compat_no_realloc ||
  problem "make plug: $made"
mdrive --allocator "$(so no_realloc)" -c tests/traces/plain.rep -D -A libc
want_equal 'what is said' 1 "$(grep -c 'has no mm_checkheap' "$work/out")"
want_match 'stdout' '^compat_no_realloc has no mm_checkheap .or' "$out"
mdrive --allocator "$(so no_realloc)" -c tests/traces/plain.rep
want_no_match 'without -D' 'mm_checkheap' "$out"
finish

begin a_name_that_is_null
{ cat tests/compat/cmu.c; echo 'char *mm_name(void) { return NULL; }'; } \
  > "$work/null.c"
make_quietly plug SRC="$work/null.c" NAME=compat_null || problem "plug: $made"
mdrive --allocator "$(so null)" -c tests/traces/plain.rep -v
want_equal 'exit status' 0 "$status"
want_match 'stdout' '^Results for compat_null malloc:$' "$out"
finish

# ---- How courses and their scripts call it ----------------------------------

begin graders_of_the_classic_lab # mdriver -vg
# shellcheck disable=SC2086
mdrive -vg --allocator "$(so classic)" --alignment 8 $files --rounds 1
want_equal 'exit status' 0 "$status"
for regex in '^Team Name:tortoise$' '^Member 1 :Ada Lovelace:ada@example.org$' \
  '^Results for .* malloc:$' '^Perf index = [0-9]+ \(util\) \+ ' \
  '^correct:6$' '^perfidx:[0-9]+$'; do
  want_match 'stdout' "$regex" "$out"
done
want_no_match 'an empty member' '^Member 2' "$out"
finish

begin every_classic_flag
for flags in -a -g -l -V -D -T -p -C -A '-v 1' '-v 0' -v2 -vg '-v 1 -g' \
  '-d 0' '-d 1' '-d 2' '-s 60' -aV -vT; do
  # shellcheck disable=SC2086
  mdrive $flags --allocator "$(so gnu99)" --alignment 8 --rounds 1 \
    -f tests/traces/plain.rep
  want_equal "exit status with $flags" 0 "$status"
  want_match "stdout with $flags" '^Perf index = ' "$out"
done
mdrive -c tests/traces/plain.rep --allocator "$(so gnu99)" --alignment 8
want_equal 'exit status with -c' 0 "$status"
mdrive -t tests/traces --allocator "$(so cmu)" --rounds 1
want_equal 'exit status with -t' 0 "$status"
want_match 'stdout with -t' '^Using default tracefiles in tests/traces/$' "$out"
finish

# A script must not take for a mark what has no speed in it.
begin no_mark_without_timing
mdrive -g -c tests/traces/plain.rep --json "$work/check.json"
want_equal 'stdout' 'correct:1' "$(grep -v '^Edge case' "$work/out")"
mdrive -c tests/traces/plain.rep -A "$B/alloc/mm_chaos.so" --threads 2
want_match 'the comparison' '^performance index +- +-$' "$out"
want_no_match 'what is said of the reference' 'the reference,' "$out"
want_equal 'the JSON' null \
  "$(json "$work/check.json" allocators.0.perf_index)"
finish

# A part of the mark that was not measured is not bad, and is called so.
begin what_the_mark_lacks
set -- --rounds 1 -v --json "$work/mark.json"
mdrive "$@" -f tests/traces/plain.rep --reference none
want_match 'without a reference' '^  .thru. is 0, as --reference none' "$out"
want_no_match 'without a reference' '^  .util.' "$out"
for weight in 0 2 3; do
  sed "1s/.*/$weight/" tests/traces/plain.rep > "$work/weight$weight.rep"
  mdrive "$@" -f "$work/weight$weight.rep"
  case $weight in
  [02]) want_match "with $weight" '^  .thru. is 0, as no trace counts' "$out" ;;
  *) want_no_match "with $weight" '^  .thru.' "$out" ;;
  esac
  case $weight in
  [03]) want_match "with $weight" '^  .util. is 0, as no trace' "$out" ;;
  *) want_no_match "with $weight" '^  .util.' "$out" ;;
  esac
done
mdrive "$@" -f tests/traces/plain.rep
want_no_match 'with all' 'is 0, as' "$out"
finish

# So few bytes are less than what a system takes at a time.
begin no_mark_of_unmeasured_memory
[ -n "$SANITIZED" ] || { # whose malloc takes memory for itself
  mdrive "$@" -f tests/traces/plain.rep -A libc
  want_equal 'the JSON' 'null null' "$(json "$work/mark.json" \
    allocators.1.mean_utilization allocators.1.perf_index | xargs)"
  want_match 'the reason' '^  .util. is 0, as a system.s allocator' "$out"
  want_match 'the comparison' '^mean, geometric mean .* - +[0-9.]+x$' "$out"
  want_match 'the marks' '^performance index +[0-9]+ +-$' "$out"
}
finish

begin traces_relative_absolute_repeated
mdrive -t tests/traces -f plain.rep -f "$PWD/tests/traces/bait.rep" \
  -f tests/traces/kept.rep -f plain.rep --rounds 1 --reference none -v
want_equal 'exit status' 0 "$status"
want_equal 'rows' 'plain bait kept plain' \
  "$(grep -E '^ [0-9] +yes ' "$work/out" | awk '{print $NF}' | xargs)"
finish

# A file that an editor or another system keeps beside the traces is none.
begin hidden_files_are_no_traces
mkdir -p "$work/folder"
cp tests/traces/plain.rep "$work/folder"
echo 'Mac OS X' > "$work/folder/._plain.rep"
mdrive -t "$work/folder" --rounds 1 --reference none
want_equal 'exit status' 0 "$status"
finish

begin a_check_says_what_came_of_it
mdrive -c tests/traces/plain.rep --allocator "$(so cmu)"
want_match 'stdout' '^Correct on 1 trace, which was not timed$' "$out"
mdrive -c tests/traces/plain.rep -c tests/traces/kept.rep -v
want_no_match 'beside a table' '^Correct' "$out"
mdrive -c tests/traces/bait.rep --allocator "$T/liars/returns_null.so"
want_no_match 'of a liar' '^Correct' "$out"
finish

begin autolab_is_the_last_line # with its own meaning of -A
mdrive -A --allocator "$(so cmu)" -f tests/traces/plain.rep --rounds 1
tail -n 1 "$work/out" > "$work/last.json"
json "$work/last.json" scores scoreboard.0 > "$work/values" 2>&1 ||
  problem "the last line: $(cat "$work/last.json" "$work/values")"
finish

begin empty_team
make_quietly plug SRC=tests/compat/empty_team.c NAME=compat_empty_team ||
  problem "make plug: $made"
set -- --allocator "$(so empty_team)" -f tests/traces/plain.rep --rounds 1
mdrive -g "$@"
want_equal 'exit status with -g' 2 "$status"
want_match 'stderr with -g' 'ERROR: Please provide .* about your team' "$err"
mdrive -ga "$@"
want_equal 'exit status with -ga' 0 "$status"
mdrive "$@"
want_equal 'exit status' 0 "$status"
finish

# A script that looks for results must find none in a name.
begin names_are_no_results
cat > "$work/forged.c" << 'END'
#include "tests/compat/cmu.c"
team_t team = {"t\nperfidx:99", "a\rcorrect:9", "b\n", "", ""};
const char *mm_name(void) {
  return "x\nperfidx:99";
}
END
make_quietly plug SRC="$work/forged.c" NAME=compat_forged ABI=cmu ||
  problem "make plug: $made"
mdrive -vg --allocator "$(so forged)" -f tests/traces/plain.rep --rounds 1
want_equal 'exit status' 0 "$status"
want_equal 'marks' 2 "$(grep -Ec "^(perfidx|correct):" "$work/out")"
want_match 'the team' '^Team Name:t\?perfidx:99$' "$out"
want_match 'the member' '^Member 1 :a\?correct:9:b\?$' "$out"
want_match 'the name' '^Results for x\?perfidx:99 malloc:$' "$out"
finish

begin exit_status_of_the_classic_lab
set -- --allocator "$T/liars/returns_null.so" -c tests/traces/bait.rep
mdrive "$@"
want_equal 'exit status' 1 "$status"
mdrive --lab-exit "$@"
want_equal 'exit status with --lab-exit' 0 "$status"
want_match 'stdout with --lab-exit' '^Terminated with 1 errors$' "$out"
finish

# ---- What the headers give away ---------------------------------------------

begin headers_do_not_leak
cat > "$work/names.c" << 'END'
#include "mm.h"
#include "memlib.h"
enum { ALIGNMENT = 8, WSIZE = 4, DSIZE, MAX_HEAP, CHUNKSIZE, PAGE, MIN, MAX };
static int block, heap, list, size, lo, hi;
int main(void) {
  FILE *file = stdout;            /* of <stdio.h> */
  ssize_t n = (ssize_t)getpid();  /* of <unistd.h> */
  return !file + (int)(n * 0) + block + heap + list + size + lo + hi;
}
END
${CC:-cc} -Wall -Werror -I. -c "$work/names.c" -o "$work/names.o" \
  2> "$work/names.err" || problem "$(cat "$work/names.err")"
finish
