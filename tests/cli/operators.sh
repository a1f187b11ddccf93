#!/usr/bin/env bash
# Networks of the operators that exporters use, from ONNX files: all nodes convert, and the results are the same however
# they are partitioned (G1), in the fused and the decomposed form. Skipped without python3-onnx.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
if ! /usr/bin/python3 -c 'import onnx' 2>/dev/null; then
  echo "skipped: python3-onnx is not installed"
  exit 77
fi
/usr/bin/python3 "$root/tests/cli/operators.py" "$work" || fail "operators.py"
cp "$root"/configs/digits_test.h5 "$root"/configs/digits_calib.h5 "$work"

# config MODEL FORM
config() {
  cat <<END
[model]
onnx = "$1.onnx"
[data]
test = "digits_test.h5"
calibration = "digits_calib.h5"
images = 6
calibration_images = 16
mean = [0.5]
std = [0.5]
[neuron]
maxpool = "$2"
layernorm = "$2"
softmax = "$2"
attention = "$2"
[simulation]
timesteps = 12
batch = 3
block = 5
[output]
file = "one.h5"
[checkpoint]
directory = ""
END
}

for model in transformer gates mixer; do
  alone check "$work/$model.onnx" && pass || fail "$model: $(cat "$work/err")"
  for form in fused decomposed; do
    config "$model" "$form" >"$work/config.toml"
    alone run "$work/config.toml" --quiet && pass || fail "$model, $form: $(cat "$work/err")"
    for layout in 1x1x3 1x3x1 1x2x2; do
      IFS=x read -r replicas stages channels <<<"$layout"
      on_ranks $((replicas * stages * channels)) run "$work/config.toml" --quiet --layout "$layout" \
        --set output.file="$work/many.h5" --set simulation.block=3 --set comm.codec=xor ||
        fail "$model, $form, $layout: $(cat "$work/err")"
      alone diff "$work/one.h5" "$work/many.h5" && pass ||
        fail "$model, $form, $layout: $(cat "$work/out" "$work/err")"
    done
  done
done

# refuses MODEL NODE OPERATOR REASON: what cannot be converted is refused by name with the reason (G3).
refuses() {
  alone check "$work/$1.onnx"
  [ $? -eq 1 ] && grep -Eq "^REFUSED +$3 +$2 +$4\$" "$work/out" && pass || fail "check $1: $(cat "$work/out" "$work/err")"
  config "$1" fused >"$work/config.toml"
  rm -f "$work/one.h5"
  on_ranks 2 run "$work/config.toml"
  [ $? -eq 2 ] && [ "$(cat "$work/err" | grep -c '^snn_dist: error: ')" -eq 1 ] && [ ! -e "$work/one.h5" ] &&
    grep -Fxq "snn_dist: error: $work/$1.onnx: node $2 ($3): ${5:-$4}" "$work/err" && pass ||
    fail "run $1: $(cat "$work/err")"
}
refuses transposed convtranspose2 ConvTranspose "no spiking neuron and no linear operator stands for ConvTranspose" \
  "operator not supported"
refuses logarithm log2 Log "no spiking neuron and no linear operator stands for Log"
finish
