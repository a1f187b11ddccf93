#!/usr/bin/env bash
# Generated networks: the same arguments give the same files, every node converts, and the results do not depend on the
# ranks.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
/usr/bin/python3 -c 'import h5py, onnx' 2>/dev/null || { echo "skipped: python3 without h5py and onnx"; exit 77; }
generate=$root/jobs/generate_network.py

# generate_twice NAME ARGUMENTS...: into $work/NAME.
generate_twice() {
  local name=$1 folder
  shift
  for folder in "$name" again; do
    /usr/bin/python3 "$generate" "$@" --images 3 --calibration 2 -o "$work/$folder" || fail "$name: not generated"
  done
  if diff -r "$work/$name" "$work/again" >"$work/out"; then pass; else fail "$name: $(cat "$work/out")"; fi
  rm -rf "$work/again"
  if alone check "$work/$name/model.onnx"; then pass; else fail "$name: check: $(tail -n 3 "$work/out")"; fi
}

# same NAME RANKS LAYOUT: one rank against several.
same() {
  local short=(--quiet --set simulation.timesteps=9 --set simulation.block=4 --set simulation.batch=2)
  if on_ranks 1 run "$work/$1/config.toml" "${short[@]}" --set output.file="$work/$1/one.h5" &&
    on_ranks "$2" run "$work/$1/config.toml" "${short[@]}" --set output.file="$work/$1/many.h5" --layout "$3" &&
    alone diff "$work/$1/one.h5" "$work/$1/many.h5"; then
    pass
  else
    fail "$1 over $3: $(tail -n 3 "$work/out" "$work/err")"
  fi
}

generate_twice resnet50 resnet --depth 50 --width 4 --image 16
same resnet50 4 1x4x1
generate_twice resnet34 resnet34 --width 4 --image 32
same resnet34 4 1x2x2
generate_twice vgg16 vgg16 --width 4 --image 32
same vgg16 3 1x1x3

for depth in 7 21; do
  if /usr/bin/python3 "$generate" resnet --depth $depth -o "$work/refused" >"$work/out" 2>&1; then
    fail "depth $depth: accepted"
  elif grep -q '6n + 2 expected' "$work/out"; then pass; else fail "depth $depth: $(cat "$work/out")"; fi
done
finish
