#!/bin/sh
# big/run.sh - a trace of a million operations is read, checked, measured and
# timed, with ids of every kind. How long that takes is not judged here.
group=big
. tests/lib.sh

ops=1000000
[ -z "$SANITIZED" ] || ops=50000

# generate STRIDE: random operations on up to 10,000 blocks; ids are multiples
# of the stride and are never used again.
generate() {
  awk -v ops=$ops -v stride="$1" 'BEGIN {
    srand(4)
    printf "1\n%d\n%d\n0\n", ops, ops
    for (i = 0; i < ops; i++) {
      which = int(rand() * 10000)
      size = int(2 ^ (rand() * 12))
      if (!(which in id)) {
        id[which] = next_id++
        printf "a %.0f %d\n", id[which] * stride, size
      } else if (rand() < .2) {
        printf "r %.0f %d\n", id[which] * stride, size
      } else {
        printf "f %.0f\n", id[which] * stride
        delete id[which]
      }
    }
  }'
}

# 3 stays within the array of the parser, a million leaves it at once.
generate 1 > "$work/dense.rep"
generate 1000003 > "$work/sparse.rep"

for kind in dense sparse; do
  begin "$kind"
  how=-f
  [ $kind = dense ] || how=-c # without timing
  mdrive $how "$work/$kind.rep" -A "$B/alloc/mm_chaos.so" --rounds 1 \
    --json "$work/$kind.json"
  want_equal 'exit status' 0 "$status"
  for i in 0 1; do
    t=allocators.$i.traces.0
    want_equal "allocator $i" "true $ops" \
      "$(json "$work/$kind.json" $t.valid $t.ops | xargs)"
  done
  finish
done

begin ids_make_no_difference
for key in peak_payload heap_high_water utilization; do
  want_equal $key \
    "$(json "$work/dense.json" allocators.0.traces.0.$key)" \
    "$(json "$work/sparse.json" allocators.0.traces.0.$key)"
done
finish

# A working set of 18 MB is freed, and a small program goes on. With six other
# seeds mm.c keeps 2 to 3 % of it, Chaos 9 to 16 %.
begin memory_goes_back
"$B/generate" random seed=1 ops=20000 live=2000 hi=16384 > "$work/many.rep"
"$B/generate" random seed=2 ops=200000 live=300 hi=2048 > "$work/calm.rep"
awk -f bench/join.awk "$work/many.rep" "$work/calm.rep" > "$work/spike.rep"
mdrive -c "$work/spike.rep" -A "$B/alloc/mm_chaos.so" \
  --json "$work/spike.json"
want_equal 'exit status' 0 "$status"
set -- 20 20 # percent of the peak: mm.c, Chaos
for i in 0 1; do
  t=allocators.$i.traces.0
  # shellcheck disable=SC2046
  set -- $(json "$work/spike.json" $t.touched_peak $t.touched_end) "$@"
  [ "$2" -lt $(($1 / 100 * $3)) ] ||
    problem "allocator $i: of $1 bytes $2 are left, not less than $3 %"
  shift 3
done
finish

# The place of a fault far down in the file.
begin fault_at_the_end
{
  printf '1\n1\n%d\n0\n' $ops
  yes 'f -1' | head -n $ops
  echo 'a 99999999 4321'
} > "$work/bait.rep"
mdrive -c "$work/bait.rep" --allocator "$T/liars/returns_null.so"
want_equal 'exit status' 1 "$status"
want_match 'stdout' "bait\.rep:$((ops + 5)): a 99999999 4321: returned NULL" \
  "$out"
finish
