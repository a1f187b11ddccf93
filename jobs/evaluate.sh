#!/usr/bin/env bash
# Evaluation without a batch system: the run is started again as long as it stops with a checkpoint (exit code 4), so a
# time limit per try (--max-hours among the options) or a signal to the ranks costs no results.
#
#     jobs/evaluate.sh RANKS config.toml [options of snn_dist run]
set -u
ranks=${1:?number of ranks}
shift
source "$(dirname "${BASH_SOURCE[0]}")/program.sh"
read -r -a launcher <<<"${SNN_DIST_LAUNCHER:-mpirun}"
while
  "${launcher[@]}" -np "$ranks" "$program" run "$@"
  code=$?
  [ $code -eq 4 ]
do echo "going on from the checkpoint"; done
exit $code
