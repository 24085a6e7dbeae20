# Run by `jq -n` to record jq: objects, groups, paths, text.
def noise: (. * 1103515245 + 12345) % 2147483648;
[limit(90; 42 | recurse(noise))] as $noise
| [$noise | to_entries[]
   | {id: .key, who: "person-\(.value / 65536 | floor % 12)",
      amount: (.value / 1024 | floor % 500), tags: ["t\(.key % 5)", "all"]}]
| { total: (map(.amount) | add),
    by_who: (group_by(.who) | map({key: .[0].who,
      value: {count: length, sum: (map(.amount) | add), ids: map(.id)}})
      | from_entries),
    tags: ([.[].tags[]] | unique),
    large: [.[] | select(.amount > 400) | .who | ascii_upcase] | unique }
| ., ([paths(numbers)] | length), (tojson | length)
