# counts.awk - reads what `bench/run.sh --count` prints, for the other scripts
# here:
#
#   awk -f bench/counts.awk -f bench/calls.awk TODO COUNTS
#
# The first file, of lines "ALLOCATOR WHAT", has the order of the table: what is
# in rows[1..n] and columns[1..m]. The second has lines "ALLOCATOR WHAT
# OPERATIONS INSTRUCTIONS MISPREDICTED [WHY NOT]" in any order; the reasons are
# the indexes of why.
function short(name) {
  sub(/^.*\//, "", name)
  sub(/\.so.*$/, "", name)
  return name
}

NR == FNR {
  if (!($1 in seen)) rows[++n] = $1
  if (!($2 in is_column)) columns[++m] = $2
  seen[$1] = is_column[$2] = 1
  next
}

{
  operations[$1, $2] = $3
  count[$1, $2] = $4
  wrong[$1, $2] = $5
  if (NF > 5) {
    sub(/^[^ ]+ [^ ]+ [^ ]+ [^ ]+ [^ ]+ /, "")
    why[$0] = 1
  }
}
