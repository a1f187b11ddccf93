#!/usr/bin/env bash
# Ratio and speed of every codec on the spikes of a trained network of ../shared:
#   codecs.sh PROGRAM MODEL MEASURE_CODECS [TIMESTEPS [BLOCK [IMAGES]]]
# MEASURE_CODECS is build/release/tests/comm/measure_codecs; what arrives is compared with what was sent.
source "$(dirname "${BASH_SOURCE[0]}")/../cli/common.sh"
measure=$3
sizes=("${@:4}")
set -- "$1" "$2" # a third argument means something else to config.sh
source "$(dirname "${BASH_SOURCE[0]}")/config.sh"
alone convert "$work/model.toml" -o "$work/model.snn.h5" || { cat "$work/err"; exit 1; }
"$measure" "$work/model.snn.h5" "$shared/data/${data}_test.h5" "${sizes[@]}"
