#!/usr/bin/env bash
# The program on another architecture: builds for 64-bit ARM with Debian's cross compiler (plain C kernels), runs in QEMU
# the quick tests that are programs by themselves, and compares what it makes of the embedded network with this machine's
# release build, bit for bit. As root, for a root folder with that architecture's packages (build/aarch64.root, 0.5 GB).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source jobs/setup.sh

root=build/aarch64.root
for tool in aarch64-linux-gnu-gcc aarch64-linux-gnu-g++ qemu-aarch64 mmdebstrap; do
  type "$tool" >/dev/null 2>&1 || {
    echo "skipped: no $tool (apt-get install gcc-aarch64-linux-gnu g++-aarch64-linux-gnu qemu-user mmdebstrap)"
    exit 77
  }
done
if [ ! -e $root/usr/include ]; then
  packages=libc6-dev,libstdc++-12-dev,libgomp1,libopenmpi-dev,libhdf5-dev,zlib1g-dev,libzstd-dev,libxxhash-dev
  packages+=,libprotobuf-c-dev,libonnx-dev,libtomlplusplus-dev,libcmocka-dev
  mkdir -p build
  rm -rf $root.new # of a call that was stopped
  mmdebstrap --quiet --variant=extract --architectures=arm64 --include=$packages bookworm $root.new ||
    { echo "skipped: no packages of arm64"; exit 77; }
  mv $root.new $root
fi
snn_dist_build release
snn_dist_build aarch64

# Tests under mpirun and scripts would start the program without QEMU; fuzzers' limits on memory are too small for QEMU.
ctest --preset aarch64 -L quick -E '_np[0-9]+$|_pieces$|^cli_|^export_|^onnx|^fuzz_|test_processors|test_trial' -j "$(nproc)"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_NUM_THREADS=1 OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export SNN_DIST_ISA=portable XDG_CACHE_HOME=$work
emulated() { OMPI_MCA_ess_singleton_isolated=1 qemu-aarch64 -L $root build/aarch64/snn_dist "$@"; }
for config in digits digits_synchronous; do
  cp configs/digits* "$work"
  short=(--quiet --set data.images=64 --set checkpoint.directory= --set parallel.calibration=off)
  build/release/snn_dist "$work/$config.toml" "${short[@]}" --set output.file="$work/here.h5"
  emulated "$work/$config.toml" "${short[@]}" --set output.file="$work/there.h5"
  build/release/snn_dist diff "$work/here.h5" "$work/there.h5"
done
echo "the same bits"
