#!/usr/bin/env bash
# What `plan` predicts against what `run` takes, for one and two ranks with one thread each:
#
#     jobs/prediction.sh [CONFIG.toml ...]
#
# Without arguments: the embedded default and ResNets that jobs/generate_network.py makes. The fastest of RUNS runs
# counts (3). Other work on the machine makes runs slower, not the prediction: measure on a quiet one. RUN is put before
# the program, for example RUN="chrt -f 10" to go before other processes.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
program=${SNN_DIST:-$root/build/release/snn_dist}
runs=${RUNS:-3}
run=${RUN:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMP_NUM_THREADS=1

configs=("$@")
if [ ${#configs[@]} -eq 0 ]; then
  configs=("$root/configs/digits.toml")
  for depth in 20 56 110; do
    python3 "$root/jobs/generate_network.py" resnet --depth "$depth" -o "$work/resnet$depth" >/dev/null
    configs+=("$work/resnet$depth/config.toml")
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

printf '%-28s %-7s %10s %10s %7s\n' network layout predicted measured ratio
for config in "${configs[@]}"; do
  name=$(basename "$config" .toml)
  case $name in config | model) name=$(basename "$(dirname "$config")") ;; esac
  for layout in 1x1x1 2x1x1 1x2x1 1x1x2; do
    ranks=$([ $layout = 1x1x1 ] && echo 1 || echo 2)
    # shellcheck disable=SC2086
    predicted=$($run "$program" plan "$config" --ranks "$ranks" --layout $layout | awk '$1 == "time" { print $2 }')
    measured=$(seconds "$ranks" $layout "$config")
    awk -v n="$name" -v l=$layout -v p="$predicted" -v m="$measured" \
      'BEGIN { printf "%-28s %-7s %10.3f %10.3f %7.2f\n", n, l, p, m, p / m }'
  done
done
