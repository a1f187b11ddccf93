#!/usr/bin/env bash
# How much the codecs shrink the spikes of a trained network, which is the same on every machine, and that what arrives is
# what was sent: codec_ratio.sh PROGRAM MODEL MEASURE_CODECS. Skipped without ../shared.
source "$(dirname "${BASH_SOURCE[0]}")/../cli/common.sh"
if ! bash "$root/tests/models/codecs.sh" "$snn_dist" "$2" "$3" 32 8 4 >"$work/out" 2>"$work/err"; then
  grep '^skipped' "$work/out" && exit 77
  fail "$2: $(cat "$work/out" "$work/err")"
fi

# at_least RATIO CODEC
at_least() {
  if awk -v least="$1" -v codec="$2" '$1 == codec && $2 >= least { found = 1 } END { exit !found }' "$work/out"; then
    pass
  else
    fail "$2: a ratio of $1 expected: $(cat "$work/out")"
  fi
}

grep -q '^T = 32, block 8, 4 images' "$work/out" && pass || fail "not measured: $(cat "$work/out")"
at_least 0.99 raw # headers only
at_least 1.0 zstd
at_least 1.3 xor
at_least 1.6 context
finish
