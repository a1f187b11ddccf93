#!/usr/bin/env bash
# G1 on a trained network of ../shared: invariance.sh PROGRAM MODEL [FORM]. Skipped without ../shared.
source "$(dirname "${BASH_SOURCE[0]}")/../cli/common.sh"
source "$(dirname "${BASH_SOURCE[0]}")/config.sh"
limit=600
common=(--quiet --restart never --set data.images=6 --set data.calibration_images=20 --set simulation.timesteps=10)

on_ranks 1 run "$work/model.toml" "${common[@]}" --set output.file="$work/reference.h5" --set simulation.block=1 \
  --set simulation.batch=1 --set comm.codec=raw || { cat "$work/err"; exit 1; }

# same RANKS LAYOUT OPTIONS...: run so, the output is that of one rank.
same() {
  local ranks=$1 layout=$2
  shift 2
  rm -f "$work/this.h5"
  on_ranks "$ranks" run "$work/model.toml" "${common[@]}" --layout "$layout" --set output.file="$work/this.h5" "$@" ||
    { fail "$model, $layout $*: $(tail -n 2 "$work/err")"; return; }
  alone diff "$work/reference.h5" "$work/this.h5" && pass || fail "$model, $layout $*: $(head -n 3 "$work/out")"
}

# Where a codec is named ranks are as on hosts of their own, or two on each.
same 1 1x1x1 --set simulation.block=10 --set simulation.batch=4
SNN_DIST_RANKS_PER_HOST=1 same 2 1x2x1 --set simulation.block=3 --set comm.codec=xor
SNN_DIST_RANKS_PER_HOST=1 same 2 1x1x2 --set simulation.block=8 --set comm.codec=zstd
same 3 1x1x3 --set simulation.block=4 --set simulation.batch=3
same 3 1x3x1 --set simulation.block=10
SNN_DIST_RANKS_PER_HOST=1 same 5 1x5x1 --set simulation.block=2 --set comm.codec=raw
SNN_DIST_RANKS_PER_HOST=2 same 8 2x2x2 --set simulation.block=5 --set simulation.batch=2 --set comm.codec=context
SNN_DIST_RANKS_PER_HOST=1 same 3 1x3x1 --set simulation.block=1 --set comm.codec=context
same 8 1x1x8 --set simulation.block=8
OMP_NUM_THREADS=2 same 2 1x2x1 --set simulation.block=8
SNN_DIST_ISA=portable same 2 2x1x1 --set simulation.block=8
finish
