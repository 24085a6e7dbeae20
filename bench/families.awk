# families.awk - families down, allocators across: utilization as a share of
# the bound (mean and least of the family's traces), and the geometric mean of
# speed as a multiple of the reference's. A trace is named FAMILY-NUMBER.
{
  family = trace
  sub(/-[0-9]+$/, "", family)
  if (!(family in seen)) {
    seen[family] = 1
    rows[++families] = family
  }
  add(family, allocator)
  add("all", allocator)
}

function add(f, a) {
  share = util / bound
  n[f, a]++
  shares[f, a] += share
  logs[f, a] += log(ratio > 0 ? ratio : 1)
  if (!((f, a) in least) || share < least[f, a]) least[f, a] = share
  if (!((f, a) in slowest) || ratio < slowest[f, a]) slowest[f, a] = ratio
}

function print_row(f,    i, a) {
  printf "%-10s", f
  for (i = 1; i <= allocators; i++) {
    a = names[i]
    if (n[f, a])
      printf "  %6.3f %6.3f %7s %7s", shares[f, a] / n[f, a],
        least[f, a], times(exp(logs[f, a] / n[f, a])),
        times(slowest[f, a])
    else
      printf "  %29s", "-"
  }
  printf "\n"
}

END {
  printf "%-10s", ""
  for (i = 1; i <= allocators; i++)
    printf "  %-29s", names[i] ": utilization / bound, speed"
  printf "\n%-10s", ""
  for (i = 1; i <= allocators; i++)
    printf "  %6s %6s %7s %7s", "mean", "least", "geomean", "slowest"
  printf "\n"
  for (f = 1; f <= families; f++) print_row(rows[f])
  print_row("all")
  for (a in faults) printf "%s is not valid on %d traces\n", a, faults[a]
}
