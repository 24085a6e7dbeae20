# traces.awk - traces down, allocators across: speed as a multiple of the
# reference's, and the spread between rounds.
{
  if (!(trace in seen)) {
    seen[trace] = 1
    rows[++traces] = trace
  }
  cell[trace, allocator] = sprintf("%s+-%.0f%%", times(ratio), 100 * spread)
  logs[allocator] += log(ratio > 0 ? ratio : 1)
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
  for (i = 1; i <= allocators; i++)
    printf "%13s", times(exp(logs[names[i]] / traces)) "    "
  printf "\n"
}
