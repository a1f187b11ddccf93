#!/usr/bin/env bash
# A trained network of ../shared against its golden accuracies: golden.sh PROGRAM MODEL [FORM]. Skipped without ../shared.
source "$(dirname "${BASH_SOURCE[0]}")/../cli/common.sh"
source "$(dirname "${BASH_SOURCE[0]}")/config.sh"
golden=$shared/reference/golden/$model.json
[ -f "$golden" ] || { echo "skipped: ../shared/reference/golden/$model.json is not there"; exit 77; }
limit=1500
# The trained network first (its own accuracy is in the same output), then, for the networks of the first release, float32
# weights as an independent path through the same arithmetic, which is slow: a few images.
on_ranks 2 run "$work/model.toml" --layout 1x1x2 || fail "$model: $(tail -n 3 "$work/err")"
sed -n '/timesteps/,/trained/p' "$work/out"
second=
case $model in LeNet | VGG | ResNet20)
  second=$work/float32.h5
  on_ranks 2 run "$work/model.toml" --layout 2x1x1 --quiet --set simulation.weights=float32 --set data.images=60 \
    --set output.file="$second" || fail "$model, float32: $(tail -n 3 "$work/err")"
  ;;
esac
/usr/bin/python3 "$(dirname "${BASH_SOURCE[0]}")/compare.py" "$golden" "$form" "$work/int16.h5" \
  $second && pass || fail "$model differs from the golden accuracies"
finish
