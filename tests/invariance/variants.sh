#!/usr/bin/env bash
# G1 for what the default configuration does not use: encodings, schedules, 8-bit and float32 weights, decomposed pooling.
source "$(dirname "${BASH_SOURCE[0]}")/../cli/common.sh"
config=$root/configs/digits.toml
common=(--quiet --restart never --set data.images=20 --set simulation.timesteps=12 --set checkpoint.directory=\"\")

variant() {
  local name=$1
  shift
  on_ranks 1 run "$config" "${common[@]}" --set parallel.replicas=0 --set output.file="$work/a.h5" \
    --set simulation.block=1 "$@" || { fail "$name: np 1: $(tail -n 2 "$work/err")"; return; }
  on_ranks 4 run "$config" "${common[@]}" --layout 1x2x2 --set output.file="$work/b.h5" --set simulation.block=5 \
    --set simulation.batch=7 "$@" || { fail "$name: np 4: $(tail -n 2 "$work/err")"; return; }
  if alone diff "$work/a.h5" "$work/b.h5"; then pass; else fail "$name: $(head -n 3 "$work/out")"; fi
}

variant "deterministic encoding" --set simulation.encoding=deterministic
variant "direct encoding" --set simulation.encoding=direct
variant "8-bit weights" --set simulation.weights=int8
variant "float32 weights" --set simulation.weights=float32
variant "float32 weights, deterministic" --set simulation.weights=float32 --set simulation.encoding=deterministic
variant "one scale a layer" --set neuron.scale=layer
variant "maxima of rows, then columns" --set neuron.maxpool=decomposed
variant "inverse schedule" --set neuron.schedule=inverse --set neuron.eta0=1.0
variant "polynomial schedule" --set neuron.schedule=polynomial --set neuron.power=0.7
variant "constant schedule" --set neuron.schedule=constant --set neuron.eta0=0.02
variant "table schedule" --set neuron.schedule=table \
  --set 'neuron.table=[0.15, 0.15, 0.1, 0.1, 0.1, 0.08, 0.07, 0.06, 0.05, 0.04, 0.03, 0.02]'

# Encodings and weights must matter, or the comparisons above say nothing.
on_ranks 1 run "$config" "${common[@]}" --set parallel.replicas=0 --set output.file="$work/a.h5"
on_ranks 1 run "$config" "${common[@]}" --set parallel.replicas=0 --set output.file="$work/b.h5" \
  --set simulation.encoding=direct
if alone diff "$work/a.h5" "$work/b.h5"; then fail "direct and float encoding give the same output"; else pass; fi
grep -q '/predictions/logits' "$work/out" || fail "diff does not say where the outputs differ: $(cat "$work/out")"
finish
