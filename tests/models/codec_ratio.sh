#!/usr/bin/env bash
# How much the codecs shrink the spikes of a trained network, which is the same on every machine, and that what arrives is
# what was sent: codec_ratio.sh PROGRAM MODEL MEASURE_CODECS [windows]. Skipped without ../shared.
source "$(dirname "${BASH_SOURCE[0]}")/../cli/common.sh"

# measured HEADING SCRIPT [ARGUMENTS]...: the script's table in $work/out begins with the heading.
measured() {
  local heading=$1 script=$2
  shift 2
  if ! bash "$root/tests/models/$script" "$snn_dist" "$model" "$measure" "$@" >"$work/out" 2>"$work/err"; then
    grep '^skipped' "$work/out" && exit 77
    fail "$model: $(cat "$work/out" "$work/err")"
  fi
  grep -q "^$heading" "$work/out" && pass || fail "not measured: $(cat "$work/out")"
}

# at_least RATIO CODEC
at_least() {
  if awk -v least="$1" -v codec="$2" '$1 == codec && $2 >= least { found = 1 } END { exit !found }' "$work/out"; then
    pass
  else
    fail "$model: a ratio of $1 expected: $(cat "$work/out")"
  fi
}

model=$2 measure=$3
if [ "${4:-}" = windows ]; then
  measured 'T = 8, block 8, 4 images' codecs_windows.sh 8 8 0.5 4
  at_least 0.99 raw
  at_least 1.8 zstd
  at_least 1.8 xor
  at_least 2.1 context
  measured 'T = 12, block 12, 4 images' codecs_windows.sh 12 2 0.68 4
  at_least 1.7 zstd
  at_least 2.2 context
else
  measured 'T = 32, block 8, 4 images' codecs.sh 32 8 4
  at_least 0.99 raw # headers only
  at_least 1.0 zstd
  at_least 1.3 xor
  at_least 1.6 context
fi
finish
