#!/usr/bin/env bash
# G4: bad input gets one clear message from one rank, the documented exit code, no output file, and no hang; with one rank
# and with three. Expected messages stand below, with @W for the test's folder.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
limit=60
W=$work
digits_in "$W" >"$W/base.toml"
base() { cat "$W/base.toml"; }

# refuses NAME CODE MESSAGE ARGUMENTS...: alone, and under mpirun with three ranks; the first one also with one.
rank_counts="0 1 3"
refuses() {
  local name=$1 expected=$2 message=$3 ranks code found count wanted
  shift 3
  for ranks in $rank_counts; do
    if [ "$ranks" -eq 0 ]; then alone "$@"; else on_ranks "$ranks" "$@"; fi
    code=$?
    wanted=${message//@W/$W}
    wanted=${wanted//@N/$((ranks > 0 ? ranks : 1))}
    found=$(grep '^snn_dist: ' "$W/err")
    count=$(grep -c '^snn_dist: ' "$W/err")
    if [ "$code" -ne "$expected" ]; then
      fail "$name, $ranks ranks: exit code $code, $expected expected: $(head -n 3 "$W/err")"
    elif [ "$count" -ne 1 ]; then
      fail "$name, $ranks ranks: $count messages, one expected: $found"
    elif [ "$found" != "snn_dist: error: $wanted" ]; then
      fail "$name, $ranks ranks: wrong message
  expected: snn_dist: error: $wanted
  found:    $found"
    elif [ -e "$W/out.h5" ]; then
      fail "$name, $ranks ranks: an output file was written"
    else
      pass
    fi
    rm -f "$W/out.h5"
  done
  rank_counts="0 3"
}

# A config that differs from the base in one line: with LINE PATTERN.
changed() { base | sed "$1" >"$W/changed.toml"; }

base >"$W/good.toml"
on_ranks 3 run "$W/good.toml" && [ -e "$W/out.h5" ] && pass || fail "the base config does not run: $(cat "$W/err")"
rm -f "$W/out.h5"

refuses "missing config" 2 "cannot open config file '@W/none.toml': No such file or directory" run "$W/none.toml"
changed 's/digits.onnx/none.onnx/'
refuses "missing model" 2 "@W/changed.toml: model.onnx: cannot read @W/none.onnx: No such file or directory" run "$W/changed.toml"
changed 's/digits.onnx/digits_test.h5/'
refuses "not an ONNX file" 2 "@W/digits_test.h5: not an ONNX file, or truncated: no whole field at byte 10; export or copy it again" \
  run "$W/changed.toml"
head -c 40000 "$W/digits.onnx" >"$W/truncated.onnx"
changed 's/digits.onnx/truncated.onnx/'
refuses "truncated ONNX file" 2 "@W/truncated.onnx: not an ONNX file, or truncated: no whole field at byte 2; export or copy it again" \
  run "$W/changed.toml"
all() { echo "snn_dist check @W/$1.onnx lists all nodes, with cures where there are any"; }
sed 's/Relu/Sinh/' "$W/digits.onnx" >"$W/unsupported.onnx"
changed 's/digits.onnx/unsupported.onnx/'
refuses "unsupported operator" 2 "@W/unsupported.onnx: node relu1 (Sinh): operator not supported; $(all unsupported)" \
  run "$W/changed.toml"
sed 's/Relu/Sign/' "$W/digits.onnx" >"$W/unconverted.onnx"
changed 's/digits.onnx/unconverted.onnx/'
refuses "operator without neurons" 2 \
  "@W/unconverted.onnx: node relu1 (Sign): no spiking neuron and no linear operator stands for Sign; $(all unconverted)" run "$W/changed.toml"

changed 's/timesteps = 2/timestep = 2/'
refuses "unknown key" 2 "@W/changed.toml:11:1: unknown key simulation.timestep; did you mean 'timesteps'?" \
  run "$W/changed.toml"
changed 's/timesteps = 2/timesteps = "2"/'
refuses "mistyped key" 2 "@W/changed.toml:11:1: simulation.timesteps: expected an integer, found a string" \
  run "$W/changed.toml"
changed 's/timesteps = 2/timesteps = = 2/'
refuses "syntax error" 2 "@W/changed.toml:11:13: Error while parsing value: could not determine value type" \
  run "$W/changed.toml"
changed 's/test = "digits_test.h5"//'
refuses "missing key" 2 "@W/changed.toml: missing key data.test (the data set to evaluate)" run "$W/changed.toml"
refuses "bad override" 2 "--set neuron.schedule=fast: neuron.schedule: expected one of \"exponential\", \"inverse\", \
\"polynomial\", \"constant\", \"table\", found \"fast\"" run "$W/good.toml" --set neuron.schedule=fast

/usr/bin/python3 - "$W" <<'END'
import sys
import h5py
import numpy as np

folder = sys.argv[1]


def write(name, images, labels, layout):
    with h5py.File(f"{folder}/{name}.h5", "w") as file:
        file["images"] = images
        file["images"].attrs["layout"] = layout
        file["labels"] = labels


write("label", np.zeros((8, 8, 8), np.uint8), np.array([1, 2, 12, 3, 0, 0, 0, 0]), "NHW")
write("shape", np.zeros((8, 9, 8), np.uint8), np.zeros(8, np.int64), "NHW")
write("type", np.zeros((8, 8, 8), np.int16), np.zeros(8, np.int64), "NHW")
END
changed 's/digits_test.h5/label.h5/'
refuses "label out of range" 2 "@W/label.h5: labels[2] = 12; the network has 10 classes (0..9); give the labels \
that it was trained with" run "$W/changed.toml"
changed 's/digits_test.h5/shape.h5/'
refuses "image shape" 2 "@W/shape.h5: images are 9 x 8 x 1 (height x width x channels), the network expects 8 x 8 x 1; \
see to data.layout, or make the data set at this size" \
  run "$W/changed.toml"
changed 's/digits_calib.h5/shape.h5/'
refuses "calibration image shape" 2 \
  "@W/shape.h5: images are 9 x 8 x 1 (height x width x channels), the network expects 8 x 8 x 1; \
see to data.layout, or make the data set at this size" run "$W/changed.toml"
changed 's/digits_test.h5/type.h5/'
refuses "image type" 2 "@W/type.h5: images has type int16; uint8 or float32 expected" run "$W/changed.toml"
changed 's/digits_test.h5/none.h5/'
refuses "missing data" 2 "@W/changed.toml: data.test: cannot read @W/none.h5: No such file or directory" run "$W/changed.toml"
head -c 20000 "$W/digits_test.h5" >"$W/short.h5"
changed 's/digits_test.h5/short.h5/'
refuses "truncated data" 2 "@W/short.h5: cannot open as HDF5: truncated file: eof = 20000, sblock->base_addr = 0, \
stored_eof = 38544; copy or make it again" run "$W/changed.toml"

refuses "too many images" 2 "@W/digits_test.h5 has 450 images, data.images asks for 5000; lower it, or give 0 for all" run "$W/good.toml" \
  --set data.images=5000
refuses "bad option" 2 "unknown option '--fast' (see snn_dist run --help)" run "$W/good.toml" --fast
refuses "malformed layout" 2 \
  "--layout 2x2: REPLICASxSTAGESxCHANNELS expected, for example 1x2x2 (see snn_dist run --help)" \
  run "$W/good.toml" --layout 2x2
# At once: before anything is read or written.
layout="layout 5x5x5 needs 125 ranks, there are @N; give mpirun -np 125, or leave the layout to the planner"
refuses "impossible layout" 2 "$layout" run "$W/good.toml" --layout 5x5x5 --set model.onnx=none.onnx
refuses "impossible layout, configured" 2 "$layout" run "$W/good.toml" --set parallel.replicas=5 --set parallel.stages=5 \
  --set parallel.channels=5 --set data.test=none.h5 --set output.file="$W/none/out.h5"
refuses "layout free in part" 2 \
  "layout 0x7x1 (0: free) needs a multiple of 7 ranks, there are @N; give mpirun -np 7, or leave the layout to the planner" \
  run "$W/good.toml" --layout 0x7x1
refuses "layout of a plan" 2 "layout 2x2x1 needs 4 ranks, there are 6; give --ranks 4, or leave the layout to the planner" \
  plan "$W/good.toml" --ranks 4,6 --layout 2x2x1 --set model.onnx=none.onnx
refuses "layout of a plan, free in part" 2 \
  "layout 0x3x1 (0: free) needs a multiple of 3 ranks, there are 8; give --ranks 6, or leave the layout to the planner" \
  plan "$W/good.toml" --ranks 8 --layout 0x3x1
printf '[plan]\nversion = 1\nranks = 9\nreplicas = 9\nstage_begin = [0]\nshards = [1]\n' >"$W/nine.toml"
refuses "plan for other ranks" 2 \
  "@W/nine.toml: the plan is for 9 ranks, there are @N; start 9, or let snn_dist plan --ranks @N -o make another" \
  run "$W/good.toml" --plan "$W/nine.toml" --set model.onnx=none.onnx
refuses "missing checkpoint" 2 "--restart @W/none.h5: cannot open: No such file or directory; auto takes the newest checkpoint" \
  run "$W/good.toml" --restart "$W/none.h5"
refuses "missing plan" 2 "cannot open plan file '@W/none.toml': No such file or directory" \
  run "$W/good.toml" --plan "$W/none.toml"
printf '[plan]\nversion = 1\nranks = 1\nreplicas = 1\nstage_begin = [0]\nshards = [1]\n' >"$W/one.toml"
for verb in run plan; do
  alone $verb "$W/good.toml" --plan "$W/one.toml" --set parallel.memory_gb=0.001
  code=$?
  if [ "$code" -eq 2 ] && [ ! -e "$W/out.h5" ] && [ ! -s "$work/out" ] &&
    grep -q '^snn_dist: error: .*one.toml: rank 0 of the plan would need 0.0[0-9]* GB of memory, a rank may use 0.001 GB; take another plan, or raise parallel.memory_gb$' "$W/err"; then
    pass
  else
    fail "$verb, plan beyond the memory: exit code $code: $(cat "$W/err")"
  fi
done
alone plan "$W/good.toml" --ranks 4 --set parallel.memory_gb=0.001
code=$?
[ "$code" -eq 2 ] && grep -Eq '^snn_dist: error: no layout of 4 ranks fits the memory of 0.001 GB a rank; the leanest, 1x[^ ]*, needs 0.0[0-9]* GB on its fullest rank; take more ranks, a smaller simulation.batch, or raise parallel.memory_gb$' \
  "$W/err" && pass || fail "nothing fits: exit code $code: $(cat "$W/err")"
refuses "plan and layout" 2 "--plan and --layout exclude each other (see snn_dist run --help)" \
  run "$W/good.toml" --plan "$W/nine.toml" --layout 1x1x1
refuses "plan for no number" 2 \
  "--ranks 4,x: whole numbers from 1 to 1000000 expected, for example 64 or 64,256,1024 (see snn_dist plan --help)" \
  plan "$W/good.toml" --ranks 4,x
refuses "plan, a comma too many" 2 \
  "--ranks 1,2,3,: whole numbers from 1 to 1000000 expected, for example 64 or 64,256,1024 (see snn_dist plan --help)" \
  plan "$W/good.toml" --ranks 1,2,3,
printf '[rank]\nmemory_gb = -1\n' >"$W/machine.toml"
refuses "bad machine" 2 "@W/machine.toml:2:1: rank.memory_gb: expected a number from 0 to 1000000, found -1" \
  plan "$W/good.toml" --ranks 4 --machine "$W/machine.toml"
place="see to space and permissions there, and run it again"
folder="make the folder, or name another (output.file, -o)"
refuses "plan, folder missing" 3 "cannot write plan file '@W/none/plan.toml': No such file or directory; $place" \
  plan "$W/good.toml" --ranks 4 -o "$W/none/plan.toml"
refuses "output folder missing" 3 "@W/none/out.h5: cannot create a file in its folder: No such file or directory; $folder" \
  run "$W/good.toml" --set output.file="$W/none/out.h5"
refuses "output folder not writable" 3 "/proc/out.h5: cannot create a file in its folder: No such file or directory; $folder" \
  run "$W/good.toml" --set output.file=/proc/out.h5
# The same from convert, which asks before it calibrates.
refuses "convert without output" 2 "no output given: -o net.snn.h5 (see snn_dist convert --help)" convert "$W/good.toml"
refuses "convert, missing config" 2 "cannot open config file '@W/none.toml': No such file or directory" \
  convert "$W/none.toml" -o "$W/net.h5"
changed 's/digits.onnx/none.onnx/'
refuses "convert, missing model" 2 "@W/changed.toml: model.onnx: cannot read @W/none.onnx: No such file or directory" \
  convert "$W/changed.toml" -o "$W/net.h5"
refuses "convert, output folder missing" 3 \
  "@W/none/net.h5: cannot create a file in its folder: No such file or directory; $folder" \
  convert "$W/good.toml" -o "$W/none/net.h5"

# A pixel that is no number, found in the middle of the evaluation by every rank that reads the input: one message.
alone convert "$W/good.toml" -o "$W/net.h5" || fail "convert: $(cat "$W/err")"
/usr/bin/python3 - "$W" <<'END'
import sys
import h5py
import numpy as np

folder = sys.argv[1]
images = np.zeros((8, 8, 8), np.float32)
images[3, 2, 5] = np.nan
with h5py.File(f"{folder}/nan.h5", "w") as file:
    file["images"] = images
    file["images"].attrs["layout"] = "NHW"
    file["labels"] = np.zeros(8, np.int64)
END
changed 's/digits_test.h5/nan.h5/; s/^onnx = .*/network = "net.h5"/'
pixel="@W/nan.h5: images[3]: the pixel at row 2, column 5, channel 0 is nan; a number that is finite before and after \
normalisation expected"
refuses "pixel that is no number, shards" 2 "$pixel" run "$W/changed.toml" --set parallel.replicas=1 \
  --set parallel.stages=1
refuses "pixel that is no number, stages" 2 "$pixel" run "$W/changed.toml" --set parallel.replicas=1 \
  --set parallel.channels=1 --set simulation.batch=1
refuses "pixel that is no number, replicas" 2 "$pixel" run "$W/changed.toml" --set data.images=8 \
  --set simulation.batch=1

refuses "checkpoint folder not writable" 3 "/proc/none: cannot create folder: No such file or directory; \
set checkpoint.directory to another, or to nothing for none" \
  run "$W/good.toml" --set checkpoint.directory=/proc/none
export SNN_DIST_ISA=abacus
alone run "$W/good.toml" && fail "an unknown instruction set was accepted"
grep -q "abacus" "$W/err" && grep -q "portable" "$W/err" && pass || fail "unknown instruction set: $(cat "$W/err")"
unset SNN_DIST_ISA
export SNN_DIST_RANKS_PER_HOST=0
refuses "hosts without ranks" 2 'environment variable SNN_DIST_RANKS_PER_HOST: "0", expected a number of ranks, 1 or more' run "$W/good.toml"
unset SNN_DIST_RANKS_PER_HOST
finish
