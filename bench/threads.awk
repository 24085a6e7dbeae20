# threads.awk - one line an allocator. From `turns` times `traces` pairs of
# files, of one thread and of two with blocks of their own: how many times one
# thread's operations a second two do, the median of the turns and half the
# distance between their quartiles. From the last two files, of two threads that
# hand every block over and of traces that have threads of their own, and from
# the pairs' second ones: speed as a multiple of the reference's.
{
  turn = int((file - 1) / 2 / traces) + 1
  if (turn > turns) {
    if (ratio > 0) add(file - 2 * turns * traces, ratio)
  } else if (file % 2) {
    alone[turn, allocator, trace] = ns
  } else {
    if (ns > 0 && alone[turn, allocator, trace] > 0)
      add("turn" turn, alone[turn, allocator, trace] / ns)
    if (ratio > 0) add("two", ratio)
  }
}

function add(column, x) {
  logs[column, allocator] += log(x)
  n[column, allocator]++
}

function mean(column, a) {
  return n[column, a] ? times(exp(logs[column, a] / n[column, a])) : "-"
}

function speedup(a,    i, j, of, x, count) {
  for (i = 1; i <= turns; i++) {
    if (!n["turn" i, a]) continue
    x = exp(logs["turn" i, a] / n["turn" i, a])
    for (j = count++; j > 0 && of[j] > x; j--) of[j + 1] = of[j]
    of[j + 1] = x
  }
  if (!count) return "-"
  x = of[int((count + 1) / 2)]
  return times(x) sprintf("+-%.0f%%",
    50 * (of[int((3 * count + 3) / 4)] - of[int((count + 3) / 4)]) / x)
}

END {
  printf "%-21s %12s %12s %12s %12s\n", "", "2 threads/1", "2 threads",
    "handoff", "threaded/"
  for (i = 1; i <= allocators; i++)
    printf "%-21s %12s %12s %12s %12s\n", names[i], speedup(names[i]),
      mean("two", names[i]), mean(1, names[i]), mean(2, names[i])
  print "\nThe first column compares with the allocator's own single thread, the" \
    "\nothers with the reference."
  for (a in faults) printf "%s is not valid on %d traces\n", a, faults[a]
}
