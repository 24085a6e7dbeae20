# Run to record bash: functions, arrays, patterns, a here-string.
declare -A count place
words=(anchor bridge candle dragon ember forest garden harbor island jungle)

pick() { # the next word of a fixed sequence
  state=$(((state * 1103515245 + 12345) % 2147483648))
  word=${words[state / 65536 % ${#words[@]}]}
}

line() {
  local text= i
  for ((i = 0; i < 12; i++)); do
    pick
    text+="$word "
    ((count[$word]++))
    place[$word]+="$1 "
  done
  lines+=("${text% }")
}

state=42 lines=()
for ((n = 0; n < 3; n++)); do line $n; done
for text in "${lines[@]}"; do
  text=${text//candle/lamp}
  case $text in
    *dragon*forest*) kept+=("${text^^}") ;;
    *island*) short+=("${text%% island*}") ;;
  esac
done
for word in "${words[@]}"; do
  printf '%-8s %4d %s\n' "$word" "${count[$word]}" "${place[$word]:0:40}"
done
while read -r first rest; do
  [[ $rest =~ ([a-z]+)\ ember ]] && before+=("${BASH_REMATCH[1]}")
done <<<"$(printf '%s\n' "${lines[@]}")"
echo "${#kept[@]} ${#short[@]} ${#before[@]}"
