#!/bin/sh
# golden/run.sh [--accept] - reports of a fixed result are what they were: each
# case of reports.cpp is compared with CASE.txt here. With --accept, what is
# printed now becomes the text; look at the difference before you commit it.
group=golden
. tests/lib.sh

reports=$T/golden/reports

# stdout, then stderr; shell scripts read the one, people both.
print_case() {
  "$reports" "$1" > "$work/$1.out" 2> "$work/$1.err" < /dev/null
  cat "$work/$1.out"
  [ ! -s "$work/$1.err" ] || echo "---- stderr:"
  cat "$work/$1.err"
}

for case in $("$reports"); do
  begin "$case"
  print_case "$case" > "$work/$case.txt"
  expected=tests/golden/$case.txt
  [ "$1" != --accept ] || cp "$work/$case.txt" "$expected"
  diff -u "$expected" "$work/$case.txt" > "$work/diff" 2>&1 ||
    problem "$(cat "$work/diff")"
  finish
done

# ---- What must hold, whatever the texts look like ---------------------------

# The lines that scripts parse (docs/instructor.md).
begin lines_that_scripts_parse
text=$(cat "$work/verbose.out" "$work/grader.out" "$work/failed.out")
for regex in '^Team Name:' '^Member 1 :' '^Using default tracefiles in ' \
  '^Results for mm malloc:$' '^Terminated with [0-9]+ errors$' \
  '^Perf index = [0-9]+ \(util\) \+ [0-9]+ \(thru\) = [0-9]+/100$' \
  '^correct:[0-9]+$' '^perfidx:[0-9]+$' '^ERROR \[trace 1, line 3\]:'; do
  want_match 'stdout' "$regex" "$text"
done
finish

# An allocator's output must not be taken for a result.
begin what_an_allocator_prints_is_no_result
want_no_match 'stdout' 'Perf index = 100/100' "$(cat "$work/failed.out")"
want_match 'stderr' 'alice printed: Perf index' "$(cat "$work/failed.err")"
finish

begin no_colour_unless_asked
for case in $("$reports"); do
  [ "$case" = color ] && continue
  want_no_match "$case" "$(printf '\033')" "$(cat "$work/$case.txt")"
done
want_match 'color' "$(printf '\033')" "$(cat "$work/color.txt")"
finish

# Its parser takes a word and a colon inside a string for a key.
begin autolab_line
want_equal 'lines' 1 "$(wc -l < "$work/autolab.out" | tr -d ' ')"
json "$work/autolab.out" scores.Performance scoreboard.0 > "$work/values" ||
  problem 'it is no JSON'
awk -F'"' '{ for (i = 2; i <= NF; i += 2) if ($i ~ /:/) print $i }' \
  "$work/autolab.out" > "$work/colons"
want_equal 'strings with a colon' '' "$(cat "$work/colons")"
finish

# The keys that the JSON must have; there may be more.
want_keys() { # PATH KEY..
  have=" $(json "$work/json.out" "$1") "
  path=$1
  shift
  for key; do
    case $have in
    *" $key "*) ;;
    *) problem "$path lacks '$key', has:$have" ;;
    esac
  done
}

begin json_keys
want_keys '#keys' reference allocators
for i in 0 1 2; do
  want_keys "allocators.$i.#keys" name traces mean_utilization \
    geomean_reference_ratio perf_index
  for j in 0 1 2; do
    want_keys "allocators.$i.traces.$j.#keys" trace valid fault ops threads \
      peak_payload heap_high_water utilization ns_per_op reference_ratio \
      timed_high_water touched_peak touched_end touched_over_time \
      payload_over_time
  done
done
finish

begin json_values
set -- reference libc allocators.#size 3 allocators.0.name mm \
  allocators.0.traces.#size 3 allocators.0.traces.0.trace cc1 \
  allocators.0.traces.0.valid true allocators.0.traces.0.fault null \
  allocators.0.traces.0.ops 4 allocators.0.traces.2.threads 2 \
  allocators.0.traces.0.peak_payload 1500 \
  allocators.0.traces.0.heap_high_water 4096 \
  allocators.0.traces.0.utilization 0.91234 \
  allocators.0.traces.0.ns_per_op 12.345 \
  allocators.0.traces.0.reference_ratio 1.2345 \
  allocators.0.traces.0.timed_high_water 8192 \
  allocators.0.traces.0.touched_peak 409600 \
  allocators.0.traces.0.touched_end 1 \
  allocators.0.traces.0.touched_over_time.#size 20 \
  allocators.0.traces.0.touched_over_time.1 81920 \
  allocators.0.traces.0.payload_over_time.19 389120 \
  allocators.2.traces.0.touched_peak null \
  allocators.1.traces.2.valid false allocators.1.traces.2.ns_per_op null \
  allocators.1.traces.2.heap_high_water null \
  allocators.1.traces.2.fault 'other/threads.txt: mm_init failed' \
  allocators.2.traces.0.utilization null allocators.0.perf_index 93.6 \
  allocators.0.mean_utilization 0.893 \
  allocators.0.geomean_reference_ratio 1.96
while [ $# -gt 0 ]; do
  want_equal "$1" "$2" "$(json "$work/json.out" "$1" 2>&1)"
  shift 2
done
finish

# A row for each allocator and trace, with as many fields as the head has.
begin csv_shape
want_equal 'rows' 10 "$(wc -l < "$work/csv.out" | tr -d ' ')"
fields=$(sed 's/"[^"]*"/x/g; s/[^,]//g' "$work/csv.out" | sort -u | wc -l)
want_equal 'numbers of fields' 1 "$((fields))"
finish
