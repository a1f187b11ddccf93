#!/usr/bin/env bash
# `show` and `diff` in words; and the verb `report`: a page that is complete in itself, shows what the outputs hold, and is complete or absent.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
config=$root/configs/digits_synchronous.toml
cd "$work" || exit 1
for ranks in 1 3; do
  on_ranks $ranks run "$config" --quiet --restart never --set data.images=40 --set simulation.timesteps=12 \
    --set parallel.replicas=0 --set output.file="$work/out<&$ranks.h5" || fail "run on $ranks: $(cat err)"
done
on_ranks 2 run "$config" --quiet --restart never --set data.images=40 --set simulation.timesteps=0 \
  --set neuron.steps=8 --set output.file="$work/windows.h5" || fail "run with windows: $(cat err)"
if alone report 'out<&1.h5' 'out<&3.h5' windows.h5 -o page.html; then pass; else fail "report: $(cat err)"; fi

/usr/bin/python3 - <<'END' >out 2>&1
import html.parser, re
import xml.etree.ElementTree as xml
import h5py

page = open("page.html", encoding="utf-8").read()
assert "src=" not in page and "@import" not in page and "url(" not in page and "<script" not in page and "http" not in page.replace("http://www.w3.org/2000/svg", "")
assert set(re.findall('href="(.)', page)) == {"#"}

class Checker(html.parser.HTMLParser):
    """Every tag that is opened is closed, in order."""
    open = []
    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "br", "wbr"):
            self.open.append(tag)
    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag
checker = Checker()
checker.feed(page)
assert not checker.open, checker.open

# Plots by their captions, in the page's order.
plots = {}
for caption, text in re.findall(r"<figcaption>(.*?)</figcaption>\s*(<svg.*?</svg>)", page, re.DOTALL):
    plots.setdefault(caption, []).append(xml.fromstring(text))
each = ["Accuracy of the classes", "Rates", "Tracking error after the last step", "Tracking error over the steps", "Where each rank's time went",
        "Energy of an image, float prices", "Energy of an image, integer prices"]
assert [len(plots[caption]) for caption in each] == [3] * len(each) and len(plots["Accuracy after every timestep"]) == 1, plots.keys()
def curves_of(caption, run=0):
    return [[float(point.split(",")[1]) for point in element.get("points").split()]
            for element in plots[caption][run].iter() if element.tag.endswith("polyline")]
curves = curves_of("Accuracy after every timestep")
files = [h5py.File(f"out<&{ranks}.h5") for ranks in (1, 3)]
windows = h5py.File("windows.h5")
assert [len(curve) for curve in curves] == [2, 12, 2, 12, 2, 48], curves
# A point's height in the plot is the accuracy after that step.
correct = files[0]["accuracy/correct"][:] / files[0]["accuracy/total"][()]
top, bottom = 12, 242
for share, height in zip(correct, curves[1]):
    assert abs(height - (bottom - share * (bottom - top))) < 0.1, (share, height)
# With windows: accuracy at all timesteps of the latency, errors at the neurons' own steps.
silent = windows["accuracy/correct"][40 - 1] / 40
assert all(abs(height - (bottom - silent * (bottom - top))) < 0.1 for height in curves[5][:40]), curves[5]
for run, file in enumerate(files + [windows]):
    errors = [layer["tracking_error"][:] for layer in file["layers"].values()]
    mean, worst = sum(errors) / len(errors), [max(values) for values in zip(*errors)]
    for curve, values in zip(curves_of("Tracking error over the steps", run), (mean, worst)):
        assert len(curve) == len(values)
        for height, value in zip(curve, values):
            assert abs(height - (bottom - value / max(worst) * (bottom - top))) < 0.1, (run, height, value)
rows = dict(re.findall('<tr><th scope="row">([^<]*)(?:<small>[^<]*</small>)?</th>((?:<td>[^<]*</td>)+)</tr>', page))
for name, values in ("latency", ["12", "12", "48"]), ("interval", ["12", "12", "8"]), ("spikes per neuron", ["12", "12", "8"]):
    assert re.findall("<td>(.*?)</td>", rows[name]) == values, rows
assert page.count("<td>1 to 12</td>") == 12 and page.count("<td>41 to 48</td>") == 1
text = re.sub(r"<[^>]*>", " ", page)
assert f"{100 * correct[-1]:.2f}  %" in text
for file in files + [windows]:
    for layer in file["layers"].values():
        assert f"{layer['firing_rate'][:].mean():.4f}" in text
    assert f"{file['timers/max'][0]:.3f}" in text
    assert abs(file["timers/imbalance"][0] - file["timers/max"][0] / file["timers/mean"][0]) < 1e-12
