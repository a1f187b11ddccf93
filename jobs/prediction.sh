#!/usr/bin/env bash
# What `plan` predicts against what `run` takes, for one and two ranks with one thread each, in seconds:
#
#     jobs/prediction.sh [CONFIG.toml ...]
#
# Without arguments: VGG, ResNet20, ConvNeXt, Mixer and ViT of ../shared. Exit code 1 if a prediction is off by more than
# TOLERANCE per cent (25) of what was measured, 2 if there is nothing to run.
#
# For a quiet machine: other work makes runs slower, not the prediction. The fastest of RUNS runs counts (3). RUN is put
# before the programs, for example RUN="chrt -f 10" to go before other processes; LAYOUTS are those that are tried.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
program=${SNN_DIST:-$root/build/release/snn_dist}
shared=$root/../shared
runs=${RUNS:-3}
run=${RUN:-}
tolerance=${TOLERANCE:-25}
layouts=${LAYOUTS:-1x1x1 2x1x1 1x2x1 1x1x2}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMP_NUM_THREADS=1

# config_of NAME: $work/NAME.toml with the network converted, so that no run evaluates the trained one.
config_of() {
  local name=$1 source
  for source in "onnx = \"$shared/models/$name.onnx\"" "network = \"$work/$name.h5\""; do
    cat >"$work/$name.toml" <<END
[model]
$source
[data]
test = "$shared/data/cifar10_test.h5"
calibration = "$shared/data/cifar10_calib.h5"
images = 128
mean = [0.485, 0.456, 0.406]
std = [0.229, 0.224, 0.225]
[simulation]
timesteps = 64
[output]
file = "$work/out.h5"
[checkpoint]
directory = ""
END
    case $source in onnx*) "$program" convert "$work/$name.toml" -o "$work/$name.h5" >/dev/null ;; esac
  done
}

configs=("$@")
if [ ${#configs[@]} -eq 0 ]; then
  for name in VGG ResNet20 ConvNeXt Mixer ViT; do
    if [ ! -f "$shared/models/$name.onnx" ]; then
      echo "$shared/models/$name.onnx is not there: name configs" >&2
      exit 2
    fi
    config_of "$name"
    configs+=("$work/$name.toml")
  done
fi

# seconds RANKS LAYOUT CONFIG: of the fastest evaluation, from its images per second.
seconds() {
  local best=inf
  for _ in $(seq "$runs"); do
    # shellcheck disable=SC2086
    $run mpirun --oversubscribe -np "$1" "$program" run "$3" --layout "$2" --restart never --progress never \
      --set checkpoint.directory=\"\" --set output.file="$work/out.h5" >"$work/log" 2>&1 || { cat "$work/log" >&2; return 1; }
    best=$(awk -v best="$best" '$1 == "speed" { gsub(/[(]/, "", $4); t = $4 / $2; print(best == "inf" || t < best ? t : best) }' \
      "$work/log")
  done
  echo "$best"
}

missed=0
printf '%-28s %-7s %12s %12s %7s\n' network layout 'predicted s' 'measured s' ratio
for config in "${configs[@]}"; do
  name=$(basename "$config" .toml)
  case $name in config | model) name=$(basename "$(dirname "$config")") ;; esac
  for layout in $layouts; do
    ranks=$((${layout//x/*}))
    # shellcheck disable=SC2086
    predicted=$($run "$program" plan "$config" --ranks "$ranks" --layout "$layout" | awk '$1 == "time" { print $2 }')
    measured=$(seconds "$ranks" "$layout" "$config")
    awk -v n="$name" -v l="$layout" -v p="$predicted" -v m="$measured" -v t="$tolerance" 'BEGIN {
      off = p / m < 1 - t / 100 || p / m > 1 + t / 100
      printf "%-28s %-7s %12.3f %12.3f %7.2f%s\n", n, l, p, m, p / m, off ? "  off" : ""
      exit off }' || missed=$((missed + 1))
  done
done
if [ "$missed" -gt 0 ]; then
  echo "$missed predictions are off by more than $tolerance %"
  exit 1
fi
