#!/usr/bin/env bash
# The trained network as we evaluate it against ONNX Runtime, on images of its test set: trained_values.sh PROGRAM MODEL
# TRAINED_VALUES. Skipped without ../shared, node or onnxruntime-node.
source "$(dirname "${BASH_SOURCE[0]}")/../cli/common.sh"
source "$(dirname "${BASH_SOURCE[0]}")/onnxruntime.sh"
trained_values=$3
set -- "$1" "$2"
source "$(dirname "${BASH_SOURCE[0]}")/../models/config.sh"
images=4
"$trained_values" "$work/model.toml" $images "$work/trained" || fail "$model: trained_values"
node "$(dirname "${BASH_SOURCE[0]}")/compare_values.js" "$onnx" $images "$work/trained" && pass ||
  fail "$model: not what ONNX Runtime computes"
finish
