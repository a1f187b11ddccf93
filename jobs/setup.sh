#!/usr/bin/env bash
# Installs what is missing to build, test and train (Debian 12 or later), and builds into build/.
# Sourced by the other scripts; run it alone to set up only.
set -euo pipefail

snn_dist_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
snn_dist_packages=(
  build-essential cmake ninja-build pkg-config
  libopenmpi-dev openmpi-bin libhdf5-dev hdf5-tools zlib1g-dev libzstd-dev libxxhash-dev
  libprotobuf-c-dev protobuf-c-compiler libonnx-dev libtomlplusplus-dev libcmocka-dev
  python3 python3-numpy python3-h5py python3-onnx python3-pil
)

# Some tests need more and skip without it: network namespaces, what a process took, clang's thread sanitizer, a Slurm of
# their own, oneDNN to compare with, ONNX's own tests, readers of manual pages, shells, what looks at packages and
# installs them, pandas, matplotlib. A browser and Octave are large ones: chromium and octave-cli are used where they are.
snn_dist_test_packages=(
  iproute2 time clang libomp-dev slurmctld slurmd slurm-client munge libdnnl-dev libonnx-testdata
  man-db mandoc groff zsh fish lintian environment-modules mmdebstrap python3-pandas python3-matplotlib
)

# snn_dist_missing PACKAGE...: those that are not installed, one a line.
snn_dist_missing() {
  local package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || echo "$package"
  done
}

snn_dist_apt_get() {
  local as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q "$@"
}

snn_dist_install() {
  local missing
  mapfile -t missing < <(snn_dist_missing "${snn_dist_packages[@]}")
  [ ${#missing[@]} -eq 0 ] && return 0
  echo "installing: ${missing[*]}"
  snn_dist_apt_get update
  snn_dist_apt_get install -y --no-install-recommends "${missing[@]}"
}

# ONNX Runtime, for tests that compare with it, where npm is there to fetch it. Its library comes with it: the scripts,
# which would fetch others, stay out.
snn_dist_install_onnxruntime() {
  local folder=$snn_dist_root/build/npm
  if [ -e "$folder/node_modules/onnxruntime-node" ] || ! type npm >/dev/null 2>&1; then
    return 0
  fi
  mkdir -p "$folder"
  npm install --silent --ignore-scripts --prefix "$folder" onnxruntime-node ||
    echo "not installed, its tests will skip: onnxruntime-node"
}

# Before the build, which looks for oneDNN. What cannot be had is no failure.
snn_dist_install_for_tests() {
  local missing package
  snn_dist_install_onnxruntime
  mapfile -t missing < <(snn_dist_missing "${snn_dist_test_packages[@]}")
  [ ${#missing[@]} -eq 0 ] && return 0
  echo "installing for tests: ${missing[*]}"
  snn_dist_apt_get update || true
  for package in "${missing[@]}"; do
    snn_dist_apt_get install -y --no-install-recommends "$package" || echo "not installed, its tests will skip: $package"
  done
}

# snn_dist_build PRESET: configures and builds into build/PRESET; output only when something is wrong.
snn_dist_build() {
  local log
  log=$(mktemp)
  if ! (cd "$snn_dist_root" && cmake --preset "$1" && cmake --build --preset "$1") >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}

# Open MPI refuses root and more ranks than cores unless told otherwise; containers and laptops need both.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  snn_dist_install
  snn_dist_build release
fi
