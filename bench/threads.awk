# threads.awk - one line an allocator, from four files: one thread, two threads
# with blocks of their own, two that hand every block over, and traces that
# have threads of their own. How many times one thread's operations a second
# two do; the rest as multiples of the reference's speed.
{
  if (file == 1) {
    alone[allocator, trace] = ns
    next
  }
  if (file == 2 && ns > 0 && alone[allocator, trace] > 0)
    add("speedup", alone[allocator, trace] / ns)
  if (ratio > 0) add(file, ratio)
}

function add(column, x) {
  logs[column, allocator] += log(x)
  n[column, allocator]++
}

function mean(column, a) {
  return n[column, a] ? times(exp(logs[column, a] / n[column, a])) : "-"
}

END {
  printf "%-21s %12s %12s %12s %12s\n", "", "2 threads/1", "2 threads",
    "handoff", "threaded/"
  for (i = 1; i <= allocators; i++)
    printf "%-21s %12s %12s %12s %12s\n", names[i], mean("speedup", names[i]),
      mean(2, names[i]), mean(3, names[i]), mean(4, names[i])
  print "\nThe first column compares with the allocator's own single thread, the" \
    "\nothers with the reference."
  for (a in faults) printf "%s is not valid on %d traces\n", a, faults[a]
}