assert "out&lt;&amp;3.h5" in page
END
# shellcheck disable=SC2181
if [ $? -eq 0 ]; then pass; else fail "page: $(tail -n 4 out)"; fi

# `show` prints what the run had printed, on any number of ranks, with windows and without.
for setting in 0 8; do
  on_ranks 3 run "$config" --restart never --set data.images=40 --set simulation.timesteps=0 --set neuron.steps=$setting \
    --set parallel.replicas=0 --set output.file="$work/shown.h5" || fail "run to show: $(cat err)"
  grep -v '^$' out | grep -v '^  output ' >printed
  alone show shown.h5 || fail "show: $(cat err)"
  grep -v '^$' out | tail -n +2 | diff printed - >differences && [ "$(wc -l <printed)" -gt 18 ] && pass || fail "show $setting: $(cat differences)"
  grep -q "^shown.h5: digits.onnx, started 20" out && pass || fail "show: $(head -n 1 out)"
done
alone show page.html && fail "show takes a page" || { grep -q 'page.html: no seal' err && pass || fail "show: $(cat err)"; }

# `diff` in words: what was set otherwise, and where the runs part, as h5py finds it.
digits() { on_ranks 2 run "$root/configs/digits.toml" --quiet --restart never --set data.images=60 --set output.file="$work/$1" "${@:2}"; }
digits left.h5 && digits wider.h5 --set neuron.margin=0.375 --set simulation.batch=7 && /usr/bin/python3 -c '
import shutil, sys, h5py
shutil.copy(sys.argv[1], "other_data.h5")
with h5py.File("other_data.h5", "r+") as file:
    images = file["images"][:]
    images[7] = images[8]
    file["images"][:] = images' "$root/configs/digits_test.h5" && digits exchanged.h5 --set data.test="$work/other_data.h5" || fail "runs to compare: $(cat err)"
for other in wider.h5 exchanged.h5; do
  alone diff left.h5 $other
  [ $? -eq 1 ] && pass || fail "diff $other"
  /usr/bin/python3 - left.h5 $other >expected <<'PYTHON'
import sys, h5py, numpy
names = sys.argv[1:]
files = [h5py.File(name) for name in names]
if "wider" in names[1]:
    print(f"  neuron.margin is 0.25 in {names[0]} and 0.375 in {names[1]}")
    print("  the converted networks are not the same (provenance/network_hash)")
else:
    print("  the test data are not the same (provenance/data_hash)")
for layer in sorted(files[0]["layers"], key=lambda name: int(name.split("_")[0])):
    spikes = [file[f"layers/{layer}/channel_spikes"][:] for file in files]
    other = numpy.flatnonzero(spikes[0] != spikes[1])
    if len(other):
        print(f"  the first layer whose neurons fired otherwise is {layer}: in channel {other[0]} {spikes[0][other[0]]} spikes in "
              f"{names[0]} and {spikes[1][other[0]]} in {names[1]} ({len(other)} of {len(spikes[0])} channels differ)")
        break
answers = [file["predictions/snn"][:] for file in files]
image, timestep = numpy.argwhere(answers[0] != answers[1])[0]
print(f"  the first image with another answer is number {image} (from 0, of 60): after timestep {timestep + 1} class "
      f"{answers[0][image, timestep]} in {names[0]} and class {answers[1][image, timestep]} in {names[1]}")
PYTHON
  sed -e '1,/^in words:$/d' -e '/^snn_dist: error: [0-9]* differences, the first: /d' err | diff expected - >differences &&
    [ -s expected ] && pass || fail "diff $other in words: $(cat differences)"
done

# A trained network that guesses, here by a wrong normalisation, is said to; one that does not is not.
alone run "$config" --restart never --set data.mean=[0.0] --set data.std=[1.0] --set data.images=200 --set output.file="$work/guesses.h5" &&
  grep -q 'no better than chance: see to data.mean' out && pass || fail "guesses: $(cat out err)"
alone run "$config" --restart never --set data.images=200 --set output.file="$work/knows.h5" && ! grep -q 'chance' out && pass || fail "knows: $(cat out err)"

# The snippets of the page on results do what they say.
cp left.h5 out.h5
alone show out.h5
last=$(sed -n 's/^ *48  *\([0-9.]*\) %$/\1/p' out)
/usr/bin/python3 -c 'import pandas' 2>/dev/null || echo "without pandas"
/usr/bin/python3 - "$root/io/reading_results.md" >snippets 2>&1 <<'PYTHON' && pass || fail "snippets: $(tail -n 3 snippets)"
import importlib.util, re, sys
snippets = re.findall(r"```python\n(.*?)```", open(sys.argv[1]).read(), re.S)
assert len(snippets) == 2
exec(snippets[0])
if importlib.util.find_spec("pandas"):
    exec(snippets[1])
    assert list(layers["name"]) == ["relu1", "relu2", "pool2", "relu3", "pool3", "relu4"] and layers["neurons"].sum() == 4288
    assert confusions.to_numpy().sum() == 60
