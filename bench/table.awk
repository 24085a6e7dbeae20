# table.awk - reads what mdriver --csv writes, for the other scripts here:
#
#   awk -f bench/table.awk -f bench/summary.awk FILE
#
# The columns are found by their names. Of a row this sets allocator, trace, ns,
# ratio (speed as a multiple of the reference's), spread, util, bound and again
# (the utilization that the heap came to in the timed passes); 0
# stands for a figure that is missing. A row that is not valid is counted in
# faults[allocator], its other columns are not looked at. Allocators are in
# names[1..allocators], in the order of the file. Of several files `file` says
# which it is, from 1.
BEGIN { FS = "," }

function field(name) {
  return $(column[name])
}

function text(name,    s) {
  s = field(name)
  gsub(/"/, "", s)
  return s
}

# "2.35x", "0.0041x".
function times(x) {
  return sprintf(x < .1 ? "%.2gx" : "%.2fx", x)
}

FNR == 1 {
  file++
  for (i = 1; i <= NF; i++) column[$i] = i
  next
}

{
  allocator = text("allocator")
  trace = text("trace")
  if (!(allocator in known)) {
    known[allocator] = 1
    names[++allocators] = allocator
  }
  if (field("valid") != 1) {
    if (!((allocator, trace) in wrong)) faults[allocator]++
    wrong[allocator, trace] = 1
    next
  }
  ns = field("ns_per_op") + 0
  ratio = field("reference_ratio") + 0
  spread = field("ratio_spread") + 0
  util = field("utilization") + 0
  bound = field("bound") + 0
  again = field("timed_high_water") ? \
    field("peak_payload") / field("timed_high_water") : 0
}
