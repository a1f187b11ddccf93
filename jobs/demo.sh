#!/usr/bin/env bash
# Installs what is missing, builds, and runs the embedded network over four ranks.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

snn_dist_install
snn_dist_build release
cd "$snn_dist_root"
echo "+ mpirun -np 4 build/release/snn_dist configs/digits.toml --plan configs/digits.plan.toml"
exec mpirun -np 4 build/release/snn_dist configs/digits.toml --plan configs/digits.plan.toml "$@"
