#!/bin/sh
# secure/run.sh - the hardened build of Chaos: programs that make a mistake are
# stopped with the one line that says which, and programs that make none, the
# stress tests, run as they do on the build without.
group=secure
. tests/lib.sh

: "${STRESS:=1}"
ops=$((300000 * STRESS))
[ -z "$SANITIZED" ] || ops=$((ops / 10))

"$T/secure/mistakes" > "$work/mistakes" 2>&1 ||
  echo "FAIL secure: mistakes ended with status $?" >> "$work/mistakes"
cat "$work/mistakes"

# A crash tells nothing by itself.
for program in stress threads; do
  "$T/secure/$program" '' $ops > "$work/$program" 2>&1
  status=$?
  sed 's/^\([a-zA-Z]*\) stress: /\1 secure: /' "$work/$program"
  if [ $status -gt 1 ]; then
    echo "FAIL secure: $program ended with status $status"
    echo "    see it again with the seed above"
  fi
done
