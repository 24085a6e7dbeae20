# join.awk - traces one behind the other, as one trace:
#
#   awk -f bench/join.awk FIRST.rep SECOND.rep > BOTH.rep
FNR == 1 {
  first_id += ids
  ids = 0
}

FNR <= 4 {
  if (FNR == 2) all_ids += $1
  next
}

{
  if ($2 >= ids) ids = $2 + 1
  $2 += first_id
  lines[++count] = $0
}

END {
  printf "1\n%d\n%d\n0\n", all_ids, count
  for (i = 1; i <= count; i++) print lines[i]
}
