#!/usr/bin/env bash
# G1 with windows on a trained network of ../shared: windows.sh PROGRAM MODEL [FORM]. Skipped without ../shared. Runs on
# several ranks start from the converted network, which says by itself what its windows are; the run on one rank, from the
# model.
source "$(dirname "${BASH_SOURCE[0]}")/../cli/common.sh"
source "$(dirname "${BASH_SOURCE[0]}")/config.sh"
limit=600
short=(--quiet --restart never --set data.images=3 --set data.calibration_images=6)
sed -i '/^timesteps = /d; /^block = /d' "$work/model.toml"

# same RANKS LAYOUT OPTIONS...: run so, the output is that of one rank.
same() {
  local ranks=$1 layout=$2
  shift 2
  rm -f "$work/this.h5"
  on_ranks "$ranks" run "$work/converted.toml" --quiet --restart never --set data.images=3 --layout "$layout" \
    --set output.file="$work/this.h5" "$@" ||
    { fail "$model, $windows, $layout $*: $(grep '^snn_dist: ' "$work/err" || tail -n 2 "$work/err")"; return; }
  alone diff "$work/reference.h5" "$work/this.h5" && pass ||
    fail "$model, $windows, $layout $*: $(head -n 3 "$work/out")"
}

# begin STEPS DELAY RATIO: the reference, and the network to compare it with.
begin() {
  windows="windows of $1 steps, delay $2"
  local dynamics=(--set neuron.steps="$1" --set neuron.delay="$2" --set neuron.ratio="$3")
  on_ranks 1 run "$work/model.toml" "${short[@]}" "${dynamics[@]}" --set output.file="$work/reference.h5" \
    --set simulation.batch=1 --set comm.codec=raw || { cat "$work/err"; exit 1; }
  on_ranks 2 convert "$work/model.toml" --quiet --set data.images=3 --set data.calibration_images=6 "${dynamics[@]}" \
    -o "$work/net.snn.h5" || { cat "$work/err"; exit 1; }
  sed "s|^\[model\]|&\nnetwork = \"$work/net.snn.h5\"|; /^calibration = /d; /^\[neuron\]/,/^\[simulation\]/{/=/d}" \
    "$work/model.toml" >"$work/converted.toml"
}

# Large images take long: of these a few ways are enough, the kinds of layers are those of the others.
case $model in
*224* | squeezenet*) large=true ;;
*) large=false ;;
esac
# Where a codec is named ranks are as on hosts of their own, or two on each.
begin 8 8 0.5
SNN_DIST_RANKS_PER_HOST=1 same 2 1x1x2 --set comm.codec=zstd --set simulation.batch=2
SNN_DIST_RANKS_PER_HOST=1 same 3 1x3x1 --set comm.codec=context
SNN_DIST_ISA=portable same 2 2x1x1 --set simulation.batch=3
if ! $large; then
  same 1 1x1x1 --set simulation.batch=3
  SNN_DIST_RANKS_PER_HOST=1 same 2 1x2x1 --set comm.codec=xor
  SNN_DIST_RANKS_PER_HOST=1 same 5 1x5x1 --set comm.codec=raw
  same 3 1x1x3 --set simulation.batch=3
  SNN_DIST_RANKS_PER_HOST=2 same 8 2x2x2 --set simulation.batch=2 --set comm.codec=context
fi
begin 6 2 0.6
SNN_DIST_RANKS_PER_HOST=1 same 4 1x2x2 --set comm.codec=context --set simulation.batch=2
if ! $large; then
  same 1 1x1x1 --set simulation.batch=3
  SNN_DIST_RANKS_PER_HOST=1 same 3 1x1x3 --set comm.codec=xor --set simulation.batch=2
  SNN_DIST_RANKS_PER_HOST=2 same 8 1x4x2 --set comm.codec=zstd
  OMP_NUM_THREADS=2 same 2 1x2x1
  SNN_DIST_ISA=portable same 2 1x1x2 --set simulation.batch=3
fi
finish
