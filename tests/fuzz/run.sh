#!/usr/bin/env bash
# Lets each fuzzer look for SECONDS (default 60), one after the other, from its corpus and from what earlier calls found
# worth keeping (build/fuzz/found/NAME). An input that ends a fuzzer is put into build/fuzz/findings; with its fix it goes
# into corpus/NAME, which the tests replay.
#
# usage: tests/fuzz/run.sh [SECONDS [NAME...]]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$here/../..
seconds=${1:-60}
shift || true
(cd "$root" && cmake --preset fuzz >/dev/null && cmake --build --preset fuzz ${FUZZ_JOBS:+-j"$FUZZ_JOBS"})
names=("$@")
[ ${#names[@]} -gt 0 ] || mapfile -t names < <(ls "$here/corpus")
export OMP_NUM_THREADS=1 ASAN_OPTIONS=allocator_may_return_null=1
findings=$root/build/fuzz/findings
mkdir -p "$findings"
failed=0
for name in "${names[@]}"; do
  found=$root/build/fuzz/found/$name
  log=$root/build/fuzz/$name.log
  mkdir -p "$found"
  # Children that try data sets may fail to allocate what these claim, as without sanitizers.
  # Open MPI and HDF5 keep memory of their own until the end, so leaks are not looked for here but in the asan tests.
  "$root/build/fuzz/tests/fuzz/fuzz_$name" -max_total_time="$seconds" -timeout=30 -rss_limit_mb=3000 -max_len=16384 \
    -detect_leaks=0 -print_final_stats=1 -artifact_prefix="$findings/$name-" "$found" "$here/corpus/$name" \
    >"$log" 2>&1 || failed=1
  printf '%-8s %10s executions, %s\n' "$name" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" \
    "$(grep -o 'cov: [0-9]* ft: [0-9]*' "$log" | tail -n 1)"
done
ls "$findings"
exit $failed
