#!/usr/bin/env bash
# The commands of the README, one after another, on the embedded network.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
config=$root/configs/digits_synchronous.toml
common=(--set checkpoint.directory=\"\" --set output.file="$work/digits.out.h5")

# holds PATTERN...: every pattern stands in the program's output.
holds() {
  local pattern
  for pattern in "$@"; do
    grep -Eq -- "$pattern" "$work/out" && pass || fail "'$pattern' is not in the output: $(cat "$work/out" "$work/err")"
  done
}

alone --help && holds 'usage:' 'snn_dist verify FILE.h5' 'exit codes'
alone --version && holds '^snn_dist [0-9]' '^MPI ' '^HDF5 ' 'portable'
for verb in run convert check plan verify diff; do alone "$verb" --help && holds "usage: snn_dist $verb"; done

on_ranks 4 "$config" "${common[@]}" --plan "$root/configs/digits.plan.toml" && holds '64 +99\.' 'trained +99\.' 'ranks +4 as 1x' 'images/s' 'shared +[1-9]' \
  "output +$work/digits.out.h5"
holds 'dynamics +latency 64, interval 64, 64 spikes per neuron \(all neurons at every timestep; depth 6\)'
grep -q ' loss ' "$work/out" && fail "a loss of less than a point is told: $(cat "$work/out")"
# The README's picture of the demo: its command, its rows, and the figures that are the same on every machine.
on_ranks 4 "$root/configs/digits.toml" "${common[@]}" --plan "$root/configs/digits.plan.toml" \
  --set output.file="$work/demo.out.h5" || fail "the demo: $(cat "$work/err")"
/usr/bin/python3 - "$root/README.md" "$root/jobs/demo.sh" "$work/out" >"$work/differences" 2>&1 <<'END'
import re, sys
readme, demo, output = (open(name, encoding="utf-8").read() for name in sys.argv[1:])
[block] = re.findall(r"^```text\n\$ bash jobs/demo\.sh\n(.*?)^```$", readme, re.S | re.M)
lines = [" ".join(line.split()) for line in block.splitlines() if line.strip()]
printed = [" ".join(line.split()) for line in output.splitlines()]
assert lines[0].startswith("+ ") and f'echo "{lines[0]}"' in demo, lines[0]
rows = [row for row in lines[1:] if row != "..."]  # rows left out
assert len(rows) > 15, rows
for row in rows:
    if re.fullmatch(r"(\d+|trained) [0-9.]+ %", row) or re.match(r"spikes \d", row):
        assert row in printed, f"{row}: not in the output"
    else:
        label = re.match(r"\D*", row)[0] if not row.startswith("output ") else "output "
        assert any(line.startswith(label) for line in printed), f"{label}: no such row in the output"
END
# shellcheck disable=SC2181
[ $? -eq 0 ] && pass || fail "README: $(tail -n 1 "$work/differences"): $(cat "$work/out")"
alone verify "$work/digits.out.h5" && holds 'whole \(output\)'

# Windows: latency, interval and spikes together, accuracy from the first spike that the readout hears of on, and the
# same output from any number of ranks.
windows=("${common[@]}" --set neuron.steps=8 --set simulation.timesteps=0)
cp "$work/digits.out.h5" "$work/first.h5"
alone "$config" "${windows[@]}" &&
  holds 'dynamics +latency 48, interval 8, 8 spikes per neuron \(windows of 8 steps, delay 8, ratio 0\.5, margin 0\.25; depth 6\)' \
    '^ +41 +[0-9.]+ %' '^ +48 +99\.' 'of 4288 neurons x 450 images x 8 steps \([0-9.]+ %\)'
[ "$(grep -cE '^ +[0-9]+ +[0-9.]+ %$' "$work/out")" -eq 8 ] && pass || fail "rows of accuracy: $(cat "$work/out")"
grep -q ' loss ' "$work/out" && fail "a loss where there is none: $(cat "$work/out")"
cp "$work/digits.out.h5" "$work/windows.h5"
alone verify "$work/windows.h5" && holds 'whole \(output\)'
on_ranks 3 "$config" "${windows[@]}" --layout 1x3x1 || fail "windows on three ranks: $(cat "$work/err")"
alone diff "$work/windows.h5" "$work/digits.out.h5" && pass || fail "windows differ by layout: $(cat "$work/out")"
alone diff "$work/first.h5" "$work/windows.h5"
[ $? -eq 1 ] && grep -q '/dynamics/interval: 64 in .*first.h5, 8 in .*windows.h5' "$work/out" && pass ||
  fail "diff of dynamics: $(cat "$work/out")"
alone "$config" "${windows[@]}" --set neuron.delay=2 --set neuron.steps=24 &&
  holds 'latency 34, interval 24, 24 spikes per neuron \(windows of 24 steps, delay 2' '^ +34 +'
[ "$(grep -cE '^ +[0-9]+ +[0-9.]+ %$' "$work/out")" -le 9 ] && pass || fail "rows of accuracy: $(cat "$work/out")"
# A run that loses more than a point says so, and what to do.
alone "$config" "${common[@]}" --set simulation.timesteps=8 &&
  holds 'loss +56\.89 points below the trained network: neuron\.steps = 8, .*snn_dist tune'
alone "$config" "${windows[@]}" --set neuron.steps=3 --set neuron.delay=1 &&
  holds 'loss +[0-9.]+ points below .* neuron\.delay = 3 .*neuron\.steps = 5.*neuron\.margin = 0\.5.*snn_dist tune'
alone "$config" "${windows[@]}" --set neuron.delay=1 --set neuron.margin=0 --set data.calibration_images=1 &&
  holds 'loss +[0-9.]+ points below .*neuron\.steps = 10 with simulation\.weights = "float32"'
# More timesteps than windows take change nothing any more; fewer end before the answer is there.
alone "$config" "${windows[@]}" --set simulation.timesteps=64 && holds 'latency 48, ' '^ +64 +99\.[0-9]+ %'
alone "$config" "${windows[@]}" --set simulation.timesteps=20 &&
  holds '^ +20 +' 'loss +[0-9.]+ points below .* simulation\.timesteps = 20 ends before the last window does'
# Values beyond the codes: few images and no margin.
alone "$config" "${windows[@]}" --set data.calibration_images=1 --set neuron.margin=0 &&
  holds 'range +[0-9]+ of 208 channels left what their windows reach \(most: channel '
grep -Eq 'warning: channel [0-9]+ of .* beyond what its window reaches in [0-9.]+ %.*larger neuron\.margin' "$work/err" &&
  pass || fail "no warning: $(cat "$work/err")"

# A converted network gives the same results as the model that it was made from.
alone convert "$config" -o "$work/digits.snn.h5" && holds '6 populations, 4288 neurons'
alone verify "$work/digits.snn.h5" && holds 'whole \(network\)'
on_ranks 3 "$config" "${common[@]}" --layout 1x3x1 --set model.network="$work/digits.snn.h5" ||
  fail "the converted network does not run: $(cat "$work/err")"
alone diff "$work/first.h5" "$work/digits.out.h5" && pass || fail "the converted network differs: $(cat "$work/out")"

# Converted by several ranks it is the same file.
on_ranks 3 convert "$config" -o "$work/three.snn.h5" && holds '6 populations, 4288 neurons' ||
  fail "convert on three ranks: $(cat "$work/err")"
cmp -s "$work/digits.snn.h5" "$work/three.snn.h5" && pass || fail "converted by three ranks, the network differs"

# Threads: as many as the user says; without a word the ranks share the processors out.
OMP_NUM_THREADS=3 alone "$config" "${common[@]}" --set parallel.replicas=0 && holds 'ranks +1 as .*, 3 threads each,'
processors=$(env -u OMP_NUM_THREADS nproc)
share=$((processors > 4 ? processors / 4 : 1))
(
  unset OMP_NUM_THREADS
  export OMPI_MCA_hwloc_base_binding_policy=none
  on_ranks 4 "$config" "${common[@]}"
)
holds "ranks +4 as .*, $share threads? each,"

# What was asked for, and what became of it by kind of edge.
SNN_DIST_RANKS_PER_HOST=1 on_ranks 2 "$config" "${common[@]}" --layout 1x1x2 --set comm.codec=xor && holds 'spikes between shards +xor +1\.[0-9]+'
# By memory nothing is sent.
on_ranks 2 "$config" "${common[@]}" --layout 1x1x2 && holds 'shared +[0-9.]+ [kM]B of spikes in memory'
grep -q '^  sent ' "$work/out" && fail "packets on one host: $(cat "$work/out")"
SNN_DIST_RANKS_PER_HOST=1 on_ranks 2 "$config" "${common[@]}" --layout 1x1x2 --set comm.codec=auto &&
  holds 'codec auto, ratio'
/usr/bin/python3 -c 'import sys, h5py; print(h5py.File(sys.argv[1])["communication/codec"][()].decode())' \
  "$work/digits.out.h5" >"$work/out" 2>&1
holds '^auto$'
alone run --help && holds '--max-hours H .*0: no limit'

# Calibrated on a single image, channels leave their range: a warning, and counts in the output that are the same on any
# number of ranks (diff below compares them).
alone "$config" "${common[@]}" && holds 'range +[0-9]+ of 208 channels' ||
  fail "no word on ranges: $(cat "$work/out")"
grep -q 'calibrated range' "$work/err" && fail "a warning without a cause: $(cat "$work/err")"
alone "$config" "${common[@]}" --set data.calibration_images=1
grep -Eq 'warning: channel [0-9]+ of .* calibrated range in [0-9.]+ %' "$work/err" && pass ||
  fail "no warning: $(cat "$work/err")"
cp "$work/digits.out.h5" "$work/narrow.h5"
on_ranks 3 "$config" "${common[@]}" --layout 1x1x3 --set data.calibration_images=1 --set simulation.block=5
alone diff "$work/narrow.h5" "$work/digits.out.h5" && pass || fail "counts of ranges differ: $(cat "$work/out")"
/usr/bin/python3 -c 'import sys, h5py
layers = h5py.File(sys.argv[1])["layers"]
print("beyond", sum((layers[name]["channel_beyond"][()] > 0).sum() for name in layers))' "$work/narrow.h5" >"$work/out" 2>&1
holds 'beyond [1-9][0-9]'

# Any flipped bit is found, and a difference has its exit code.
cp "$work/first.h5" "$work/flipped.h5"
printf '\377' | dd of="$work/flipped.h5" bs=1 seek=9000 conv=notrunc 2>/dev/null
alone verify "$work/flipped.h5"
[ $? -eq 1 ] && pass || fail "a damaged file verifies: $(cat "$work/out")"
on_ranks 1 "$config" "${common[@]}" --set parallel.replicas=0 --set neuron.eta0=0.2 --quiet
[ -s "$work/out" ] && fail "--quiet prints: $(cat "$work/out")"
alone diff "$work/first.h5" "$work/digits.out.h5"
[ $? -eq 1 ] && pass || fail "diff finds no difference between two step sizes"

alone check "$root/configs/digits.onnx" && holds 'neurons +MaxPool' 'linear +BatchNormalization' ', 0 refused' \
  '^depth 6: ' 'latency steps \+ delay x \(depth - 1\): .* 8 steps and a delay of 8 it is 48 timesteps'
alone plan "$config" --ranks 1000 && holds '1000 ranks as 1x' 'predicted'

# Fewer images than a group has are shared out, too: groups become smaller, and nobody is idle who need not be.
alone "$config" "${common[@]}" --set data.images=10 && cp "$work/digits.out.h5" "$work/ten.h5"
on_ranks 5 "$config" "${common[@]}" --set data.images=10 --layout 5x1x1 && ! grep -q '^  idle' "$work/out" && pass ||
  fail "ten images on five ranks: $(cat "$work/out" "$work/err")"
alone diff "$work/ten.h5" "$work/digits.out.h5" && pass || fail "ten images on five ranks: $(cat "$work/out")"
on_ranks 16 "$config" "${common[@]}" --set data.images=10 --set parallel.replicas=0 && holds 'ranks +16 as ' ||
  fail "ten images on 16 ranks: $(cat "$work/err")"
alone diff "$work/ten.h5" "$work/digits.out.h5" && pass || fail "ten images on 16 ranks: $(cat "$work/out")"
printf '[rank]\ncores = 1\n[host]\nranks = 64\n' >"$work/machine.toml"
alone plan "$config" --ranks 64 --machine "$work/machine.toml" --set data.images=10 --set parallel.replicas=0 &&
  holds '10 groups of 1 images' || fail "ten images on 64 ranks: $(cat "$work/out" "$work/err")"

# Plans: a table of scaling for a machine that is not here, one that keeps to a memory limit, one from a file.
printf '[rank]\ncores = 4\nmemory_gb = 0.1\n[link]\nlatency_us = 2\nbandwidth_gbs = 10\n' >"$work/machine.toml"
alone plan "$config" --ranks 64,1024,16384,100000 --machine "$work/machine.toml" &&
  holds 'predicted from' '^  16384 1x' '^ 100000 1x'
holds 'link of the machine file: 2 us, 10 GB/s' && ! grep -q 'All ranks share' "$work/out" && pass || fail "machine: $(cat "$work/out")"
alone plan "$config" --ranks 1,2 && holds 'link assumed' '^All ranks share the [0-9]+ processors of this host'
OMP_NUM_THREADS=3 alone plan "$config" --ranks 2 && holds 'threads +3 a rank, on [0-9]+ processors for 2 ranks'
OMP_NUM_THREADS='' alone plan "$config" --ranks 4096 && holds 'threads +1 a rank' 'of 4096 ranks have no work'
alone plan "$config" --ranks 6 --layout 1x2x3 -o "$work/plan.toml" && holds '6 ranks as 1x2x3' 'ms / item'
alone plan "$config" --plan "$work/plan.toml" && holds '6 ranks as 1x2x3'
alone plan "$config" --ranks 4 --set parallel.calibration=off && holds 'predicted from assumed speeds'
# With windows: what an image takes in timesteps beside the time, and no timestep where steps are meant.
windows=(--set neuron.steps=3 --set neuron.delay=2 --set simulation.timesteps=0 --set simulation.encoding=direct
  --set simulation.block=0 --set parallel.calibration=off)
spikes='latency [0-9]+ timesteps, interval 3 timesteps, 3 spikes per neuron \(delay 2\)'
alone plan "$config" --ranks 4 "${windows[@]}" && holds ', windows of 3 steps \([0-9.e+]+ images/s\)' "^  windows +$spikes" &&
  ! grep -Eq ' (3|64) timesteps each' "$work/out" && pass || fail "windows: $(cat "$work/out")"
alone plan "$config" --ranks 1,4 "${windows[@]}" && holds ', windows of 3 steps;' "^Windows: $spikes"
# No home, no cache, no failure; and what is in the way of one.
XDG_CACHE_HOME='' HOME='' alone plan "$config" --ranks 2 && holds 'predicted from measured speeds'
XDG_CACHE_HOME=/proc/none alone plan "$config" --ranks 2 && holds 'predicted from measured speeds'
on_ranks 64 "$config" "${common[@]}" && holds 'ranks +64 as 1x' '64 +99\.' || fail "np 64: $(tail -n 3 "$work/err")"
alone diff "$work/first.h5" "$work/digits.out.h5" && pass || fail "np 64 differs: $(cat "$work/out")"
# Progress: plain lines without a terminal, on request.
on_ranks 2 "$config" "${common[@]}" --layout 2x1x1 --progress always
grep -Eq 'evaluation: [0-9]+ of 450 images, .* images/s, .* left' "$work/err" && pass || fail "no progress: $(cat "$work/err")"
# For programs an object a line, of each stage, in order; nothing else on stderr, and with --quiet nothing at all.
on_ranks 2 "$config" "${common[@]}" --layout 2x1x1 --progress json
tells_progress "json" images model calibration "trained network" evaluation
alone "$config" "${common[@]}" --set data.images=40 --progress json --quiet && [ ! -s "$work/err" ] && pass || fail "json and quiet: $(cat "$work/err")"
alone plan "$config" --ranks 2,4 --progress json && [ "$(wc -l <"$work/out")" -ge 3 ] && pass || fail "plan, json: $(cat "$work/err")"
tells_progress "plan" "numbers of ranks" model planning
alone check "$root/configs/digits.onnx" --progress json && pass || fail "check, json: $(cat "$work/err")"
tells_progress "check" files model
alone "$config" "${common[@]}" --progress xml
[ $? -eq 2 ] && grep -q 'progress xml: auto, always, never or json expected' "$work/err" && pass || fail "progress xml: $(cat "$work/err")"
finish
