#!/usr/bin/env bash
# A trained network of ../shared with windows against the reference's results: golden_windows.sh PROGRAM MODEL. Runs the
# steps, delay, ratio, margin and images of each file in reference/golden/windows. Skipped without ../shared.
source "$(dirname "${BASH_SOURCE[0]}")/../cli/common.sh"
source "$(dirname "${BASH_SOURCE[0]}")/config.sh"
limit=1500
sed -i '/^timesteps = /d; /^block = /d' "$work/model.toml"

# value KEY: of the golden file.
value() { /usr/bin/python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$golden" "$1"; }

for golden in "$shared/reference/golden/windows/$model"_*_*.json; do
  [ -f "$golden" ] || { echo "skipped: ../shared/reference/golden/windows has nothing on $model"; exit 77; }
  if on_ranks 2 run "$work/model.toml" --quiet --layout 2x1x1 --set neuron.steps="$(value steps)" \
    --set neuron.delay="$(value delay)" --set neuron.ratio="$(value ratio)" --set neuron.margin="$(value margin)" \
    --set data.images="$(value images)" --set output.file="$work/out.h5"; then
    /usr/bin/python3 "$(dirname "${BASH_SOURCE[0]}")/compare_windows.py" "$golden" "$work/out.h5" && pass ||
      fail "$(basename "$golden"): not what the reference found"
  else
    fail "$(basename "$golden"): $(tail -n 3 "$work/err")"
  fi
done
finish
