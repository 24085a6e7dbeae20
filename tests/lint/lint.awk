# lint.awk - the rules of the house that need no compiler.
#
#   awk -v LAYERS=layers.txt -v DOORS=doors.txt -f lint.awk FILE..
#
# Prints FILE:LINE: WHAT for each violation. All files of the tree are given at
# once, since that is how an #include is known to mean one of ours.

function complain(line, what) {
  printf "%s:%d: %s\n", file, line, what
}

# "driver/*.hpp" -> a regex for the whole name.
function glob(pattern) {
  gsub(/\./, "\\.", pattern)
  gsub(/\*/, "[^/]*", pattern)
  return "^" pattern "$"
}

function matches_any(path, patterns,    list, n, i) {
  n = split(patterns, list, " ")
  for (i = 1; i <= n; i++)
    if (path ~ glob(list[i])) return 1
  return 0
}

function read_layers(    line, colon) {
  while ((getline line < LAYERS) > 0) {
    if (line ~ /^#/ || line ~ /^ *$/) continue
    colon = index(line, ":")
    layers++
    layer_side[layers] = substr(line, 1, colon - 1)
    layer_files[layers] = substr(line, colon + 1)
  }
}

# "  calls fork vfork" -> a regex.
function door_regex(line,    n, list, i, names) {
  n = split(line, list, " ")
  for (i = 2; i <= n; i++) names = names (i > 2 ? "|" : "") list[i]
  return "(^|[^A-Za-z0-9_])(" names ")" \
    (list[1] == "calls" ? " *\\(" : "($|[^A-Za-z0-9_])")
}

function read_doors(    line, colon) {
  while ((getline line < DOORS) > 0) {
    if (line ~ /^#/ || line ~ /^ *$/) continue
    if (line !~ /^ /) {
      colon = index(line, ":")
      what = substr(line, 1, colon - 1)
      files = substr(line, colon + 1)
      continue
    }
    doors++
    door_what[doors] = what
    door_files[doors] = files
    door_word[doors] = door_regex(line)
  }
}

BEGIN {
  read_layers()
  read_doors()
  for (i = 1; i < ARGC; i++) known[ARGV[i]] = 1
}

# ---- Text -------------------------------------------------------------------

# The line without comments and with empty strings. Sets in_comment.
function code_of(line,    out, i, c, two, quote) {
  out = ""
  for (i = 1; i <= length(line); i++) {
    c = substr(line, i, 1)
    two = substr(line, i, 2)
    if (in_comment) {
      if (two == "*/") { in_comment = 0; i++ }
      continue
    }
    if (quote != "") {
      if (c == "\\") i++
      else if (c == quote) { out = out c; quote = "" }
      continue
    }
    if (two == "/*") { in_comment = 1; i++; continue }
    if (two == "//") break
    # A quote in a number, as 1'000, begins no character.
    if (c == "\"" || (c == "'" && substr(line, i - 1, 1) !~ /[0-9a-f]/))
      quote = c
    out = out c
  }
  return out
}

# ---- Layers -----------------------------------------------------------------

function layer_of(path,    i) {
  for (i = 1; i <= layers; i++)
    if (matches_any(path, layer_files[i])) return i
  return 0
}

function folder(path) {
  sub(/[^\/]*$/, "", path)
  return path
}

function stem(path) {
  sub(/\.[^.\/]*$/, "", path)
  return path
}

function check_include(    name, path, mine, its, side) {
  name = $0
  sub(/^[^"]*"/, "", name)
  sub(/".*$/, "", name)
  path = (folder(file) name) in known ? folder(file) name : name
  if (!(path in known)) return complain(FNR, "includes " name \
    ", which is not in the tree")
  mine = layer_of(file)
  its = layer_of(path)
  if (!mine || !its || stem(path) == stem(file)) return
  side = layer_side[mine]
  if (side != "test" && layer_side[its] != "common" && layer_side[its] != side)
    complain(FNR, "a file of the " side " side includes " path \
      ", of the " layer_side[its] " side")
  else if (its >= mine)
    complain(FNR, "includes " path ", which is not of a lower layer" \
      " (tests/lint/layers.txt)")
}

# ---- Doors ------------------------------------------------------------------

function check_doors(code,    i) {
  for (i = 1; i <= doors; i++) {
    if (door_of_file[i] || code !~ door_word[i]) continue
    complain(FNR, door_what[i] ": only in" door_files[i] \
      " (tests/lint/doors.txt)")
  }
}

# ---- Functions --------------------------------------------------------------

# What the brace opens, given the text before it.
function kind_of(text, outer) {
  if (outer == "f" || outer == "b" || outer == "i") return "b"
  if (text ~ /= *$/ || text !~ /\(/) {
    if (text ~ /(^| )(namespace|class|struct|union|extern)( |$)/) return "c"
    return "i" # an initializer, an enum
  }
  return "f"
}

function name_of(text) {
  sub(/ *\(.*$/, "", text)
  sub(/^.*[ *&]/, "", text)
  return text
}

function check_functions(code,    i, c) {
  for (i = 1; i <= length(code); i++) {
    c = substr(code, i, 1)
    if (c == "{") {
      kind[++depth] = kind_of(pending, kind[depth - 1])
      if (kind[depth] == "f") {
        function_name = name_of(pending)
        function_line = pending_line
      }
      pending = ""
    } else if (c == "}") {
      if (kind[depth] == "f" && FNR - function_line + 1 > 60)
        complain(function_line, "function " function_name " has " \
          (FNR - function_line + 1) " lines, 60 at most")
      if (depth > 0) depth--
      pending = ""
    } else if (c == ";" && kind[depth] != "f") {
      pending = ""
    } else if (c == ":" && pending ~ /^(public|private|protected) *$/) {
      pending = ""
    } else if (pending != "" || c !~ /[ \t]/) {
      if (pending == "") pending_line = FNR
      pending = pending c
    }
  }
  if (pending != "") pending = pending " "
}

# ---- Lines ------------------------------------------------------------------

function begin_file() {
  file = FILENAME
  in_comment = depth = continued = 0
  pending = ""
  kind[0] = "c"
  if (!layer_of(file)) complain(1, "is in no layer of tests/lint/layers.txt")
  is_test = file ~ /^(tests|fuzz|traces|bench)\//
  may_have_macros = file == "tests/check.h" || file == "contracts.h"
  for (i = 1; i <= doors; i++)
    door_of_file[i] = is_test || matches_any(file, door_files[i])
}

FNR == 1 { begin_file() }

{
  if (length($0) > 80) complain(FNR, "has " length($0) " columns, 80 at most")
  if ($0 ~ /\t/) complain(FNR, "has a tab")
  if ($0 ~ /[ \t]$/) complain(FNR, "ends with a blank")
  was_comment = in_comment
  code = code_of($0)
  if (!was_comment && $0 ~ /^ *# *include *"/) check_include()
  if (code ~ /^ *# *define +[A-Za-z_0-9]+\(/ && !may_have_macros)
    complain(FNR, "a function-like macro: write a function")
  check_doors(code)
  if (continued || code ~ /^ *#/)
    continued = code ~ /\\$/ # a macro's braces are not ours to count
  else
    check_functions(code)
}
