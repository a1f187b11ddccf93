#!/usr/bin/env bash
# A trained network of ../shared against its golden accuracies: golden.sh PROGRAM MODEL. Skipped without ../shared.
source "$(dirname "${BASH_SOURCE[0]}")/../cli/common.sh"
model=$2
shared=$root/../shared
limit=1500
if [ ! -f "$shared/models/$model.onnx" ] || [ ! -f "$shared/reference/golden/$model.json" ]; then
  echo "skipped: ../shared/models/$model.onnx is not there"
  exit 77
fi
data=cifar10
mean='[0.485, 0.456, 0.406]'
std='[0.229, 0.224, 0.225]'
if [ "$model" = LeNet ]; then data=mnist mean='[0.1307]' std='[0.3081]'; fi
cat >"$work/model.toml" <<END
[model]
onnx = "$shared/models/$model.onnx"
[data]
test = "$shared/data/${data}_test.h5"
calibration = "$shared/data/${data}_calib.h5"
images = 500
mean = $mean
std = $std
[simulation]
timesteps = 64
block = 16
[output]
file = "$work/int16.h5"
[checkpoint]
directory = ""
END
on_ranks 2 run "$work/model.toml" --layout 1x1x2 || fail "$model: $(tail -n 3 "$work/err")"
sed -n '/timesteps/,/trained/p' "$work/out"
on_ranks 2 run "$work/model.toml" --layout 2x1x1 --quiet --set simulation.weights=float32 \
  --set output.file="$work/float32.h5" || fail "$model, float32: $(tail -n 3 "$work/err")"
/usr/bin/python3 "$(dirname "${BASH_SOURCE[0]}")/compare.py" "$shared/reference/golden/$model.json" "$work/int16.h5" \
  "$work/float32.h5" && pass || fail "$model differs from the golden accuracies"
finish
