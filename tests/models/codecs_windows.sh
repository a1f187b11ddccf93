#!/usr/bin/env bash
# Ratio and speed of every codec on the windows of a publicly trained network of ../shared:
#   codecs_windows.sh PROGRAM MODEL MEASURE_CODECS [STEPS [DELAY [RATIO [IMAGES]]]]
# MODEL is ResNet20, MobileNetV1 or ViTTiny, MEASURE_CODECS as in codecs.sh.
source "$(dirname "${BASH_SOURCE[0]}")/../cli/common.sh"
model=$2
measure=$3
steps=${4:-8} delay=${5:-8} ratio=${6:-0.5}
shared=$root/../shared
case $model in
ResNet20) file=resnet20_dyn data=cifar10 images=16 centre=0 mean='[0.485, 0.456, 0.406]' std='[0.229, 0.224, 0.225]' ;;
MobileNetV1) file=mobilenetv1_0.25_128 data=imagenet_128 images=8 centre=1 mean='[0.5, 0.5, 0.5]' std='[0.5, 0.5, 0.5]' ;;
ViTTiny) file=vit_tiny16_224_op17 data=imagenet_224 images=4 centre=1 mean='[0.5, 0.5, 0.5]' std='[0.5, 0.5, 0.5]' ;;
*) echo "$model: expected ResNet20, MobileNetV1 or ViTTiny" && exit 2 ;;
esac
if [ ! -f "$shared/models/real/$file.onnx" ]; then
  echo "skipped: ../shared/models/real/$file.onnx is not there"
  exit 77
fi
cat >"$work/model.toml" <<END
[model]
onnx = "$shared/models/real/$file.onnx"
[data]
test = "$shared/data/real/${data}_test.h5"
calibration = "$shared/data/real/${data}_calib.h5"
mean = $mean
std = $std
[neuron]
steps = $steps
delay = $delay
ratio = $ratio
[output]
file = "$work/none.h5"
END
alone convert "$work/model.toml" -o "$work/model.snn.h5" || { cat "$work/err"; exit 1; }
"$measure" "$work/model.snn.h5" "$shared/data/real/${data}_test.h5" "$steps" "$steps" "${7:-$images}" "$centre"
