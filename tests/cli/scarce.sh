#!/usr/bin/env bash
# A rank without memory, at every allocation in turn, and clocks that jump: scarce.sh PROGRAM LIBRARY [STEP]. Without memory
# the job ends soon, with one message and exit code 70, and leaves no output; or it did not need that memory, and the
# output is right. Whatever clocks say, and whether ranks get memory in common, results are the same. STEP (default 1): of
# allocations, one in so many.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
library=$2
step=${3:-1}
limit=30
F=$work/scarce
config=$root/configs/digits
common=(--quiet --set data.images=12 --set simulation.batch=4 --set checkpoint.every_minutes=0
  --set checkpoint.directory="$F/checkpoints" --set output.file="$F/out.h5")

LD_PRELOAD=$library "$snn_dist" --version >/dev/null 2>&1 || { echo "skipped: nothing can be loaded before this program"; exit 77; }

# disturbed FAULT ARGUMENTS...: on two ranks, the second with that fault.
disturbed() {
  local fault=$1
  shift
  rm -rf "$F" "$work/count"
  mkdir "$F"
  timeout -k 5 "$limit" mpirun --oversubscribe -np 1 "$snn_dist" "$@" : -np 1 -x LD_PRELOAD="$library" \
    -x SNN_TEST_FAULT="$fault" -x SNN_TEST_FAULT_COUNT="$work/count" "$snn_dist" "$@" >"$work/out" 2>"$work/err" </dev/null
}

# right NAME: the output is that of an undisturbed job.
right() {
  if [ $kind = convert ]; then
    cmp "$work/$kind.h5" "$F/$file" >"$work/out" 2>&1
  else
    alone diff "$work/$kind.h5" "$F/$file"
  fi && pass || fail "$1: $(head -n 3 "$work/out")"
}

for kind in windows synchronous convert; do
  file=out.h5
  case $kind in
    windows) command=(run "$config.toml" "${common[@]}" --layout 1x2x1) ;;
    synchronous) command=(run "${config}_synchronous.toml" "${common[@]}" --set simulation.timesteps=6 --layout 1x1x2) ;;
    convert) command=(convert "$config.toml" --quiet -o "$F/net.h5") file=net.h5 ;;
  esac
  disturbed "memory 1000000 12" "${command[@]}" || fail "$kind, undisturbed: $(head -n 3 "$work/err")"
  allocations=$(cat "$work/count") refused=0
  mv "$F/$file" "$work/$kind.h5"
  for ((number = 1; number <= allocations; number += step)); do
    disturbed "memory $number 12" "${command[@]}"
    code=$?
    if [ $code -eq 0 ]; then
      right "$kind, allocation $number of $allocations"
    elif [ $code -eq 70 ] && [ "$(grep -c '^snn_dist: error: .*out of memory' "$work/err")" -eq 1 ] &&
      [ "$(grep -c '^snn_dist: error: ' "$work/err")" -eq 1 ] && [ ! -e "$F/$file" ]; then
      refused=$((refused + 1))
      pass
    else
      fail "$kind, allocation $number of $allocations: exit code $code: $(ls "$F") $(grep -m 3 . "$work/err")"
    fi
  done
  echo "$kind: $allocations allocations, one in $step failed; $refused of these end the job"
  [ $refused -gt 0 ] || fail "$kind: no allocation failed"
  disturbed "clock 1000000000 1" "${command[@]}" || fail "$kind, clocks counted: $(head -n 3 "$work/err")"
  readings=$(cat "$work/count")
  for jump in "1 100000000" "$((readings / 4)) -100000000" "$((readings / 2)) 86400" "$((readings / 4 * 3)) -86400"; do
    disturbed "clock $jump" "${command[@]}" && right "$kind, clock $jump" ||
      fail "$kind, clock $jump of $readings: $(head -n 3 "$work/err")"
  done
done
# No memory in common: rank 0 says so, and packets bring the same.
rm -rf "$F"
mkdir "$F"
LD_PRELOAD=$library SNN_TEST_FAULT="share 1 12" on_ranks 2 run "$config.toml" "${common[@]:1}" --progress never --layout 1x2x1 &&
  [ "$(grep -c '^2 of 2 ranks find no memory to share on their host' "$work/out")" -eq 1 ] && grep -q '^  sent  *[1-9]' "$work/out" ||
  fail "no memory in common: $(head -n 3 "$work/err" "$work/out")"
kind=windows file=out.h5
right "no memory in common"
finish
