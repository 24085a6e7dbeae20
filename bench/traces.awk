# traces.awk - traces down, allocators across: speed as a multiple of the
# reference's, and the spread between rounds.
{
  if (!(trace in seen)) {
    seen[trace] = 1
    rows[++traces] = trace
  }
  cell[trace, allocator] = sprintf("%s+-%.0f%%", times(ratio), 100 * spread)
  if (ratio <= 0) next
  logs[allocator] += log(ratio)
  timed[allocator]++
}

function short(name) {
  if (name !~ /^libc/) sub(/^lib/, "", name)
  sub(/_minimal$/, "", name)
  return name
}

END {
  printf "%-16s", ""
  for (i = 1; i <= allocators; i++) printf "%13s", short(names[i])
  printf "\n"
  for (t = 1; t <= traces; t++) {
    printf "%-16s", rows[t]
    for (i = 1; i <= allocators; i++)
      printf "%13s", (rows[t], names[i]) in cell ? cell[rows[t], names[i]] : "-"
    printf "\n"
  }
  printf "%-16s", "geometric mean"
  for (i = 1; i <= allocators; i++) {
    a = names[i]
    printf "%13s", (timed[a] ? times(exp(logs[a] / timed[a])) : "-") "    "
  }
  printf "\n"
  for (a in faults) printf "%s is not valid on %d traces\n", a, faults[a]
}
