# Sourced after common.sh with the model's name as the second argument: writes $work/model.toml, or skips without ../shared.
# "decomposed" as the third argument: normalisation, softmax and attention in that form. Networks of models/real are named
# by their files too.
model=$2
form=${3:-fused}
shared=$root/../shared
onnx=$shared/models/$model.onnx
data=cifar10
mean='[0.485, 0.456, 0.406]'
std='[0.229, 0.224, 0.225]'
batch=16
case $model in
LeNet) data=mnist mean='[0.1307]' std='[0.3081]' ;;
resnet*_dyn) data=real/cifar10 ;;
squeezenet*) data=real/imagenet_224 batch=4 ;;
mobilenetv1*) data=real/imagenet_128 mean='[0.5, 0.5, 0.5]' std='[0.5, 0.5, 0.5]' batch=4 ;;
mobilenetv3* | vit_tiny*) data=real/imagenet_224 mean='[0.5, 0.5, 0.5]' std='[0.5, 0.5, 0.5]' batch=4 ;;
esac
[ "${data%/*}" != real ] || onnx=$shared/models/real/$model.onnx
for needed in "$onnx" "$shared/data/${data}_test.h5" "$shared/data/${data}_calib.h5"; do
  if [ ! -f "$needed" ]; then
    echo "skipped: ../shared/${needed#"$shared/"} is not there"
    exit 77
  fi
done
cat >"$work/model.toml" <<END
[model]
onnx = "$onnx"
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
batch = $batch
block = 16
[output]
file = "$work/int16.h5"
[checkpoint]
directory = ""
END
