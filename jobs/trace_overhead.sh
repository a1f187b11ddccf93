#!/usr/bin/env bash
# What --trace costs: pairs of runs with and without it, right after each other and first the one, then the other.
#
#     jobs/trace_overhead.sh [CONFIG.toml [options of snn_dist run]]
#
# Without arguments: the embedded default. Prints for the evaluation, which records the intervals, and for the whole
# command, which writes the file too: the fastest seconds without and with a trace; `median`, of the pairs' ratios of
# traced to plain seconds, which what else the machine did hardly moves; `best`, the ratio of the fastest two. RUNS
# pairs (11) of RANKS ranks (2) with one thread each. RUN is put before mpirun, for example RUN="chrt -f 10" to go before
# other processes; SNN_DIST names the program.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/program.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMP_NUM_THREADS=1
config=${1:-$root/configs/digits_synchronous.toml}
[ $# -eq 0 ] || shift

# timed NAME OPTIONS...: one run; adds its seconds, "evaluation command", to $work/NAME.
timed() {
  local name=$1 begin end
  shift
  begin=$(date +%s%N)
  # shellcheck disable=SC2086
  ${RUN:-} mpirun --oversubscribe -np "${RANKS:-2}" "$program" run "$config" --restart never --progress never \
    --set checkpoint.directory= --set output.file="$work/out.h5" "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; return 1; }
  end=$(date +%s%N)
  awk -v command=$(((end - begin) / 1000)) \
    '$1 == "speed" { gsub(/[(]/, "", $4); print $4 / $2, command * 1e-6 }' "$work/log" >>"$work/$name"
}

plain() { timed plain "$@"; }
traced() { timed traced --trace "$work/trace.json" "$@"; }

traced "$@" # so that all files are in memory
grep -E '^ *ranks ' "$work/log"
echo "  trace       $(stat -c %s "$work/trace.json") bytes"
rm "$work/traced"
for ((pair = 0; pair < ${RUNS:-11}; pair++)); do
  if ((pair % 2)); then
    plain "$@"
    traced "$@"
  else
    traced "$@"
    plain "$@"
  fi
done

printf '%-12s %9s %9s %8s %8s\n' '' plain traced median best
paste -d ' ' "$work/plain" "$work/traced" >"$work/pairs"
for part in 1:evaluation 2:command; do
  column=${part%%:*}
  awk -v c="$column" '{ print $(c + 2) / $c }' "$work/pairs" | sort -n >"$work/ratios"
  awk -v c="$column" -v name="${part#*:}" '
    FILENAME ~ /ratios$/ { ratio[++n] = $1; next }
    { if (FNR == 1 || $c < plain) plain = $c; if (FNR == 1 || $(c + 2) < traced) traced = $(c + 2) }
    END { median = (ratio[int((n + 1) / 2)] + ratio[int(n / 2) + 1]) / 2
          printf "%-12s %7.3f s %7.3f s %8.3f %8.3f\n", name, plain, traced, median, traced / plain }' \
    "$work/ratios" "$work/pairs"
done
