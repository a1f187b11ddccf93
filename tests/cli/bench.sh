#!/usr/bin/env bash
# The benchmark: the shape of its results, not how fast anything is; and what it refuses.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
json=$work/bench.json

# refuses CODE PATTERN ARGUMENTS...: with that message, and without leaving a file.
refuses() {
  local expected=$1 pattern=$2 code
  shift 2
  alone bench "$@"
  code=$?
  [ "$code" -eq "$expected" ] && grep -Eq -- "^snn_dist: error: $pattern" "$work/err" && pass ||
    fail "bench $*: exit code $code, $expected expected: $(cat "$work/err")"
  [ -z "$(ls "$work" | grep -v -E '^(out|err|told)$')" ] && pass || fail "bench $*: files left: $(ls "$work")"
}

refuses 2 "unknown option '--fast'" --fast
refuses 2 "--json: a value is missing" --json
refuses 2 "--seconds -1: a number of at least 0" --seconds -1
refuses 2 "--seconds nan: a number of at least 0" --seconds nan
refuses 2 "--block 0: a whole number from 1 to 4096" --block 0
refuses 2 "--threads 2x: a whole number from 1 to 1024" --threads=2x
refuses 2 "--weights int4: int16, int8 or float32" --weights int4
refuses 2 "--kernels sse9: expected one of those that this machine can run \(.*portable\)" --kernels sse9
refuses 2 "--layers LeNet-300: no layer and no network has that in its name" --layers LeNet-300
refuses 2 "--set simulation.batch=2: there is no config file" --set simulation.batch=2
refuses 2 "one config file expected, found 'a.toml' and 'b.toml'" a.toml b.toml
refuses 2 "cannot open config file 'none.toml'" none.toml --json "$work/none.json"
refuses 3 "/proc/none/bench.json: cannot create a file" --json /proc/none/bench.json

# One layer with everything: all kernels, threads and processes, growth.
alone bench --layers conv2_1/2 --seconds 0 --threads 2 --scaling --json "$json" --progress json && pass || fail "layers: $(cat "$work/err")"
tells_progress "progress of a layer" layers layers threads growth
python3 - "$json" <<'END' && pass || fail "results of a layer: $(cat "$json")"
import json, sys
found = json.load(open(sys.argv[1]))
assert found["program"] == "snn_dist" and found["threads"] == 2 and found["weights"] == "int16"
kernels = [peak["kernels"] for peak in found["peaks"]]
assert "portable" in kernels and all(peak["gproducts"] > 0 for peak in found["peaks"])
[layer] = found["layers"]
# 16 to 32 channels; 16 x 16 positions see 9 taps each but for one border on two sides: (3 * 16 - 1) ^ 2 in all.
assert layer["network"] == "ResNet-20" and layer["macs"] == 16 * 32 * 47 ** 2 and layer["neurons"] == 16 * 16 * 32
assert [result["kernels"] for result in layer["results"]] == kernels
for result in layer["results"]:
    assert result["samples"] >= 3 and 0 < result["seconds_minimum"] <= result["seconds_median"]
    rate = layer["macs"] / result["seconds_median"] * 1e-9
    assert abs(result["gmacs"] / rate - 1) < 1e-3
    fraction = rate * result["products_per_mac"] / result["peak_gproducts"]
    assert abs(result["fraction_of_peak"] / fraction - 1) < 1e-3
    for peer in layer["onednn"]:
        ratio = peer["seconds_median"] / result["seconds_median"]
        assert abs(result["ratio_onednn_" + peer["precision"]] / ratio - 1) < 1e-3
assert found["onednn"] is None or [peer["precision"] for peer in layer["onednn"]] == ["float32", "int8"]
[team] = found["thread_scaling"]
assert team["threads"] == 2 and team["speedup_threads"] > 0 and team["speedup_processes"] > 0
[growth] = found["growth"]
assert all(growth[key] > 0 for key in ("images", "channels", "pixels", "late_timesteps"))
END
rm -f "$json"

# A network, as a config has it.
alone bench "$root/configs/digits_synchronous.toml" --seconds 0 --json "$json" --set simulation.timesteps=4 \
  --set simulation.block=2 --progress json && pass || fail "network: $(cat "$work/err")"
tells_progress "progress of a network" networks network
python3 - "$json" <<'END' && pass || fail "results of a network: $(cat "$json")"
import json, sys
network = json.load(open(sys.argv[1]))["network"]
assert network["timesteps"] == 4 and network["block"] == 2 and network["neurons"] == 4288
assert network["image_timesteps_per_second"] > 0 and network["state_bytes"] > 0
assert abs(network["image_timesteps_per_second"] * network["seconds_median"] - 1) < 1e-3
assert network["populations"][-1]["neuron"] == "readout"
END
rm -f "$json"

# With windows: an image counts once, and is compared with a single pass.
alone bench "$root/configs/digits_synchronous.toml" --seconds 0 --json "$json" --set neuron.steps=3 --set simulation.timesteps=0 \
  --set simulation.encoding=direct --set simulation.block=0 && pass || fail "windows: $(cat "$work/err")"
python3 - "$json" <<'END' && pass || fail "results of windows: $(cat "$json")"
import json, sys
found = json.load(open(sys.argv[1]))
network = found["network"]
assert network["steps"] == network["delay"] == 3 and network["latency"] % 3 == 0 and network["latency"] > 3
assert "timesteps" not in network and network["images_per_second"] > 0
assert abs(network["images_per_second"] * network["seconds_median"] - 1) < 1e-3
if found["onednn"] is not None:
    ratio = network["seconds_onednn_float32"] / network["seconds_median"]
    assert abs(network["ratio_onednn_float32"] / ratio - 1) < 1e-3
END
finish
