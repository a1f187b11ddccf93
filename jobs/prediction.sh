#!/usr/bin/env bash
# What `plan` predicts against what `run` takes, for one and two ranks with one thread each, in seconds, and in memory of
# the rank that needs most (its largest resident set):
#
#     jobs/prediction.sh [--windows STEPS[,DELAY]] [CONFIG.toml ...]
#
# --windows: neurons fire in windows of so many steps (neuron.steps and neuron.delay), not at all timesteps.
# Without arguments: VGG, ResNet20, ConvNeXt, Mixer and ViT of ../shared. Exit code 1 if predicted seconds are off by more
# than TOLERANCE per cent (25) of what was measured, 2 if there is nothing to run. Memory is for information.
#
# For a quiet machine: other work makes runs slower, not the prediction. The fastest of RUNS runs counts (3). RUN is put
# before the programs, for example RUN="chrt -f 10" to go before other processes; LAYOUTS are those that are tried.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/program.sh"
shared=$root/../shared
runs=${RUNS:-3}
run=${RUN:-}
tolerance=${TOLERANCE:-25}
layouts=${LAYOUTS:-1x1x1 2x1x1 1x2x1 1x1x2}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMP_NUM_THREADS=1

settings=()
timesteps=64
if [ "${1:-}" = --windows ]; then
  settings=(--set "neuron.steps=${2%%,*}")
  case $2 in *,*) settings+=(--set "neuron.delay=${2##*,}") ;; esac
  timesteps=0 # until the last window ends
  shift 2
fi

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
timesteps = $timesteps
[output]
file = "$work/out.h5"
[checkpoint]
directory = ""
END
    case $source in onnx*) "$program" convert "$work/$name.toml" "${settings[@]}" -o "$work/$name.h5" >/dev/null ;; esac
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

# measure RANKS LAYOUT CONFIG: seconds of the fastest evaluation, from its images per second, and MB of the largest
# resident set of any rank and run.
measure() {
  local best=inf peak=0
  for _ in $(seq "$runs"); do
    # shellcheck disable=SC2086
    $run mpirun --oversubscribe -np "$1" python3 "$root/jobs/peak.py" "$work/peak" "$program" run "$3" --layout "$2" --restart never --progress never \
      "${settings[@]}" --set checkpoint.directory=\"\" --set output.file="$work/out.h5" >"$work/log" 2>&1 || { cat "$work/log" >&2; return 1; }
    best=$(awk -v best="$best" '$1 == "speed" { gsub(/[(]/, "", $4); t = $4 / $2; print(best == "inf" || t < best ? t : best) }' \
      "$work/log")
    peak=$(cat "$work"/peak.* | awk -v peak="$peak" '{ mb = $1 * 1024 / 1e6; if (mb > peak) peak = mb } END { print peak }')
    rm "$work"/peak.*
  done
  echo "$best $peak"
}

missed=0
printf '%-28s %-7s %12s %12s %7s %13s %13s %7s\n' network layout 'predicted s' 'measured s' ratio 'predicted MB' 'resident MB' ratio
for config in "${configs[@]}"; do
  name=$(basename "$config" .toml)
  case $name in config | model) name=$(basename "$(dirname "$config")") ;; esac
  for layout in $layouts; do
    ranks=$((${layout//x/*}))
    # shellcheck disable=SC2086
    predicted=$($run "$program" plan "$config" --ranks "$ranks" --layout "$layout" "${settings[@]}" | awk '
      BEGIN { scale["kB"] = 1e-3; scale["MB"] = 1; scale["GB"] = 1e3; scale["TB"] = 1e6 }
      $1 == "time" { seconds = $2 }
      $1 == "memory" { memory = $2 * scale[$3] }
      END { print seconds, memory }')
    measured=$(measure "$ranks" "$layout" "$config")
    awk -v n="$name" -v l="$layout" -v predicted="$predicted" -v measured="$measured" -v t="$tolerance" 'BEGIN {
      split(predicted, p); split(measured, m)
      ratio = p[1] / m[1]
      off = ratio < 1 - t / 100 || ratio > 1 + t / 100
      printf "%-28s %-7s %12.3f %12.3f %7.2f %13.1f %13.1f %7.2f%s\n", n, l, p[1], m[1], ratio, p[2], m[2], p[2] / m[2], off ? "  off" : ""
      exit off }' || missed=$((missed + 1))
  done
done
if [ "$missed" -gt 0 ]; then
  echo "$missed predictions are off by more than $tolerance %"
  exit 1
fi
