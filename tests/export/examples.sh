#!/usr/bin/env bash
# Exported timesteps of random networks that use every operator, run in ONNX Runtime, against the naive simulation.
# examples.sh PROGRAM WRITE_EXAMPLES
source "$(dirname "${BASH_SOURCE[0]}")/../cli/common.sh"
source "$root/tests/onnx/onnxruntime.sh"
"$2" "$work" >"$work/cases" || exit 1
cd "$work" && mapfile -t cases <cases && node "$root/tests/export/steps.js" "${cases[@]}"
