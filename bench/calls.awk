# calls.awk - the table of instructions a call, of what counts.awk has read.
END {
  printf "%-21s", ""
  for (j = 1; j <= m; j++) printf "%9s", columns[j]
  printf "\n"
  for (i = 1; i <= n; i++) {
    if (rows[i] == "nothing") continue
    printf "%-21s", short(rows[i])
    for (j = 1; j <= m; j++) {
      p = columns[j]
      if (operations[rows[i], p] && count[rows[i], p])
        printf "%9.1f", (count[rows[i], p] - count["nothing", p]) / \
          operations[rows[i], p]
      else
        printf "%9s", "-"
    }
    printf "\n"
  }
  print "\nA call is a malloc or a free; a loop that calls nothing is taken off."
  for (w in why) print w
}
