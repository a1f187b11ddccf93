#!/usr/bin/env bash
# Deep networks, to 1202 layers: they convert, their results do not depend on the ranks, memory grows no faster than depth,
# and a rank that starts from a converted network holds its own part of it only.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
/usr/bin/python3 -c 'import h5py, onnx' 2>/dev/null || { echo "skipped: python3 without h5py and onnx"; exit 77; }

# peak_of NAME: the largest over the ranks.
peak_of() { sort -n "$work/$1".* | tail -n 1; }

# generate DEPTH WIDTH: a ResNet into $work/DEPTH.
generate() {
  /usr/bin/python3 "$root/jobs/generate_network.py" resnet --depth "$1" --width "$2" --image 8 --images 2 --calibration 2 \
    -o "$work/$1" >"$work/out" 2>&1 || fail "depth $1: not generated: $(tail -n 3 "$work/out")"
}

# convert DEPTH: with its largest resident set; the config then names the converted network.
convert() {
  timeout 120 /usr/bin/python3 "$root/jobs/peak.py" "$work/convert_$1" "$snn_dist" convert "$work/$1/config.toml" \
    -o "$work/$1/net.snn.h5" >"$work/out" 2>"$work/err" && pass || fail "depth $1: convert: $(cat "$work/err")"
  sed -i 's|^onnx = .*|network = "net.snn.h5"|; /^calibration = /d' "$work/$1/config.toml"
}

# Speeds are assumed, not measured: stages are cut at the same places on every machine, however busy it is.
planning=(--set parallel.calibration=off)

# run_as DEPTH LAYOUT RANKS: into $work/DEPTH/LAYOUT.h5, with every rank's largest resident set.
run_as() {
  timeout -k 5 120 mpirun --oversubscribe -np "$3" /usr/bin/python3 "$root/jobs/peak.py" "$work/run_$1_$2" "$snn_dist" run \
    "$work/$1/config.toml" --quiet --layout "$2" --set data.images=2 --set simulation.batch=2 \
    --set simulation.timesteps=5 --set simulation.block=2 "${planning[@]}" --set output.file="$work/$1/$2.h5" \
    >"$work/out" 2>"$work/err" </dev/null && pass || fail "depth $1 over $2: $(tail -n 3 "$work/err")"
}

# same DEPTH LAYOUT RANKS: the output of one rank.
same() {
  run_as "$1" "$2" "$3"
  alone diff "$work/$1/1x1x1.h5" "$work/$1/$2.h5" && pass || fail "depth $1 over $2: $(head -n 3 "$work/out")"
}

# predicted DEPTH LAYOUT RANKS: what the planner says of the rank that needs most is near what the fullest took. Processes
# without any network differ between machines, hence the room. HDF5, left to itself, took 35 MB more at 1202 layers.
predicted() {
  alone plan "$work/$1/config.toml" --ranks "$3" --layout "$2" --set data.images=2 --set simulation.batch=2 \
    --set simulation.timesteps=5 --set simulation.block=2 "${planning[@]}"
  awk -v peak="$(peak_of "run_$1_$2")" '$1 == "memory" { mb = $2 * ($3 == "GB" ? 1000 : 1) }
    END { peak *= 1024 / 1e6; printf "predicted %.1f MB, resident %.1f\n", mb, peak; exit !(mb > 0.8 * peak && mb < 1.4 * peak) }' \
    "$work/out" >"$work/near" && pass || fail "depth $1 over $2: memory: $(cat "$work/near")"
  echo "depth $1 over $2: $(cat "$work/near")"
}

# Conversion: what it needs beyond a network of 8 layers grows no faster than the depth. All layers have the same widths.
for depth in 8 110 1202; do
  generate $depth 12
  alone check "$work/$depth/model.onnx" && grep -q ', 0 refused' "$work/out" && pass ||
    fail "depth $depth: check: $(tail -n 1 "$work/out")"
  convert $depth
done
awk -v small="$(peak_of convert_8)" -v middle="$(peak_of convert_110)" -v large="$(peak_of convert_1202)" 'BEGIN {
    before = (middle - small) / (110 - 8); after = (large - small) / (1202 - 8)
    printf "conversion: %.0f KiB a layer at depth 110, %.0f at 1202\n", before, after
    exit !(before > 0 && after > 0 && after <= 1.3 * before) }' >"$work/out" && pass || fail "$(cat "$work/out")"
cat "$work/out"

run_as 110 1x1x1 1
same 110 1x3x1 3
same 110 1x1x3 3
run_as 1202 1x1x1 1
predicted 1202 1x1x1 1
same 1202 1x4x1 4
predicted 1202 1x4x1 4

# Ranks: 55 MB of weights, alone and over four. The program itself and MPI need some 50 MB of each rank.
rm -r "$work/110"
generate 110 64
convert 110
run_as 110 1x1x1 1
# Stages of as much work each would hold very different numbers of weights: the limit has them hold like numbers.
planning+=(--set parallel.memory_gb=0.062)
for layout in 1x4x1 1x1x4; do
  same 110 $layout 4
  /usr/bin/python3 - "$work/110/1x1x1.h5" "$work/110/$layout.h5" "$(peak_of run_110_1x1x1)" "$(peak_of run_110_$layout)" \
    <<'END' >"$work/out" 2>&1 && pass || fail "$layout: memory: $(tail -n 3 "$work/out")"
import sys
import h5py
alone, fullest = (h5py.File(name)["provenance/memory"][()].sum(axis=1).max() for name in sys.argv[1:3])
alone_peak, fullest_peak = (int(text) * 1024 for text in sys.argv[3:5])
print(f"counted {alone} bytes alone, {fullest} on the fullest of four; resident {alone_peak} and {fullest_peak}")
assert alone > 50e6 and fullest < 0.5 * alone
assert fullest_peak < 0.75 * alone_peak
END
  cat "$work/out"
  predicted 110 $layout 4
done
finish
