#!/usr/bin/env bash
# G1 for what the default configuration does not use: encodings, schedules, 8-bit and float32 weights, decomposed pooling:
# variants.sh PROGRAM [STEPS DELAY RATIO], with windows if they are given.
source "$(dirname "${BASH_SOURCE[0]}")/../cli/common.sh"
if [ $# -ge 4 ]; then
  config=$root/configs/digits.toml
  dynamics=(--set neuron.steps="$2" --set neuron.delay="$3" --set neuron.ratio="$4")
else
  config=$root/configs/digits_synchronous.toml
  dynamics=(--set simulation.timesteps=12)
fi
common=(--quiet --restart never --set data.images=20 "${dynamics[@]}" --set checkpoint.directory=\"\")

variant() {
  local name=$1
  shift
  on_ranks 1 run "$config" "${common[@]}" --set parallel.replicas=0 --set output.file="$work/a.h5" \
    --set simulation.block=1 "$@" || { fail "$name: np 1: $(tail -n 2 "$work/err")"; return; }
  on_ranks 4 run "$config" "${common[@]}" --layout 1x2x2 --set output.file="$work/b.h5" --set simulation.block=5 \
    --set simulation.batch=7 "$@" || { fail "$name: np 4: $(tail -n 2 "$work/err")"; return; }
  if alone diff "$work/a.h5" "$work/b.h5"; then pass; else fail "$name: $(head -n 3 "$work/out")"; fi
}

variant "8-bit weights" --set simulation.weights=int8
variant "float32 weights" --set simulation.weights=float32
variant "scales by quantiles" --set data.calibration_quantile=0.99
variant "one scale a layer" --set neuron.scale=layer
variant "maxima of rows, then columns" --set neuron.maxpool=decomposed
if [ $# -ge 4 ]; then
  variant "no margin" --set neuron.margin=0
  variant "a wide margin" --set neuron.margin=2
  variant "8-bit weights, maxima of rows, then columns" --set simulation.weights=int8 --set neuron.maxpool=decomposed
  variant "long windows" --set neuron.steps=40 --set neuron.ratio=0.9
  variant "windows of one step" --set neuron.steps=1
  variant "all at once" --set neuron.delay=0 --set neuron.ratio=0.8
  variant "pauses between windows" --set neuron.delay=$(($2 + 3))
  variant "a timestep after each other" --set neuron.delay=1 --set neuron.ratio=0.7
  variant "stopped before the last window ends" --set simulation.timesteps=$(($2 + 4 * $3))
  variant "timesteps after the last window" --set simulation.timesteps=90
  # The steps must matter, or the comparisons above say nothing.
  on_ranks 1 run "$config" "${common[@]}" --set output.file="$work/a.h5"
  on_ranks 1 run "$config" "${common[@]}" --set output.file="$work/b.h5" --set neuron.margin=0.3
  alone diff "$work/a.h5" "$work/b.h5" && fail "two margins give the same output"
  grep -q '/predictions/logits' "$work/out" && pass || fail "diff does not say where the outputs differ: $(cat "$work/out")"
  finish
  exit
fi
variant "deterministic encoding" --set simulation.encoding=deterministic
variant "direct encoding" --set simulation.encoding=direct
variant "stochastic encoding" --set simulation.encoding=stochastic
variant "float32 weights, deterministic" --set simulation.weights=float32 --set simulation.encoding=deterministic
variant "inverse schedule" --set neuron.schedule=inverse --set neuron.eta0=1.0
variant "polynomial schedule" --set neuron.schedule=polynomial --set neuron.power=0.7
variant "constant schedule" --set neuron.schedule=constant --set neuron.eta0=0.02
variant "table schedule" --set neuron.schedule=table \
  --set 'neuron.table=[0.15, 0.15, 0.1, 0.1, 0.1, 0.08, 0.07, 0.06, 0.05, 0.04, 0.03, 0.02]'

# The subgradient dynamics run ReLU networks only: averages instead of maxima.
/usr/bin/python3 - "$root/configs/digits.onnx" "$work/average.onnx" <<'END'
import sys
import onnx

model = onnx.load(sys.argv[1])
for node in model.graph.node:
    if node.op_type == "MaxPool":
        node.op_type = "AveragePool"
onnx.save(model, sys.argv[2])
END
baseline=(--set neuron.dynamics=subgradient --set model.onnx="$work/average.onnx")
inverse=(--set neuron.schedule=inverse --set neuron.eta0=1)
variant "subgradient dynamics" "${baseline[@]}" "${inverse[@]}"
variant "subgradient, constant schedule, direct encoding" "${baseline[@]}" --set neuron.schedule=constant \
  --set simulation.encoding=direct
variant "subgradient with momentum" "${baseline[@]}" --set neuron.schedule=constant --set neuron.momentum=0.5
variant "subgradient, float32 weights" "${baseline[@]}" "${inverse[@]}" --set simulation.weights=float32
on_ranks 1 run "$config" "${common[@]}" --set neuron.dynamics=subgradient "${inverse[@]}" --set output.file="$work/c.h5"
[ $? -eq 2 ] && grep -q 'pool2.*maximum neurons' "$work/err" && pass || fail "maxima were not refused: $(cat "$work/err")"

# Another seed draws other spikes.
on_ranks 1 run "$config" "${common[@]}" --set simulation.encoding=stochastic --set output.file="$work/a.h5"
on_ranks 1 run "$config" "${common[@]}" --set simulation.encoding=stochastic --set simulation.seed=2 \
  --set output.file="$work/b.h5"
if alone diff "$work/a.h5" "$work/b.h5"; then fail "two seeds give the same output"; else pass; fi

# Encodings and weights must matter, or the comparisons above say nothing.
on_ranks 1 run "$config" "${common[@]}" --set parallel.replicas=0 --set output.file="$work/a.h5"
on_ranks 1 run "$config" "${common[@]}" --set parallel.replicas=0 --set output.file="$work/b.h5" \
  --set simulation.encoding=direct
if alone diff "$work/a.h5" "$work/b.h5"; then fail "direct and float encoding give the same output"; else pass; fi
grep -q '/predictions/logits' "$work/out" || fail "diff does not say where the outputs differ: $(cat "$work/out")"
finish
