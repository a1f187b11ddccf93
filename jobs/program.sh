# Sourced by scripts of this folder, in the source tree or installed. Sets `root`, the folder above this one, and
# `program`: SNN_DIST, or else the one that was built here, is installed above here, or is on the PATH.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
program=${SNN_DIST:-}
if [ -z "$program" ]; then
  for program in "$root/build/release/snn_dist" "${root%/*/*}/bin/snn_dist" snn_dist; do
    ! type "$program" >/dev/null 2>&1 || break
  done
fi
