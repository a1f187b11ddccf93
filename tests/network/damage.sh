#!/usr/bin/env bash
# A packet damaged on its way ends the run, with one message that names it and exit code 70: damage.sh PROGRAM LIBRARY.
source "$(dirname "${BASH_SOURCE[0]}")/../cli/common.sh"
library=$2
export SNN_DIST_RANKS_PER_HOST=1
config=$root/configs/digits_synchronous.toml
common=(--quiet --restart never --set data.images=64 --set simulation.timesteps=16 --set simulation.block=4
  --set checkpoint.directory=\"\" --set output.file="$work/this.h5")

# damaged CODEC LAYOUT PACKET HOW PATTERN: the run fails as it should.
damaged() {
  local codec=$1 layout=$2 packet=$3 how=$4 pattern=$5 code=0
  rm -f "$work/this.h5"
  timeout -k 5 60 mpirun --oversubscribe -np 2 -x LD_PRELOAD="$library" -x SNN_TEST_DAMAGE_PACKET="$packet" \
    -x SNN_TEST_DAMAGE="$how" "$snn_dist" run "$config" "${common[@]}" --layout "$layout" \
    --set comm.codec="$codec" >"$work/out" 2>"$work/err" </dev/null || code=$?
  if [ "$code" -ne 70 ]; then
    fail "$codec, packet $packet, $how: exit code $code, expected 70: $(tail -n 3 "$work/err")"
  elif [ "$(grep -c 'is damaged or out of place' "$work/err")" -ne 1 ]; then
    fail "$codec, packet $packet, $how: no message: $(tail -n 3 "$work/err")"
  elif ! grep -Eq "packet of edge [0-9]+, group [0-9]+, step [0-9]+ is damaged or out of place: .*$pattern" "$work/err"; then
    fail "$codec, packet $packet, $how: $(grep 'is damaged' "$work/err"), expected $pattern"
  elif [ -e "$work/this.h5" ]; then
    fail "$codec, packet $packet, $how: there is an output"
  else
    pass
  fi
}

for codec in raw zstd xor context auto; do
  damaged $codec 1x1x2 1 'flip 60' checksum
done
damaged context 1x1x2 1 'flip 4' version
damaged context 1x1x2 2 'flip 8' 'edge'
damaged context 1x2x1 2 'repeat' 'first_step: 0, expected 4'
damaged context 1x2x1 3 'cut' payload_bytes
damaged raw 1x2x1 7 'flip 1000000' checksum
# Not too strict either: the same library, nothing damaged.
timeout -k 5 60 mpirun --oversubscribe -np 2 -x LD_PRELOAD="$library" -x SNN_TEST_DAMAGE_PACKET=1000000 "$snn_dist" run \
  "$config" "${common[@]}" --layout 1x1x2 >"$work/out" 2>"$work/err" </dev/null && pass ||
  fail "undamaged: $(tail -n 3 "$work/err")"
finish
