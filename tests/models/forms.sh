#!/usr/bin/env bash
# What the forms of normalisation, softmax and attention cost and give, as a table (Markdown) on standard output:
# forms.sh PROGRAM [MODEL...]. Of ../shared's test set IMAGES (500) on RANKS (2). No test: it says nothing is wrong.
source "$(dirname "${BASH_SOURCE[0]}")/../cli/common.sh"
here=$(dirname "${BASH_SOURCE[0]}")
ranks=${RANKS:-2}
limit=7200
shift
[ $# -gt 0 ] || set -- ConvNeXt Mixer ViT

# row MODEL FORM OPTIONS...: runs it and prints its row of the table.
row() {
  local name=$1 form=$2
  shift 2
  source "$here/config.sh" - "$name" "$form"
  on_ranks "$ranks" run "$work/model.toml" --quiet --layout "${ranks}x1x1" --set data.images="${IMAGES:-500}" "$@" ||
    { tail -n 5 "$work/err" >&2; exit 1; }
  /usr/bin/python3 - "$work/int16.h5" "$name" "$form" "$*" <<'END_OF_PYTHON'
import sys

import h5py

file, (name, form, options) = h5py.File(sys.argv[1]), sys.argv[2:]
total = int(file["accuracy/total"][()])
percent = lambda correct: f"{100.0 * int(correct) / total:.1f}"
neurons = sum(int(layer.attrs["neurons"]) for layer in file["layers"].values())
cells = [percent(file["accuracy/correct"][steps - 1]) for steps in (8, 16, 24, 32, 48, 64)]
what = form if not options else options.split("=")[0].split(".")[-1] + " " + options.split("=")[-1] + ", others " + form
print("|", " | ".join([name, what, f"{neurons:,}", *cells, percent(file["accuracy/ann_correct"][()])]), "|", flush=True)
END_OF_PYTHON
}

echo "| network | form | neurons | T = 8 | 16 | 24 | 32 | 48 | 64 | trained |"
echo "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
for name in "$@"; do
  row "$name" fused
  if [ "$name" = ViT ]; then row ViT fused --set neuron.attention=decomposed; fi
  row "$name" decomposed
done
