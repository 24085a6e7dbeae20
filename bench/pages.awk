# pages.awk - OS pages that hold memory: at the peak, in the mean over the
# course of the trace, and at its end; beside them the payload, in pages.
function pages(bytes) {
  return int((bytes + 4095) / 4096)
}

function three(peak, mean, end) {
  return sprintf("  %6d %6d %6d", pages(peak), pages(mean), pages(end))
}

{
  if (!(trace in seen)) {
    seen[trace] = 1
    rows[++traces] = trace
  }
  if (field("touched_peak") == "") next
  payload[trace] = three(field("peak_payload"), field("payload_mean"),
    field("payload_end"))
  cell[trace, allocator] = three(field("touched_peak"),
    field("touched_mean"), field("touched_end"))
}

END {
  printf "%-16s  %-20s", "", "payload"
  for (i = 1; i <= allocators; i++) printf "  %-20s", names[i]
  printf "\n%-16s", ""
  for (i = 0; i <= allocators; i++)
    printf "  %6s %6s %6s", "peak", "mean", "end"
  printf "\n"
  for (t = 1; t <= traces; t++) {
    printf "%-16s%s", rows[t], payload[rows[t]]
    for (i = 1; i <= allocators; i++)
      if ((rows[t], names[i]) in cell) printf "%s", cell[rows[t], names[i]]
      else printf "  %6s %6s %6s", "-", "-", "-"
    printf "\n"
  }
  for (a in faults) printf "%s is not valid on %d traces\n", a, faults[a]
}