PYTHON
grep -q "^$last % after 48 timesteps; wrong: images \[" snippets && pass || fail "snippets: $(head -n 1 snippets), expected $last %"

# Those in Julia and MATLAB: all that they read is there, with the axes that they take it to have; the one in MATLAB also
# runs in Octave, where there is one, with an h5read that keeps types and turns axes round as MATLAB's does.
/usr/bin/python3 - "$root/io/reading_results.md" >snippets 2>&1 <<'PYTHON' && pass || fail "Julia and MATLAB: $(tail -n 3 snippets)"
import re, sys
import h5py
kinds = {"accuracy/correct": ("int64", ["T"]), "accuracy/total": ("int64", []), "predictions/snn": ("int32", ["N", "T"]), "predictions/label": ("int32", ["N"])}
text = open(sys.argv[1]).read()
with h5py.File("out.h5") as file:
    sizes = {"N": 60, "T": 48}
    for language, call in ("julia", r'h5read\("out.h5", "([^"]*)"\)'), ("matlab", r"h5read\('out.h5', '/([^']*)'\)"):
        [snippet] = re.findall(rf"```{language}\n(.*?)```", text, re.S)
        read = re.findall(call, snippet)
        assert set(read) == set(kinds) and snippet.count("h5read") == len(read), (language, read)
        for name in read:
            kind, axes = kinds[name]
            assert file[name].dtype == kind and list(file[name].shape) == [sizes[axis] for axis in axes], (name, file[name])
    open("snippet.m", "w").write(snippet)
    with open("h5read.m", "w") as reader:
        print("function x = h5read(file, name)\nassert(strcmp(file, 'out.h5'));\nswitch name", file=reader)
        for name, (kind, axes) in kinds.items():
            file[name][()].tofile(name.replace("/", "_"))
            shape = [*reversed(file[name].shape), 1, 1][: max(2, len(axes))] # a vector is a column
            print(f"case '/{name}'\nx = reshape(fread(fopen('{name.replace('/', '_')}'), Inf, '{kind}=>{kind}'), {shape});", file=reader)
        print("end\nend", file=reader)
    wrong = (file["predictions/snn"][:, -1] != file["predictions/label"][:]).sum()
    print(f"{100 * file['accuracy/correct'][-1] / file['accuracy/total'][()]:.2f} % after 48 timesteps; {wrong} wrong")
PYTHON
if type octave-cli >/dev/null 2>&1; then
  octave-cli --no-init-file snippet.m 2>err | diff snippets - >differences && pass || fail "in Octave: $(cat differences err)"
else
  echo "without octave-cli"
fi

# What an image costs, reckoned again from the converted network: after a conversion, out of a network file, by any ranks.
cost() { /usr/bin/python3 "$root/tests/cli/cost.py" "$@" >out 2>&1 && grep -q '^[0-9][0-9] numbers as reckoned' out && pass || fail "cost of $1: $(tail -n 1 out)"; }
alone convert "$root/configs/digits.toml" -o net.snn.h5 || fail "convert: $(cat err)"
sed -e "s|^onnx = .*|network = \"$work/net.snn.h5\"|" -e "s|\"digits_|\"$root/configs/digits_|" "$root/configs/digits.toml" >network.toml
on_ranks 2 run network.toml --quiet --restart never --set data.images=60 --set output.file="$work/read.h5" || fail "run of a network file: $(cat err)"
cost left.h5 net.snn.h5
cost read.h5 net.snn.h5
alone report left.h5 -o cost.html && grep -q 'Effective_<wbr>ACs</th><td>2.89&nbsp;M</td>' cost.html && grep -q 'the energy of the quantised network' cost.html && pass || fail "page without costs"

