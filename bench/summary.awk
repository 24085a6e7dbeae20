# summary.awk - one line an allocator: the geometric mean of its speed as a
# multiple of the reference's, with the spread of that mean (each trace's own
# spread between rounds, taken as independent), the slowest trace; mean
# utilization, and its share of the bound; and what the utilization came to when
# the heap had been used again and again, in the timed passes.
{
  traces[allocator]++
  if (ratio > 0) {
    timed[allocator]++
    logs[allocator] += log(ratio)
    spreads[allocator] += spread * spread
    if (ratio < 1) slower[allocator]++
    if (!(allocator in least) || ratio < least[allocator]) {
      least[allocator] = ratio
      slowest[allocator] = trace
    }
  }
  if (util > 0) {
    spaced[allocator]++
    utils[allocator] += util
    shares[allocator] += util / bound
    lasts[allocator] += again
    if (!(allocator in loosest) || util / bound < loosest[allocator]) {
      loosest[allocator] = util / bound
      loose_trace[allocator] = trace
    }
  }
}

function percent(x) {
  return sprintf("%.1f%%", 100 * x)
}

END {
  printf "%-21s %14s %7s  %-22s\n", "", "speed", "slower",
    "slowest"
  for (i = 1; i <= allocators; i++) {
    a = names[i]
    if (!timed[a]) continue
    printf "%-21s %8s +-%3.0f%% %4d/%-2d  %s %s\n", a,
      times(exp(logs[a] / timed[a])), 100 * sqrt(spreads[a]) / timed[a],
      slower[a], timed[a], times(least[a]), slowest[a]
  }
  printf "\n%-21s %14s %7s %8s  %-22s\n", "", "utilization", "/ bound",
    "timed", "worst / bound"
  for (i = 1; i <= allocators; i++) {
    a = names[i]
    # Where only large traces can be measured, a mean would say nothing.
    if (spaced[a] < traces[a]) continue
    printf "%-21s %14s %7s %8s  %s %s\n", a, percent(utils[a] / spaced[a]),
      percent(shares[a] / spaced[a]),
      lasts[a] ? percent(lasts[a] / spaced[a]) : "-", percent(loosest[a]),
      loose_trace[a]
  }
  for (a in faults) printf "%s is not valid on %d traces\n", a, faults[a]
}
