#!/usr/bin/env bash
# File systems that fail, at every call in turn: faults.sh PROGRAM LIBRARY [STEP]. Wherever it happens there is one message
# with exit code 3 and no half file that verifies; what was saved before is still there, and the same command, on a file
# system that is well again, ends with the output of an undisturbed one. STEP (default 1): of calls, one in so many.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
library=$2
step=${3:-1}
limit=30
F=$work/faulty
config=$root/configs/digits_synchronous.toml
common=(--quiet --set data.images=12 --set simulation.timesteps=6 --set simulation.batch=4 --set checkpoint.keep=2
  --set checkpoint.every_minutes=0 --set checkpoint.directory="$F/checkpoints" --set output.file="$F/out.h5")
run=(run "$config" "${common[@]}")
convert=(convert "$root/configs/digits.toml" --quiet -o "$F/net.h5")
EIO=5 ENOSPC=28 ENOENT=2

LD_PRELOAD=$library "$snn_dist" --version >/dev/null 2>&1 || { echo "skipped: nothing can be loaded before this program"; exit 77; }

# faulty FAULT ARGUMENTS...
faulty() {
  local fault=$1
  shift
  rm -f "$work/count"
  LD_PRELOAD=$library SNN_TEST_FAULT=$fault SNN_TEST_FAULT_FOLDER=$F SNN_TEST_FAULT_COUNT=$work/count alone "$@"
}

anew() { rm -rf "$F"; mkdir -p "$F"; }

# whole NAME: files that are there under the names of finished ones verify.
whole() {
  local name=$1 file
  for file in "$F"/*.h5 "$F"/checkpoints/*.h5; do
    [ -e "$file" ] || continue
    alone verify "$file" || fail "$name: $(tail -n 1 "$work/err")"
  done
}

# equal NAME: the outputs that are there are those of an undisturbed run.
equal() {
  if [ "$kind" = run ]; then
    alone diff "$work/reference.h5" "$F/out.h5" && pass || fail "$1: $(head -n 3 "$work/out")"
  else
    cmp -s "$work/net.h5" "$F/net.h5" && pass || fail "$1: another network"
  fi
}

# breaks CALL CODE ARGUMENTS...: every call in turn; how many there are is counted where none fails.
breaks() {
  local call=$1 code=$2 ended number
  shift 2
  anew
  faulty "$call 1000000 $code" "$@" || fail "$kind, $call counted: $(cat "$work/err")"
  calls=$(cat "$work/count")
  for ((number = 1; number <= calls; number += step)); do
    anew
    faulty "$call $number $code" "$@"
    ended=$?
    if [ "$ended" -eq 3 ] && [ "$(grep -c '^snn_dist: error: ' "$work/err")" -eq 1 ]; then
      pass
    else
      fail "$kind, $call $number of $calls with errno $code: exit code $ended: $(head -n 3 "$work/err")"
    fi
    whole "$kind, $call $number"
    alone "$@" && equal "$kind again, after $call $number" || fail "$kind again: $(head -n 3 "$work/err")"
  done
  echo "$kind: $call, errno $code: $calls calls"
}

anew
alone "${run[@]}" || fail "undisturbed: $(cat "$work/err")"
mv "$F/out.h5" "$work/reference.h5"
alone "${convert[@]}" || fail "undisturbed: $(cat "$work/err")"
mv "$F/net.h5" "$work/net.h5"
for kind in run convert; do
  declare -n command=$kind
  anew
  faulty short "${command[@]}" || fail "$kind, short writes: $(cat "$work/err")"
  equal "$kind, short writes"
  breaks error $EIO "${command[@]}"
  breaks error $ENOSPC "${command[@]}"
  breaks sync $EIO "${command[@]}"
  breaks rename $ENOENT "${command[@]}"
done
finish
