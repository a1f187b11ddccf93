# Sourced after common.sh with the model's name as the second argument: writes $work/model.toml, or skips without ../shared.
# "decomposed" as the third argument: normalisation, softmax and attention in that form.
model=$2
form=${3:-fused}
shared=$root/../shared
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
[neuron]
layernorm = "$form"
softmax = "$form"
attention = "$form"
[simulation]
timesteps = 64
block = 16
[output]
file = "$work/int16.h5"
[checkpoint]
directory = ""
END
