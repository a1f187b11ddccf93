#!/usr/bin/env bash
# Does an installed copy work? Runs the embedded network alone and over four ranks, and looks at what comes out. Needs
# nothing but the copy, writes to a folder of its own, takes seconds.
#
#     /usr/share/snn_dist/jobs/smoke.sh
#
# SNN_DIST names another program, SNN_DIST_LAUNCHER what starts the ranks (mpirun --oversubscribe).
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/program.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
read -r -a launcher <<<"${SNN_DIST_LAUNCHER:-mpirun --oversubscribe}"
cp -r "$root/configs" "$work"
cd "$work/configs"

"$program" --version
"$program" config --check digits.toml --quiet
"$program" check digits.onnx | tail -n 3
"$program" run digits.toml --quiet --restart never --set output.file=../alone.h5
"${launcher[@]}" -np 4 "$program" run digits.toml --plan digits.plan.toml --restart never --set output.file=../ranks.h5 |
  tee ../ranks.log
grep -q "^ *48  *99.33 %" ../ranks.log || { echo "smoke.sh: 99.33 % expected after 48 timesteps" >&2; exit 1; }
"$program" diff ../alone.h5 ../ranks.h5
"$program" verify ../ranks.h5
"$program" report ../ranks.h5 -o ../report.html
echo "snn_dist works: $program"
