#!/usr/bin/env bash
# jobs/families.py on two small networks of torchvision: they convert, torch agrees with the trained values and with the
# answers, and what is done is not done again. families.sh PROGRAM TRAINED_VALUES. Skipped without torchvision.
source "$(dirname "${BASH_SOURCE[0]}")/../cli/common.sh"
trained_values=$2
if ! /usr/bin/python3 -c 'import torchvision' 2>/dev/null; then
  echo "skipped: python3-torchvision is not installed"
  exit 77
fi
families() {
  /usr/bin/python3 "$root/jobs/families.py" "$@" --program "$snn_dist" --trained-values "$trained_values" -o "$work/f" \
    --size 64 --images 4 >"$work/out" 2>"$work/err"
}

families squeezenet1_1 mobilenet_v3_small && pass || fail "families.py: $(cat "$work/out" "$work/err")"
/usr/bin/python3 - "$work/f" <<'END' && pass || fail "$(cat "$work/out")"
import json, sys
for name in ("squeezenet1_1", "mobilenet_v3_small"):
    row = json.load(open(f"{sys.argv[1]}/{name}.json"))
    print(row)
    assert row["converts"] and row["trained"] < 1e-4 and row["images"] == 4, name
    assert row["error"]["12 steps"] < 0.1 and row["agree"]["12 steps"] >= 3, name
END
[ "$(wc -l <"$work/f/table.md")" -eq 4 ] && grep -q '^| squeezenet1_1 | 0.7 | 64 | yes |' "$work/f/table.md" && pass ||
  fail "$(cat "$work/f/table.md")"

sed -i 's/"depth": [0-9]*/"depth": 777/' "$work/f/squeezenet1_1.json"
families squeezenet1_1 && grep -q '| 777 |' "$work/out" && pass || fail "a network that was done was made again"
families resnet17 && fail "resnet17 was taken for a network"
grep -q 'torchvision has no classifier resnet17' "$work/err" && pass || fail "$(cat "$work/err")"
finish