# A network with streams, whose numbers are missing among the layers'; more than ten layers, in the network's order.
if /usr/bin/python3 -c 'import onnx' 2>/dev/null; then
  /usr/bin/python3 "$root/jobs/generate_network.py" resnet --depth 20 --width 2 --image 8 --images 2 --calibration 2 \
    -o resnet >out 2>&1 || fail "no network: $(cat out)"
  alone run resnet/config.toml --quiet --set neuron.steps=4 --set simulation.timesteps=0 --set output.file="$work/deep.h5"
  if alone report deep.h5 -o deep.html; then pass; else fail "streams: $(cat err)"; fi
  alone convert resnet/config.toml --set neuron.steps=4 --set simulation.timesteps=0 -o deep.snn.h5 || fail "convert: $(cat err)"
  cost deep.h5 deep.snn.h5
  fire=(--set neuron.dynamics=subgradient --set neuron.schedule=inverse --set neuron.eta0=1 --set simulation.timesteps=8 --set neuron.steps=0)
  alone run resnet/config.toml --quiet "${fire[@]}" --set output.file="$work/fire.h5" && alone convert resnet/config.toml "${fire[@]}" -o fire.snn.h5 ||
    fail "integrate-and-fire: $(cat err)"
  cost fire.h5 fire.snn.h5
  tr '>' '\n' <deep.html | sed -n 's/^\([0-9]*\) to [0-9]*<.*/\1/p' >starts # of windows, 4 timesteps from layer to layer
  seq 1 4 73 | diff - starts >out && pass || fail "order of layers: $(cat out)"
else
  echo "without a network with streams: python3 has no onnx"
fi

# counts_less STATISTICS NAME: NAME.h5, and with windows NAME_windows.h5.
counts_less() {
  local settings=(--quiet --restart never --set data.images=40 --set output.statistics="$1")
  alone run "$config" "${settings[@]}" --set simulation.timesteps=12 --set output.file="$work/$2.h5" &&
    on_ranks 2 run "$config" "${settings[@]}" --set simulation.timesteps=0 --set neuron.steps=8 \
      --set output.file="$work/$2_windows.h5" || fail "run with statistics = $1: $(cat err)"
}

# Without tracking errors all else is the same, with windows and without, and the page has neither a plot nor a column.
counts_less spikes untracked
for pair in 'out<&1.h5 untracked.h5' 'windows.h5 untracked_windows.h5'; do
  alone diff ${pair% *} ${pair#* } && fail "$pair: tracking errors in both"
  [ "$(grep -c '/tracking_error: ' out)" -eq 6 ] && [ "$(grep -c '^ */' out)" -eq 6 ] && pass || fail "$pair: $(cat out)"
done
alone report untracked.h5 windows.h5 -o untracked.html || fail "report without tracking errors: $(cat err)"
[ "$(grep -c '<figcaption>Rates' untracked.html)" -eq 2 ] && [ "$(grep -c '<figcaption>Tracking error' untracked.html)" -eq 2 ] &&
  [ "$(grep -c '>tracking error</th>' untracked.html)" -eq 1 ] && pass || fail "page: $(grep '<figcaption>' untracked.html)"

# Without spikes of layers, too, there are no rates, no events and no line of spikes.
counts_less none uncounted
for pair in 'untracked.h5 uncounted.h5' 'untracked_windows.h5 uncounted_windows.h5'; do
  alone diff ${pair% *} ${pair#* } && fail "$pair: spikes of layers in both"
  grep '^ */' out | grep -vE '/(firing_rate|flip_rate|channel_spikes|spikes|spikes_total): |/cost/events' >others
  [ "$(grep -c '/firing_rate: ' out)" -eq 6 ] && [ ! -s others ] && pass || fail "$pair: $(cat out)"
  alone show ${pair#* } && ! grep -q '^  spikes ' out && grep -q '^  speed ' out && pass || fail "show ${pair#* }: $(cat out err)"
done
alone report uncounted.h5 uncounted_windows.h5 -o uncounted.html || fail "report without spikes of layers: $(cat err)"
! grep -qE '<figcaption>(Rates|Tracking)|>firing rate|>flip rate|as 0/1 events' uncounted.html && pass ||
  fail "page: $(grep -oE '<figcaption>(Rates|Tracking)|>firing rate|>flip rate|as 0/1 events' uncounted.html)"

# refuses CODE MESSAGE ARGUMENTS...: and leaves no page.
refuses() {
  local code=$1 message=$2
  shift 2
  alone report "$@"
  if [ $? -eq "$code" ] && grep -q -- "$message" err && ! ls absent* >/dev/null 2>&1; then
    pass
  else
    fail "report $*: $(cat err)"
  fi
}
cp 'out<&1.h5' damaged.h5
printf 'x' | dd of=damaged.h5 bs=1 seek=3000 conv=notrunc 2>/dev/null
refuses 2 "damaged.h5" 'out<&1.h5' damaged.h5 -o absent.html
refuses 2 "none.h5" none.h5 -o absent.html
refuses 2 "output files and -o report.html expected" 'out<&1.h5'
refuses 3 "none/page.html.part: cannot create" 'out<&1.h5' -o none/page.html
finish
