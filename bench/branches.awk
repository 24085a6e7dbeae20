# branches.awk - the table of instructions and mispredicted branches an
# operation, of what counts.awk has read.

# Sums over the traces that the allocator came through.
function add_up(name,    j, t, net) {
  logs = misses = done = 0
  for (j = 1; j <= m; j++) {
    t = columns[j]
    net = count[name, t] - count["nothing", t]
    if (!count["nothing", t] || !count[name, t] || net <= 0) continue
    logs += log(net / operations[name, t])
    misses += (wrong[name, t] - wrong["nothing", t]) / operations[name, t]
    done++
  }
}

END {
  printf "%-21s%13s%15s\n", "", "instructions", "mispredicted"
  for (i = 1; i <= n; i++) {
    if (rows[i] == "nothing") continue
    add_up(rows[i])
    if (done) {
      printf "%-21s%13.1f%15.3f", short(rows[i]), exp(logs / done), \
        misses / done
      if (done < m) printf "   (%d of %d traces)", done, m
    } else {
      printf "%-21s%13s%15s", short(rows[i]), "-", "-"
    }
    printf "\n"
  }
  print "\nMeans of " m " traces, of instructions the geometric one; the replay " \
    "is taken off."
  for (w in why) print w
}
