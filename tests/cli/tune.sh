#!/usr/bin/env bash
# The verb `tune`: what it recommends keeps the trained network's accuracy, is the same on any number of ranks and after an
# interruption, lies within the bounds asked for, and does not come from the test set.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
config=$root/configs/digits.toml
kept=(--set checkpoint.directory=\"\")
cd "$work" || exit 1

# table FILE: the front, without what it took.
table() { sed -n '/^  latency/,/^$/p' "$1" | sed -E 's/^(.{73}).{10}/\1/'; }

# chosen: "latency spikes agreement" of the recommended dynamics in $work/out.
chosen() { sed -n 's/^\* *\([0-9]*\) *\([0-9]*\) *\([0-9]*\) *\([0-9.]*\) .*/\1 \3 \4/p' out; }

# holds CONDITION: of what was recommended, as $latency, $spikes and $agreement.
holds() {
  local latency=0 spikes=0 agreement=0
  read -r latency spikes agreement <<<"$(chosen)"
  awk -v latency="$latency" -v spikes="$spikes" -v agreement="$agreement" "BEGIN { exit !(latency > 0 && $1) }" &&
    pass || fail "$1 does not hold: $(cat out err)"
}

# refuses CODE MESSAGE ARGUMENTS...: and writes no config.
refuses() {
  local code=$1 message=$2 found
  shift 2
  rm -f refused.toml
  alone tune "$@" -o refused.toml
  found=$?
  if [ "$found" -eq "$code" ] && grep -q -- "$message" err && [ "$(grep -c '^snn_dist: ' err)" -eq 1 ] &&
    [ ! -e refused.toml ]; then pass; else fail "tune $*: exit code $found, expected $code and '$message': $(cat err)"; fi
}

# ---- what is found ----
alone tune "$config" "${kept[@]}" -o tuned.toml && pass || fail "tune: $(cat err)"
cp out whole.out
grep -q 'the test set is not looked at' out && [ "$(table out | grep -c '^\*')" -eq 1 ] && pass || fail "no front: $(cat out)"
for key in steps delay ratio margin; do
  grep -q "^$key = " out && grep -qx "$(grep "^$key = " out)" tuned.toml && pass || fail "$key printed and written differ"
done
# shellcheck disable=SC2046
set -- "$snn_dist" $(chosen)
on_ranks 2 run tuned.toml --quiet --layout 2x1x1 --set output.file="$work/tuned.h5" && pass || fail "tuned.toml: $(cat err)"
/usr/bin/python3 - tuned.h5 "$2" "$3" 2>err <<'END' && pass || fail "tuned.toml: $(tail -n 1 err)"
import sys
import h5py

out = h5py.File(sys.argv[1])
latency, spikes = int(sys.argv[2]), int(sys.argv[3])
correct, trained, total = out["accuracy/correct"][:], int(out["accuracy/ann_correct"][()]), int(out["accuracy/total"][()])
assert total == 450 and trained > 440, (total, trained)
assert len(correct) == latency, (len(correct), latency)
assert abs(int(correct[-1]) - trained) <= 0.01 * total, (correct[-1], trained)
config = out["config"][()].decode()
assert f"\nsteps = {spikes}\n" in config, config
END

# ---- the same however it is run ----
on_ranks 3 tune "$config" "${kept[@]}" -o three.toml || fail "tune on 3 ranks: $(cat err)"
cmp tuned.toml three.toml && pass || fail "3 ranks recommend something else: $(diff tuned.toml three.toml)"
[ "$(table out)" = "$(table whole.out)" ] && pass || fail "3 ranks find another front: $(diff out whole.out)"

# It never looks at the test set.
alone tune "$config" "${kept[@]}" --set data.test=none.h5 -o blind.toml || fail "tune without a test set: $(cat err)"
diff <(grep -v '^test = ' tuned.toml) <(grep -v '^test = ' blind.toml) && pass || fail "the test set matters"

# Stopped and continued, on other ranks, it ends as if nothing had been. (Batches of one image, so that it takes a while.)
slow=(--set simulation.batch=1 --set checkpoint.directory="$work/checkpoints" --quiet -o parts.toml)
# wait_for LINES: until so many are kept.
wait_for() {
  local i
  for i in $(seq 1000); do
    [ -f checkpoints/digits.out.h5.tune ] && [ "$(wc -l <checkpoints/digits.out.h5.tune)" -ge "$1" ] && return
    sleep 0.02
  done
  fail "nothing was kept: $(cat err)"
}
"$snn_dist" tune "$config" "${slow[@]}" >out 2>err </dev/null &
process=$!
wait_for 4
kill -USR1 $process
wait $process
code=$?
[ "$code" -eq 4 ] && grep -q 'stopped: signal 10 received; run the same command again to go on' err && pass ||
  fail "exit code $code after SIGUSR1, 4 expected: $(cat err)"
[ ! -e parts.toml ] && pass || fail "a stopped tune wrote a config"
before=$(wc -l <checkpoints/digits.out.h5.tune)
mpirun --oversubscribe -np 2 "$snn_dist" tune "$config" "${slow[@]}" >out 2>err </dev/null &
launcher=$!
wait_for $((before + 4))
for process in $(pgrep -f "^$snn_dist tune .*$work/checkpoints"); do
  if tr '\0' '\n' <"/proc/$process/environ" | grep -qx 'OMPI_COMM_WORLD_RANK=1'; then kill -TERM "$process"; fi
done
wait $launcher
code=$?
[ "$code" -eq 4 ] && grep -q 'stopped: signal 15 received' err && pass ||
  fail "exit code $code after SIGTERM to one rank, 4 expected: $(cat err)"
before=$(wc -l <checkpoints/digits.out.h5.tune)
alone tune "$config" --set checkpoint.directory="$work/checkpoints" -o parts.toml || fail "continued: $(cat err)"
grep -q "going on from .*: $((before - 1)) dynamics measured before" out && pass || fail "no word of what was kept: $(cat out)"
diff <(grep -v '^directory = ' tuned.toml) <(grep -v '^directory = ' parts.toml) && pass || fail "continued, it differs"
[ "$(table out)" = "$(table whole.out)" ] && pass || fail "continued, the front differs: $(diff out whole.out)"
# What was measured serves other bounds too; a damaged line and what follows are measured again; other images are another
# matter.
lines=$(wc -l <checkpoints/digits.out.h5.tune)
alone tune "$config" --set checkpoint.directory="$work/checkpoints" --steps 6 || fail "other bounds: $(cat err)"
grep -q "going on from .*: $((lines - 1)) dynamics measured before" out && pass || fail "other bounds: $(cat out)"
sed -i '30s/ / x/' checkpoints/digits.out.h5.tune
alone tune "$config" --set checkpoint.directory="$work/checkpoints" -o parts.toml || fail "damaged: $(cat err)"
grep -q 'going on from .*: 28 dynamics' out && pass || fail "a damaged file: $(cat out)"
diff <(grep -v '^directory = ' tuned.toml) <(grep -v '^directory = ' parts.toml) && pass || fail "damaged, it differs"
alone tune "$config" --set checkpoint.directory="$work/checkpoints" --set data.calibration_images=30 --steps 4 ||
  fail "fewer images: $(cat err)"
grep -q 'going on from' out && fail "measurements on other images were used" || pass

# ---- bounds ----
few=("${kept[@]}" --set data.calibration_images=60)
alone tune "$config" "${few[@]}" --latency 20 && holds 'latency <= 20'
alone tune "$config" "${few[@]}" --steps 5 && holds 'spikes <= 5'
alone tune "$config" "${few[@]}" --latency 30 --steps 8 && holds 'latency <= 30 && spikes <= 8'
alone tune "$config" "${few[@]}" --agreement 0.95 && holds 'agreement >= 0.95'
alone tune "$config" "${few[@]}" --agreement 0.99 --steps 8 && holds 'agreement >= 0.99 && spikes <= 8'
refuses 1 'no dynamics within the bounds' "$config" "${few[@]}" --latency 3
refuses 1 'no dynamics within the bounds' "$config" "${few[@]}" --steps 3
refuses 1 'no dynamics within the bounds; a lower --agreement may have some' "$config" "${few[@]}" --agreement 1 --steps 4

# ---- what cannot be ----
refuses 2 '--latency' "$config" --latency 0
refuses 2 '--steps' "$config" --steps none
refuses 2 'a share from 0 to 1 expected' "$config" --agreement 1.5
refuses 2 '--ranks' "$config" --ranks 4
refuses 2 'none.toml' none.toml
sed "s|\"digits|\"$root/configs/digits|; /^calibration = \"[^c]/d" "$config" >uncalibrated.toml
refuses 2 'missing key data.calibration' uncalibrated.toml
refuses 2 'none.h5' "$config" "${kept[@]}" --set data.calibration=none.h5
refuses 2 '2 images; tune takes some for ranges and holds others back' "$config" "${kept[@]}" \
  --set data.calibration_images=2
refuses 2 'neuron.dynamics is "subgradient"' "$config" --set neuron.steps=0 --set neuron.dynamics=subgradient \
  --set neuron.schedule=inverse --set neuron.eta0=1
sed -i 's/^onnx = .*/network = "net.snn.h5"/' uncalibrated.toml
refuses 2 'missing key model.onnx' uncalibrated.toml
alone tune "$config" "${kept[@]}" -o none/tuned.toml
code=$?
[ "$code" -eq 3 ] && grep -q 'none/tuned.toml' err && pass || fail "exit code $code for a folder that is not there: $(cat err)"
finish
