#!/usr/bin/env bash
# Ranks on "hosts" of their own (hosts.sh), joined by a network of known speed: namespaces.sh PROGRAM [MODEL]. A token
# bucket at both ends of the cable is its speed.
#
# Checked at 100 Mbit/s, 1 Gbit/s, and in one namespace (loopback; "none" is no limit): every codec gives the output of one
# rank, and with "auto" edges compress where the link is slow. Times are printed, not checked: they belong to the
# machine. SNN_TEST_REPEATS=5 repeats the runs, codecs in turn, and prints the fastest of each; SNN_TEST_RATES and
# SNN_TEST_LAYOUTS choose among rates and layouts.
source "$(dirname "${BASH_SOURCE[0]}")/hosts.sh"
model=${2:-}
repeats=${SNN_TEST_REPEATS:-1}
rates=${SNN_TEST_RATES:-"100mbit 1gbit loopback"}
layouts=${SNN_TEST_LAYOUTS:-"1x1x2 1x2x1"}
# Seconds that the evaluation took, of the output file.
seconds_of() {
  /usr/bin/python3 -c 'import sys, h5py; print("%.3f" % h5py.File(sys.argv[1])["timers/evaluation"][()])' "$1"
}

# compare RATE LAYOUT: every codec gives the reference; prints the fastest seconds of each.
compare() {
  local rate=$1 layout=$2 codec round now
  declare -A best
  for ((round = 0; round < repeats; round++)); do
    for codec in raw xor context auto; do
      rm -f "$work/this.h5"
      if ! on_network "$rate" run "$config" "${common[@]}" --layout "$layout" --set comm.codec=$codec \
        --set output.file="$work/this.h5"; then
        fail "$layout at $rate, $codec: $(tail -n 3 "$work/err")"
        continue
      fi
      cp "$work/out" "$work/out.$codec"
      alone diff "$work/reference.h5" "$work/this.h5" && pass ||
        fail "$layout at $rate, $codec: $(head -n 3 "$work/out")"
      now=$(seconds_of "$work/this.h5")
      best[$codec]=$(printf '%s\n' "${best[$codec]:-$now}" "$now" | sort -n | head -n 1)
    done
  done
  printf '%-8s  %-8s  raw %8s   xor %8s   context %8s   auto %8s s   %s\n' "$layout" "$rate" "${best[raw]:-}" \
    "${best[xor]:-}" "${best[context]:-}" "${best[auto]:-}" \
    "$(sed -n 's/^  spikes between [a-z]*  *\([a-z]*\) .*/\1/p' "$work/out.auto" | sort | uniq -c | tr -s ' \n' ' ')"
}

set_up
common=(--restart never --progress never)
if [ -n "$model" ]; then
  source "$(dirname "${BASH_SOURCE[0]}")/../models/config.sh"
  trap take_down EXIT
  alone convert "$work/model.toml" -o "$work/model.snn.h5" || fail "$model: $(tail -n 1 "$work/err")"
  sed -i "s|^onnx = .*|network = \"$work/model.snn.h5\"|; /^calibration = /d" "$work/model.toml"
  config=$work/model.toml
  common+=(--set data.images=${SNN_TEST_IMAGES:-96} --set simulation.timesteps=32 --set simulation.block=8)
else
  config=$root/configs/digits_synchronous.toml
  common+=(--set data.images=64 --set simulation.timesteps=32 --set checkpoint.directory=\"\")
fi
alone run "$config" "${common[@]}" --set output.file="$work/reference.h5" || fail "one rank: $(tail -n 1 "$work/err")"
for rate in $rates; do
  set_rate "$rate" || { fail "tc cannot set $rate"; continue; }
  for layout in $layouts; do
    compare "$rate" "$layout"
    grep -Eq '^  sent +[0-9.]+ [kMG]?B in [1-9][0-9]* packets' "$work/out.auto" && pass ||
      fail "$layout at $rate: no packets: $(grep '^  sent' "$work/out.auto")"
    # A byte takes 80 ns here, a coder some 5: no measurement on any machine comes to another conclusion.
    [ "$rate" != 100mbit ] || grep -Eq '^  spikes between [a-z]+ +(xor|context|zstd) ' "$work/out.auto" && pass ||
      fail "$layout at $rate: auto does not compress: $(grep '^  spikes' "$work/out.auto")"
  done
done
finish
