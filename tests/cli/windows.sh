#!/usr/bin/env bash
# A converted network says by itself what its windows are: it runs from its file alone, and a config that asks for other
# dynamics is refused.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
config=$root/configs/digits.toml
cd "$work" || exit 1
short=(--quiet --restart never --set data.images=40 --set checkpoint.directory=\"\")

# alone_config NETWORK [LINE...]: a config with that network, the data, and the lines.
alone_config() {
  local network=$1
  shift
  printf '%s\n' '[model]' "network = \"$network\"" '[data]' "test = \"$root/configs/digits_test.h5\"" 'mean = [0.5]' \
    'std = [0.5]' "$@" >alone.toml
}

# refuses MESSAGE: with one rank and with three, once, and without an output.
refuses() {
  local ranks
  for ranks in 1 3; do
    rm -f refused.h5
    on_ranks $ranks run alone.toml "${short[@]}" --set output.file="$work/refused.h5"
    [ $? -eq 2 ] && [ "$(grep -c '^snn_dist: ' err)" -eq 1 ] && grep -q -- "$1" err && [ ! -e refused.h5 ] && pass ||
      fail "$ranks ranks: '$1' expected: $(cat err)"
  done
}

alone convert "$config" --quiet -o synchronous.snn.h5 --set neuron.steps=0 || fail "convert: $(cat err)"
for windows in '8 8 0.5 0.25' '6 2 0.6 0.5'; do
  read -r steps delay ratio margin <<<"$windows"
  dynamics=(--set neuron.steps="$steps" --set neuron.delay="$delay" --set neuron.ratio="$ratio"
    --set neuron.margin="$margin")
  on_ranks 1 run "$config" "${short[@]}" "${dynamics[@]}" --set output.file="$work/model.h5" || fail "run: $(cat err)"
  on_ranks 2 convert "$config" --quiet "${dynamics[@]}" -o windows.snn.h5 || fail "convert: $(cat err)"
  alone_config windows.snn.h5
  for layout in 1x1x1 1x1x3 1x2x2; do
    on_ranks $((${layout:2:1} * ${layout:4:1})) run alone.toml "${short[@]}" --layout $layout \
      --set output.file="$work/alone.h5" || fail "$windows from the file, $layout: $(cat err)"
    # What is missing are the answers of the trained network, which is not there.
    alone diff model.h5 alone.h5
    [ $? -eq 1 ] && ! grep -Ev '^/(accuracy/ann_correct|predictions/ann): ' out && pass || fail "$windows, $layout: $(cat out)"
  done
  # The same from the file while the model is named too: then nothing is missing.
  on_ranks 2 run "$config" "${short[@]}" "${dynamics[@]}" --layout 1x2x1 --set model.network="$work/windows.snn.h5" \
    --set output.file="$work/both.h5" || fail "$windows, model and file: $(cat err)"
  alone diff model.h5 both.h5 && pass || fail "$windows, model and file: $(cat out)"
done

# The file has 6 steps, delay 2, ratio 0.6, margin 0.5.
has='windows.snn.h5 has windows of 6 steps, delay 2, ratio 0.6, margin 0.5; '
alone_config windows.snn.h5 '[neuron]' 'steps = 6' 'delay = 2' 'ratio = 0.6' 'margin = 0.5'
on_ranks 1 run alone.toml "${short[@]}" --set output.file="$work/same.h5" && alone diff alone.h5 same.h5 && pass ||
  fail "the same windows were refused: $(cat err out)"
alone_config windows.snn.h5 '[neuron]' 'steps = 8' 'delay = 2' 'ratio = 0.6' 'margin = 0.5'
refuses "$has.*ask for 8, 2, 0.6, 0.5: leave them out, or convert the model again"
alone_config windows.snn.h5 '[neuron]' 'steps = 6' 'ratio = 0.6' 'margin = 0.5'
refuses "$has.*ask for 6, 6, 0.6, 0.5: leave them out"
for line in 'delay = 3' 'ratio = 0.7' 'margin = 0.1'; do
  alone_config windows.snn.h5 '[neuron]' "$line"
  refuses "$has.*ask for others: leave them out, or convert the model again"
done
alone_config windows.snn.h5 '[neuron]' 'dynamics = "subgradient"'
refuses 'windows.snn.h5 has windows, neuron.dynamics asks for "subgradient"'
alone_config windows.snn.h5 '[simulation]' 'encoding = "stochastic"'
refuses 'windows.snn.h5 has windows, into which pixels enter directly; simulation.encoding: expected "direct" or nothing'
alone_config windows.snn.h5 '[simulation]' 'weights = "int8"'
refuses 'windows.snn.h5 has int16 weights, simulation.weights asks for int8'
alone_config synchronous.snn.h5 '[neuron]' 'steps = 8'
refuses 'synchronous.snn.h5 has no windows; neuron.steps asks for 8: leave it out, or convert the model again'
finish
