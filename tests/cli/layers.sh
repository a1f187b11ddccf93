#!/usr/bin/env bash
# `layers`: against the tracking errors of a run, against arithmetic, and refusals.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$work" || exit 1
digits=(--set data.images=40 --set checkpoint.directory= --set "output.file=$work/out.h5")

# refused CODE TEXT ARGUMENTS...
refused() {
  local code=$1 text=$2
  shift 2
  alone "$@"
  [ $? -eq "$code" ] && grep -qF -- "$text" err && pass || fail "$*: expected $code and '$text': $(cat err)"
}

alone convert "$root/configs/digits.toml" -o net.snn.h5 --quiet
sed -e "s|^onnx = .*|network = \"$work/net.snn.h5\"|" -e "s|\"digits|\"$root/configs/digits|" "$root/configs/digits.toml" >network.toml
refused 2 "missing key model.onnx" layers network.toml
refused 2 "takes neither" layers "$root/configs/digits_synchronous.toml" --set simulation.encoding=stochastic
refused 2 "No such file" layers nowhere.toml
refused 3 "nowhere" layers "$root/configs/digits.toml" -o nowhere/layers.csv
on_ranks 2 layers "$root/configs/digits.toml"
[ $? -eq 2 ] && grep -q "without mpirun" err && pass || fail "two ranks: $(cat err)"

/usr/bin/python3 -c 'import h5py' 2>/dev/null || { echo "the rest skipped: python3 without h5py"; finish; exit; }
cat >check.py <<'END2'
import csv, math, sys
import h5py

with open(sys.argv[1]) as file:
    rows = list(csv.DictReader(file))
number = lambda row, key: float(row[key])
with h5py.File("out.h5") as file:
    layers = {group.attrs["name"]: (group["tracking_error"][-1], group.attrs["neurons"], group["channel_spikes"].shape[0])
              for group in file["layers"].values()}
    agreeing = int((file["predictions/snn"][:, -1] == file["predictions/ann"][:]).sum())
assert [row["layer"] for row in rows] == [*layers, "logits"], rows
assert all(int(row["agreeing"]) == agreeing and int(row["images"]) == 40 for row in rows), (rows[0], agreeing)
for row in rows[:-1]:
    error, neurons, channels = layers[row["layer"]]
    # Where there are few positions a run looks at all of them; else its sample is a tenth.
    tolerance = 0.03 if neurons // channels <= 16 else 0.2
    assert abs(number(row, "own_mean") - error) < tolerance * error, (row, error)
    assert number(row, "common") <= number(row, "total"), row
first, last = rows[0], rows[-1]
# The first layer inherits what the format of the weights does to it, the others more; the readout has no own error.
assert number(first, "inherited") < number(rows[1], "inherited") and number(first, "predicted") == 0, first
assert number(last, "own") == 0 and number(last, "inherited") == number(last, "total") > 0, last
if sys.argv[2] == "windows":
    # Inputs stand still, so own and inherited errors are independent.
    for row in rows[:-1]:
        assert abs(math.hypot(number(row, "own"), number(row, "inherited")) / number(row, "total") - 1) < 0.1, row
        assert number(row, "inherited") < 2 * number(row, "predicted") + 1e-4, row
END2

# check NAME KIND SETTINGS...: layers against a run.
check() {
  local name=$1 kind=$2
  shift 2
  if alone run "${digits[@]}" "$@" --quiet && alone layers "${digits[@]}" "$@" -o "$name.csv" &&
    grep -q "images answered as by the trained network" out && /usr/bin/python3 check.py "$name.csv" "$kind" 2>err; then
    pass
  else
    fail "$name: $(tail -n 2 err)"
  fi
}

check windows windows "$root/configs/digits.toml"
check overlapping overlapping "$root/configs/digits.toml" --set neuron.delay=3 --set neuron.ratio=0.6
check synchronous synchronous "$root/configs/digits_synchronous.toml" --set simulation.timesteps=32 --set simulation.encoding=direct
check deterministic synchronous "$root/configs/digits_synchronous.toml" --set simulation.timesteps=32 --set simulation.encoding=deterministic
check float32 windows "$root/configs/digits.toml" --set simulation.weights=float32

# One more step halves a neuron's own error.
alone layers "${digits[@]}" "$root/configs/digits.toml" --set neuron.steps=9 --quiet -o nine.csv
if /usr/bin/python3 -c 'import csv
eight, nine = ([float(row["own"]) for row in csv.DictReader(open(name))][:-1] for name in ("windows.csv", "nine.csv"))
assert all(0.4 < b / a < 0.6 for a, b in zip(eight, nine)), (eight, nine)' 2>err; then pass; else fail "9 steps: $(tail -n 1 err)"; fi
finish
