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

for model in transformer gates mixer exported quantised windows; do
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

# What other exporters write: integers, channels last, functions. All nodes convert; in windows the spiking network's
# answers are mostly those of the trained one.
for model in integers tensorflow dynamo; do
  alone check "$work/$model.onnx" && pass || fail "$model: $(cat "$work/out" "$work/err")"
  config "$model" fused >"$work/config.toml"
  alone run "$work/config.toml" --quiet --set neuron.steps=10 --set simulation.timesteps=0 &&
    /usr/bin/python3 - "$work/one.h5" <<'END' && pass || fail "$model: $(cat "$work/err")"
import sys, h5py
with h5py.File(sys.argv[1]) as file:
    same = (file["predictions/snn"][:, -1] == file["predictions/ann"][()]).sum()
sys.exit(f"{same} answers of 6 are the trained network's" if same < 5 else 0)
END
done

# refuses MODEL NODE OPERATOR REASON: what cannot be converted is refused by name with the reason (G3).
refuses() {
  alone check "$work/$1.onnx"
  [ $? -eq 1 ] && grep -Eq "^REFUSED +$3 +$2 +$4\$" "$work/out" && pass || fail "check $1: $(cat "$work/out" "$work/err")"
  config "$1" fused >"$work/config.toml"
  rm -f "$work/one.h5"
  on_ranks 2 run "$work/config.toml"
  [ $? -eq 2 ] && [ "$(cat "$work/err" | grep -c '^snn_dist: error: ')" -eq 1 ] && [ ! -e "$work/one.h5" ] &&
    grep -Fxq "snn_dist: error: $work/$1.onnx: node $2 ($3): ${5:-$4}; snn_dist check $work/$1.onnx lists all nodes, with cures where there are any" "$work/err" && pass ||
    fail "run $1: $(cat "$work/err")"
}
refuses transposed convtranspose5 ConvTranspose "the weights: a constant of type float32 expected"
refuses logarithm log2 Log "no spiking neuron and no linear operator stands for Log"
refuses recurrent lstm2 LSTM "no spiking neuron and no linear operator stands for LSTM" "operator not supported"

# ends MODEL LINE: the last lines of `check` count refusals by kind and say what to do.
ends() {
  alone check "$work/$1.onnx"
  [ "$(tail -n "$(echo "$2" | wc -l)" "$work/out")" = "$2" ] && pass || fail "end of check $1: $(cat "$work/out")"
}
ends logarithm "refused    1  Log: no spiking neuron and no linear operator stands for Log
advice: no neuron has this function: replace the activation (any of Relu, Gelu, Silu, Tanh, Sigmoid, ... in the README)"
ends recurrent "refused    1  LSTM: no spiking neuron and no linear operator stands for LSTM
refused    4  behind refused nodes, so without a known shape
advice: recurrent layers do not convert: only networks that an image passes once"

# broken NAME REASON: data files of a model.
broken() {
  alone check "$work/exported.onnx"
  [ $? -eq 2 ] && grep -Fq "$2" "$work/err" && pass || fail "$1: $(cat "$work/out" "$work/err")"
}
alone check "$work/exported.onnx"
grep -q "^folded   Softmax .* dropped: the largest class" "$work/out" && pass || fail "softmax: $(cat "$work/out")"
truncate -s 100 "$work/exported.onnx.data"
broken "truncated data file" "data file exported.onnx.data: 100 bytes, the tensor's "
rm "$work/exported.onnx.data"
broken "missing data file" "data file exported.onnx.data, expected in $work: No such file or directory"
finish
