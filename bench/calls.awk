# calls.awk - the table of instructions a call, from lines "ALLOCATOR PATTERN
# CALLS INSTRUCTIONS [WHY NOT]" in any order. The first file, "ALLOCATOR
# PATTERN", has the order of the table.
function short(name) {
  sub(/^.*\//, "", name)
  sub(/\.so.*$/, "", name)
  return name
}

NR == FNR {
  if (!($1 in seen)) rows[++n] = $1
  if (!($2 in is_pattern)) patterns[++m] = $2
  seen[$1] = is_pattern[$2] = 1
  next
}

{
  calls[$1, $2] = $3
  count[$1, $2] = $4
  if (NF > 4) {
    sub(/^[^ ]+ [^ ]+ [^ ]+ [^ ]+ /, "")
    why[$0] = 1
  }
}

END {
  printf "%-21s", ""
  for (j = 1; j <= m; j++) printf "%9s", patterns[j]
  printf "\n"
  for (i = 1; i <= n; i++) {
    if (rows[i] == "nothing") continue
    printf "%-21s", short(rows[i])
    for (j = 1; j <= m; j++) {
      p = patterns[j]
      if (calls[rows[i], p] && count[rows[i], p])
        printf "%9.1f", (count[rows[i], p] - count["nothing", p]) / \
          calls[rows[i], p]
      else
        printf "%9s", "-"
    }
    printf "\n"
  }
  print "\nA call is a malloc or a free; a loop that calls nothing is taken off."
  for (w in why) print w
}
