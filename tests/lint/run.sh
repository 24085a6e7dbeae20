#!/bin/sh
# lint/run.sh - tests of tests/lint.sh itself: a small tree keeps all rules, and
# with one violation planted into it, that one is found, at its place.
group=lint
. tests/lib.sh

tree=$work/tree
lint=$PWD/tests/lint.sh

plant_clean_tree() {
  rm -rf "$tree"
  mkdir -p "$tree/driver" "$tree/tests/unit" "$tree/ladder" "$tree/build"
  cd "$tree" || exit 1
  echo '#define LIMIT 5' > config.h
  echo '#include <stdio.h>' > mm.h
  echo '#include <unistd.h>' > memlib.h
  printf '#include "memlib.h"\nvoid *f(void) {\n  return mmap(0);\n}\n' \
    > memlib.c
  printf '#include "mm.h"\n\n#include "config.h"\n#include "memlib.h"\n' > mm.c
  echo 'int text;' > driver/text.hpp
  printf '#include "text.hpp"\n' > driver/text.cpp
  printf '#include "text.hpp"\n\n#include "mm.h"\n' > driver/allocator.hpp
  printf '#include "driver/allocator.hpp"\n#include "tests/check.h"\n' \
    > tests/unit/x_test.cpp
  printf '#define CHECK(x) x\n' > tests/check.h
  printf 'int\tignored;   \n' > build/generated.c
  cd - > /dev/null || exit 1
}

# What lint says of the tree.
said_of_tree() {
  said=$("$lint" --root "$tree" "$@" 2>&1)
}

begin a_clean_tree
plant_clean_tree
said_of_tree --no-compile || problem 'exit status 1'
want_equal 'what it says' 'lint: 10 files, 0 violations' "$said"
finish

# planted NAME FILE REGEX TEXT: the text (as printf's format) is put into the
# file, instead of what it has; lint says one thing, which must match.
planted() {
  begin "$1"
  plant_clean_tree
  # shellcheck disable=SC2059
  printf "$4" > "$tree/$2"
  said_of_tree --no-compile && problem 'exit status 0'
  want_match 'what it says' "^$2:$3" "$said"
  want_match 'the sum' '^lint: [0-9]+ files, 1 violations$' "$said"
  finish
}

planted layer_above driver/text.cpp \
  '2: includes driver/allocator\.hpp, which is not of a lower layer' \
  '#include "text.hpp"\n#include "allocator.hpp"\n'
planted layer_of_its_own driver/clock.cpp \
  '1: includes driver/text\.hpp, which is not of a lower layer' \
  '#include "text.hpp"\n'
planted allocator_includes_driver mm.c \
  '2: a file of the allocator side includes driver/text\.hpp, of the driver' \
  '#include "mm.h"\n#include "driver/text.hpp"\n'
planted driver_includes_allocator driver/text.cpp \
  '1: a file of the driver side includes mm\.c, of the allocator side' \
  '#include "mm.c"\n'
planted driver_includes_test driver/text.cpp \
  '1: a file of the driver side includes tests/check\.h, of the test side' \
  '#include "tests/check.h"\n'
planted include_of_nothing mm.c '1: includes gone\.h, which is not in the' \
  '#include "gone.h"\n'
planted no_layer driver/stray.cpp '1: is in no layer' 'int stray;\n'

planted macro mm.c '2: a function-like macro' \
  'int a;\n#define GET(p) (*(p))\n'
planted macro_in_a_test tests/unit/x_test.cpp '1: a function-like macro' \
  '#  define TWICE(p) ((p) + (p))\n'
planted long_line mm.c '2: has 81 columns' 'int a;\n%080d;\n'
planted tab driver/text.cpp '2: has a tab' 'int a;\n\tint b;\n'
planted blank_at_the_end mm.c '1: ends with a blank' 'int a; \n'

# A function of N lines, after one that is short.
function_of() {
  printf 'int b(int a) {\n  if (a) {\n    a++;\n  }\n  return a;\n}\n\n'
  printf '%s\nmm_long(int a,\n  int b) {\n' "$1"
  for i in $(seq "$2"); do echo "  a += $i; // }"; done
  printf '}\n\nstruct after {\n  int x;\n};\n'
}
planted long_function mm.c '8: function mm_long has 61 lines, 60 at most' \
  "$(function_of int 57)\\n"
planted long_method driver/text.cpp '3: function mm_long has 61 lines' \
  "class X {\\n public:\\n$(function_of int 57 | sed 1,7d)\\n};\\n"
planted long_template driver/text.cpp '3: function mm_long has 61 lines' \
  "namespace {\\n\\n$(function_of 'template <class T>' 57 | sed 1,7d)\\n}\\n"

