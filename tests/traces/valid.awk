# valid.awk - is a trace what traces/README.md says our tools write? Prints
# the first thing that is wrong, and fails.
#
#   awk -f valid.awk x.rep            plain
#   awk -v raw=1 -f valid.awk x.rep   as the recorder leaves it: blanks around
#                                     the header, blank lines at the end
function wrong(what) {
  if (!failed) print FILENAME ":" FNR ": " what ": " $0
  failed = 1
  exit 1
}
function number(text) { return text ~ /^[0-9]+$/ }
function set_size(id, size) {
  bytes += size - live[id]
  live[id] = size
  if (bytes > top) top = bytes
}
function drop(id) {
  if (!(id in live)) wrong("id is not live")
  bytes -= live[id]
  delete live[id]
}

raw && FNR <= 4 { gsub(/ /, "") }
raw && FNR > 4 && $0 == "" { blank = 1; next }
blank { wrong("a line behind a blank one") }
FNR <= 4 { if (!number($0)) wrong("header"); header[FNR] = $0; next }
/  |^ | $/ { wrong("blanks") }
/^@/ {
  thread = substr($1, 2)
  if (!number(thread) || thread + 0 < 1 || thread + 0 > 255) wrong("thread")
  sub(/^[^ ]* /, "")
}
{ operations++ }
$0 == "f -1" { next }
{
  for (i = 2; i <= NF; i++) if (!number($i)) wrong("not a number")
  id = $2
  fields = $1 == "f" ? 2 : $1 == "c" || $1 == "m" ? 4 : 3
  if ($1 !~ /^[arfcm]$/ || NF != fields) wrong("not an operation")
}
$1 == "f" { drop(id); next }
id > ids { wrong("id out of order") }
id == ids { ids++; fresh = 1 }
$1 == "m" { for (a = $3; a > 1; a /= 2) if (a % 2) wrong("alignment") }
$1 != "r" && !fresh { wrong("id used again") }
$1 == "r" && !fresh && !(id in live) { wrong("id is not live") }
$1 == "r" && $3 == 0 { if (fresh) wrong("realloc(NULL, 0)"); drop(id); next }
{ set_size(id, $1 == "c" ? $3 * $4 : $NF); fresh = 0 }

END {
  if (failed) exit 1
  if (header[1] > 3) wrong("weight " header[1])
  if (header[2] != ids + 0) wrong("ids: " ids ", header: " header[2])
  if (header[3] != operations + 0)
    wrong("operations: " operations ", header: " header[3])
  if (header[4] != top + 0) wrong("peak: " top ", header: " header[4])
}
