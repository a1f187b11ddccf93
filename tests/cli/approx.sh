#!/usr/bin/env bash
# The approximation experiment: the shape of its table, errors that fall, its files, and what it refuses.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
folder=$work/pictures

# refuses CODE PATTERN ARGUMENTS...
refuses() {
  local expected=$1 pattern=$2 code
  shift 2
  alone approx "$@"
  code=$?
  [ "$code" -eq "$expected" ] && grep -Eq -- "^snn_dist: error: $pattern" "$work/err" && pass ||
    fail "approx $*: exit code $code, $expected expected: $(cat "$work/err")"
}

alone approx --function relu --timesteps 64 -o "$folder" && pass || fail "relu: $(cat "$work/err")"
# Four schedules and two kinds of windows, static and as a train, and windows that overlap, with mean and maximum at
# T = 8, 16, 32, 64; the last is smaller than the first, but for a single outlier of windows that overlap.
grep '^relu ' "$work/out" | awk '
  NF != 11 { bad = 1 }
  { seen[$2 " " $3]++ }
  !($10 < $4 && ($11 < $5 || $2 == "overlap")) { bad = 1 }
  END { for (i in seen) count++; exit !(NR == 13 && count == 13 && !bad) }' && pass || fail "table: $(cat "$work/out")"
# Eight spikes of a window, each half as large as the one before, come closer than 32 of any schedule.
grep '^relu ' "$work/out" | awk '
  $2 == "window" { window[$3] = $4 }
  $2 ~ /exponential|inverse|polynomial|constant/ && (!($3 in least) || $8 < least[$3]) { least[$3] = $8 }
  END { exit !(window["static"] < least["static"] / 4 && window["train"] < least["train"] / 4) }' && pass ||
  fail "windows against schedules: $(cat "$work/out")"
grep -q 'T = 64' "$work/out" && ! grep -q 'T = 128' "$work/out" && pass || fail "columns: $(cat "$work/out")"
[ "$(ls "$folder")" = "approx.h5
approx_relu.svg" ] && pass || fail "files: $(ls "$folder")"
head -c 5 "$folder/approx_relu.svg" | grep -q '^<svg' && tail -n 1 "$folder/approx_relu.svg" | grep -q '^</svg>$' &&
  pass || fail "the picture is no SVG"
alone verify "$folder/approx.h5" && pass || fail "the file is not whole: $(cat "$work/err")"
if command -v h5dump >/dev/null; then
  for name in y mean_error maximum_error; do
    h5dump -H -d "/relu/exponential/train/$name" "$folder/approx.h5" >"$work/dump" 2>&1 && pass ||
      fail "$name: $(cat "$work/dump")"
  done
fi

/usr/bin/python3 - "$folder" <<'END' >"$work/dump" 2>&1
import sys
import xml.etree.ElementTree as xml
import h5py
import numpy
file = h5py.File(sys.argv[1] + "/approx.h5")
relu, lengths = file["relu"], file["lengths"][:]
for kind, inputs in (("window", 2), ("tuned", 2), ("overlap", 1)):
    assert len(relu[kind]) == inputs, kind
    for group in relu[kind].values():
        error = abs(group["y"][:] - relu["target"][:])
        assert numpy.allclose(error.mean(axis=1), group["mean_error"], atol=1e-7), kind
        assert numpy.allclose(error.max(axis=1), group["maximum_error"], atol=1e-6), kind
        assert (group["delay"][:] == (lengths if kind != "overlap" else (lengths + 3) // 4)).all(), kind
assert (relu["window/train/ratio"][:] == 0.5).all() and (relu["window/train/margin"][:] == 0.25).all()
# Beside the four schedules stand two kinds of windows on the left and three on the right, each with a point a length.
curves = [e for e in xml.parse(sys.argv[1] + "/approx_relu.svg").iter() if e.tag.endswith("polyline")]
assert sum(len(curve.get("points").split()) == len(lengths) for curve in curves) == 2 + 3
END
# shellcheck disable=SC2181
[ $? -eq 0 ] && pass || fail "windows in the files: $(tail -n 1 "$work/dump")"

# All functions in one run; every row ends closer than it began.
alone approx --timesteps=64 && pass || fail "all: $(cat "$work/err")"
awk '$2 == "exponential" { rows++; if (!($10 < $4)) bad = 1 } END { exit !(rows >= 60 && !bad) }' "$work/out" && pass ||
  fail "all functions: $(cat "$work/out")"

# Progress, which on a terminal gives way to rows.
alone approx --function relu --timesteps 8 --progress json && pass || fail "json: $(cat "$work/err")"
tells_progress "json" functions approximation
mv "$work/out" "$work/rows"
on_a_terminal approx --function relu --timesteps 8 && sed '/^$/d' "$work/rows" | diff - <(sed '/^$/d' "$work/out") >"$work/err" && pass ||
  fail "on a terminal: $(cat "$work/err")"

refuses 2 "unknown function 'sine': expected one of all, relu, .*gelu.*softmax" --function sine
refuses 2 "--timesteps 7: a whole number from 8 to 4096" --timesteps 7
refuses 2 "--timesteps 8x: " --timesteps 8x
refuses 2 "--function: a value is missing" --function
refuses 2 "unknown option '--fast'" --fast
refuses 2 "unknown option 'relu'" relu
refuses 3 "/proc/none/pictures: cannot create the folder" -o /proc/none/pictures
finish