begin long_enough_functions
plant_clean_tree
function_of int 56 > "$tree/mm.c"
{
  echo 'const struct { int (*f)(int); } table[] = {'
  for i in $(seq 70); do echo "  {[](int a) { return a + $i; }},"; done
  echo '};'
} > "$tree/driver/text.cpp"
said_of_tree --no-compile || problem "$said"
finish

# door CALL FILE: what may not be called there.
door() {
  planted "door_$1" "$2" '2: .*: only in .*\(tests/lint/doors.txt\)' \
    "// $3\\nint x = $3;\\n"
}
door mmap mm.c 'mmap(0)'
door madvise driver/text.cpp 'madvise (0)'
door mprotect mm.c 'mprotect(0)'
door sbrk mm.c 'sbrk(0)'
door dlopen driver/text.cpp 'dlopen(a)'
door dlsym driver/text.cpp '::dlsym(a)'
door fork driver/text.cpp 'fork()'
door kill driver/text.cpp 'kill(1, 2)'
door signal mm.c 'signal(1, 2)'
door setrlimit driver/text.cpp 'setrlimit(1, 2)'
door system driver/text.cpp 'std::system(a)'
door execv driver/text.cpp 'execv(a)'
door clock_gettime driver/text.cpp 'clock_gettime(1)'
door chrono driver/text.cpp 'std::chrono::now'
door pthread_create driver/text.cpp 'pthread_create(a)'
door thread driver/text.cpp 'std::thread(a)'
door malloc driver/text.cpp 'fn.malloc(3)'
door printf driver/text.cpp 'std::printf(a)'
door plain_printf mm.c 'printf(a)'
door puts driver/text.cpp 'puts(a)'
door cout driver/text.cpp 'std::cout << 1'
door fprintf_stdout driver/text.cpp 'fprintf(stdout, a)'
door argv driver/text.cpp 'argv[1]'

# Comments, strings and longer names are no calls.
begin what_only_looks_like_a_call
plant_clean_tree
cat > "$tree/driver/text.cpp" << 'END'
/* mmap(1) and
   fork(2) } */
const char *text = "kill(1) \" dlopen(2)"; // printf(3)
char quote = '"', brace = '{'; /* x */ int my_fork(), forks(int);
int a = snprintf(b, c, d) + fprintf(stderr, e) + vsnprintf(f);
bool forked = limits.fork && my_argv && clocks(3) + 1'000;
END
said_of_tree --no-compile || problem "$said"
finish

begin doors_are_open_where_they_are
plant_clean_tree
echo 'int a = dlopen(0);' >> "$tree/driver/allocator.hpp"
said_of_tree --no-compile && problem 'dlopen in allocator.hpp passed'
mv "$tree/driver/allocator.hpp" "$tree/driver/allocator.cpp"
rm "$tree/tests/unit/x_test.cpp"
said_of_tree --no-compile || problem "dlopen in allocator.cpp: $said"
finish

begin shell_scripts
plant_clean_tree
printf 'echo %090d\n' 1 > "$tree/tests/a.sh"
said_of_tree --no-compile && problem 'exit status 0'
want_match 'what it says' '^tests/a\.sh:1: has 95 columns' "$said"
finish

begin names_in_docs
plant_clean_tree
mkdir "$tree/docs"
printf 'The loop in `f` calls\n`mem_lib`, then `mem_gone(1)`.\n' \
  > "$tree/docs/a.md"
echo 'int mem_lib;' >> "$tree/mm.c"
said_of_tree --no-compile && problem 'exit status 0'
want_match 'what it says' '^docs/a\.md:2: names mem_gone, which' "$said"
want_match 'the sum' ', 1 violations$' "$said"
finish

if command -v clang-format > /dev/null; then
  begin format
  plant_clean_tree
  cp .clang-format "$tree"
  printf 'int a( ) { return 1;}\n' > "$tree/mm.c"
  said_of_tree --no-compile && problem 'exit status 0'
  want_match 'what it says' '^mm\.c:1: not as clang-format' "$said"
  finish
fi

# A warning of either compiler, at the line that it names.
warning() { # NAME FILE TEXT
  begin "$1"
  plant_clean_tree
  rm "$tree/memlib.c"
  # shellcheck disable=SC2059
  printf "$3" > "$tree/$2"
  said_of_tree && problem 'exit status 0'
  want_match 'what it says' "^$2:2:[0-9]+: error: " "$said"
  finish
}
warning conversion mm.c 'long a;\nint f(void) { return a; }\n'
warning shadow driver/text.cpp 'int a;\nint f() { int a = 1; return a; }\n'
warning unused mm.c '\nstatic int f(void) { return 1; }\n'
