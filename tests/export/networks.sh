#!/usr/bin/env bash
# Exported timesteps of trained networks, run in ONNX Runtime: the same predictions at every timestep as the program's.
# networks.sh PROGRAM [NETWORK]: digits, with all that is refused, or one of ../shared.
source "$(dirname "${BASH_SOURCE[0]}")/../cli/common.sh"
network=${2:-digits}
source "$root/tests/onnx/onnxruntime.sh"
cd "$work" || exit 1

# same CASE CONFIG IMAGES DATA MEAN STD SETTINGS...: converted, exported, run here and there.
same() {
  local name=$1 config=$2 images=$3 data=$4 mean=$5 std=$6 sets=()
  shift 6
  for setting in "$@"; do sets+=(--set "$setting"); done
  alone convert "$config" "${sets[@]}" -o "$name.snn.h5" || { fail "$name: $(cat err)"; return; }
  alone export "$config" "${sets[@]}" --set model.network="$work/$name.snn.h5" -o "$name.onnx" ||
    { fail "$name: $(cat err)"; return; }
  alone run "$config" "${sets[@]}" --set model.network="$work/$name.snn.h5" --set data.images="$images" --quiet \
    --set output.file="$work/$name.out.h5" --set 'checkpoint.directory=""' || { fail "$name: $(cat err)"; return; }
  /usr/bin/python3 "$root/tests/export/case.py" "$name" "$data" "$name.out.h5" "$mean" "$std" 2>err ||
    { fail "$name: $(tail -n 1 err)"; return; }
  if node "$root/tests/export/steps.js" "$name"; then pass; else fail "$name"; fi
}

# refuses CODE MESSAGE ARGUMENTS...: and writes nothing.
refuses() {
  local code=$1 message=$2 found
  shift 2
  alone export "$@" -o refused.onnx
  found=$?
  if [ "$found" -eq "$code" ] && grep -qF -- "$message" err && [ "$(grep -c '^snn_dist: ' err)" -eq 1 ] &&
    [ -z "$(ls refused.onnx* 2>/dev/null)" ]; then pass; else fail "export $*: exit code $found, expected $code and '$message': $(cat err)"; fi
}

if [ "$network" != digits ]; then
  shared=$root/../shared
  [ -r "$shared/models/$network.onnx" ] || { echo "skipped: no $shared/models/$network.onnx"; exit 77; }
  data=$(realpath "$shared/data/cifar10_test.h5")
  printf '[model]\nonnx = "%s"\n[data]\ntest = "%s"\ncalibration = "%s"\ncalibration_images = 64\nnormalisation = "imagenet"\n' \
    "$(realpath "$shared/models/$network.onnx")" "$data" "$(realpath "$shared/data/cifar10_calib.h5")" >config.toml
  mean=0.485,0.456,0.406 std=0.229,0.224,0.225
  same windows config.toml 4 "$data" $mean $std neuron.steps=8
  same overlapping config.toml 4 "$data" $mean $std neuron.steps=10 neuron.delay=1 neuron.ratio=0.7 neuron.margin=1
  same synchronous config.toml 4 "$data" $mean $std simulation.timesteps=32
  finish
  exit
fi

data=$root/configs/digits_test.h5
same windows "$root/configs/digits.toml" 60 "$data" 0.5 0.5
same overlapping "$root/configs/digits.toml" 60 "$data" 0.5 0.5 neuron.steps=12 neuron.delay=2 neuron.ratio=0.7
same bytes "$root/configs/digits.toml" 60 "$data" 0.5 0.5 simulation.weights=int8
same synchronous "$root/configs/digits_synchronous.toml" 60 "$data" 0.5 0.5
same direct "$root/configs/digits_synchronous.toml" 60 "$data" 0.5 0.5 simulation.encoding=direct neuron.schedule=inverse
same spikes "$root/configs/digits_synchronous.toml" 60 "$data" 0.5 0.5 simulation.encoding=deterministic

# A network file stands for itself; what it does not say has its default.
alone export windows.snn.h5 -o alone.onnx && cmp alone.onnx windows.onnx && pass || fail "a network file: $(cat err)"
grep -q 'digits.onnx: windows of 8 steps, delay 8; 48 timesteps, 6 states -> alone.onnx' out && pass || fail "$(cat out)"
alone export synchronous.snn.h5 --set simulation.timesteps=64 -o alone.onnx && cmp alone.onnx synchronous.onnx && pass ||
  fail "a network file with settings: $(cat err)"

refuses 2 'no config file given' --quiet
refuses 2 "none.snn.h5: cannot open" none.snn.h5
refuses 2 "missing key model.network" "$root/configs/digits.toml"
refuses 2 'has windows of 8 steps, delay 8' windows.snn.h5 --set neuron.steps=6
refuses 2 'simulation.encoding = "stochastic" cannot be exported' synchronous.snn.h5 --set simulation.encoding=stochastic
refuses 2 '"subgradient" cannot be exported' synchronous.snn.h5 --set neuron.dynamics=subgradient
alone convert "$root/configs/digits.toml" --set simulation.weights=float32 -o floats.snn.h5 || fail "$(cat err)"
refuses 2 'float32 weights cannot be exported' floats.snn.h5
head -c 3000 windows.snn.h5 >cut.snn.h5
refuses 2 'cut.snn.h5' cut.snn.h5
refuses 2 'digits.onnx' "$root/configs/digits.onnx"
alone export windows.snn.h5
[ $? -eq 2 ] && grep -q 'no output given: -o step.onnx' err && pass || fail "without -o: $(cat err)"
alone export windows.snn.h5 -o none/step.onnx
[ $? -eq 3 ] && pass || fail "into no folder: $(cat err)"
finish
