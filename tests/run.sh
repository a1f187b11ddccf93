#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test: the release build, the quick tests under AddressSanitizer and
# UndefinedBehaviorSanitizer, and those of threads under ThreadSanitizer. `tests/run.sh quick` leaves out the long tests.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../jobs/setup.sh"

snn_dist_install
snn_dist_install_for_tests
cd "$snn_dist_root"
snn_dist_build release
snn_dist_build asan
labels=()
[ "${1:-}" = quick ] && labels=(-L quick)
failed=0
echo "== quick tests under address and undefined behaviour sanitizers"
ctest --preset asan -L quick -j 2 || failed=1
echo "== tests of threads under the thread sanitizer"
if ! clang -fopenmp -x c -o /dev/null - <<<'#include <omp.h>
int main(void) { return omp_in_parallel(); }' 2>/dev/null; then
  echo "skipped: no clang with OpenMP (Debian: apt-get install clang libomp-dev)"
elif snn_dist_build tsan; then
  ctest --preset tsan -j 2 || failed=1
else
  failed=1
fi
echo "== all tests, release build"
ctest --preset release "${labels[@]}" -j 4 || failed=1 # two processors: most wait as long as they compute
exit $failed
