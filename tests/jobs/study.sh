#!/usr/bin/env bash
# The study scripts without a batch system: their tables and plots, and the evaluation that goes on by itself.
source "$(dirname "${BASH_SOURCE[0]}")/../cli/common.sh"
/usr/bin/python3 -c 'import h5py, onnx' 2>/dev/null || { echo "skipped: python3 without h5py and onnx"; exit 77; }
export SNN_DIST=$snn_dist
cd "$work" || exit 1

# study NAME ARGUMENTS...: and checks the plots; the table is left for more checks.
study() {
  local name=$1
  shift
  if timeout 200 /usr/bin/python3 "$root/jobs/study.py" "$@" -o "$name" --set simulation.timesteps=6 >out 2>&1 && drawn "$name"/*.svg
  then pass; else fail "$name: $(tail -n 3 out)"; fi
}

# drawn FILES...: are pictures, if there is what draws them.
drawn() {
  /usr/bin/python3 -c 'import matplotlib' 2>/dev/null || return 0
  /usr/bin/python3 -c 'import sys, xml.dom.minidom as xml; [xml.parse(name) for name in sys.argv[1:]]' "$@" >>out 2>&1
}

# holds NAME CONDITION: of the rows of its table.
holds() {
  if /usr/bin/python3 -c 'import csv, sys; rows = list(csv.DictReader(open(sys.argv[1]))); assert eval(sys.argv[2]), rows' \
    "$1/study.csv" "$2" >out 2>&1; then pass; else fail "$1: $2: $(tail -n 1 out)"; fi
}

study strong strong "$root/configs/digits_synchronous.toml" --ranks 1,2,3 --layout 1x1xC --set data.images=30
holds strong '[row["layout"] for row in rows] == ["1x1x1", "1x1x2", "1x1x3"] and all(row["same_bits"] == "yes" for row in rows)'
holds strong '[int(row["raw_bytes"]) + int(row["shared_bytes"]) for row in rows] == sorted({0, *(int(row["raw_bytes"]) + int(row["shared_bytes"]) for row in rows)})'
holds strong 'all(abs(float(row["speed_up"]) / int(row["ranks"]) / float(row["efficiency"]) - 1) < 1e-4 for row in rows)'
study weak weak "$root/configs/digits_synchronous.toml" --ranks 1,2 --layout Rx1x1 --images-per-rank 20
holds weak '[int(row["images"]) for row in rows] == [20, 40]'
# Cores as ranks, threads and both, beside as many replicas; one core is one of these.
study cores cores "$root/configs/digits_synchronous.toml" --cores 1,2,4 --images-per-core 8
grep -q '^| weak | 32 | 4 | ranksxthreads | 1x' out && pass || fail "cores, printed: $(cat out)"
holds cores '[(row["scaling"], row["cores"], row["split"]) for row in rows] == [(scaling, cores, split) for scaling in ("strong", "weak")
  for cores, splits in (("1", "replicas"), ("2", "replicas ranks threads"), ("4", "replicas ranks threads ranksxthreads")) for split in splits.split()]'
holds cores 'all(int(row["ranks"]) * int(row["threads"]) == int(row["cores"]) and row["same_bits"] == "yes" for row in rows)'
holds cores 'all(int(row["images"]) == 8 * (int(row["cores"]) if row["scaling"] == "weak" else 4) for row in rows)'
holds cores 'all(row["layout"] == row["cores"] + "x1x1" if row["split"] == "replicas" else row["layout"].startswith("1x") for row in rows)'
holds cores 'all(abs(float(row["of_replicas"]) / float(row["images_per_second"]) * next(float(other["images_per_second"]) for other in rows
  if other["split"] == "replicas" and other["cores"] == row["cores"] and other["scaling"] == row["scaling"]) - 1) < 1e-4 for row in rows)'
study deeper deeper --depths 8,14 --ranks 1,2 --layout 1xSx1 --width 4 --images 4
holds deeper '[(row["depth"], row["layout"]) for row in rows] == [("8", "1x1x1"), ("8", "1x2x1"), ("14", "1x1x1"), ("14", "1x2x1")]'
holds deeper 'all(row["same_bits"] == "yes" for row in rows)'

# Questions. Ended after its first evaluation, a study goes on; what it says is what runs by themselves say.
ask() { timeout 100 /usr/bin/python3 "$root/jobs/study.py" "$@" >out 2>&1 </dev/null; }
/usr/bin/python3 "$root/jobs/study.py" timesteps "$root/configs/digits.toml" --images 40 --timesteps 16 -o questions >out 2>&1 </dev/null &
asked=$!
for _ in $(seq 300); do grep -q ' 5 left' out && break; sleep 0.1; done
kill -TERM $asked
wait $asked
[ $? -eq 4 ] && grep -q 'ended early: the same command goes on' out && [ ! -e questions/timesteps.csv ] && pass || fail "ended: $(cat out)"
if ask timesteps "$root/configs/digits.toml" --images 40 --timesteps 16 -o questions && grep -q '6 evaluations, [1-5] of them made before' out &&
  drawn questions/timesteps.svg; then pass; else fail "timesteps: $(tail -n 3 out)"; fi
alone run "$root/configs/digits_synchronous.toml" --quiet --set data.images=40 --set simulation.timesteps=16 --set checkpoint.directory= \
  --set output.file="$work/synchronous.h5" || fail "run: $(cat err)"
cat >same.py <<'END'
import csv
import h5py
from studies import tables

with open("questions/timesteps.csv") as file:
    rows = list(csv.DictReader(file))
with h5py.File("synchronous.h5") as file:
    correct = file["accuracy/correct"][:]
paper = [row for row in rows if row["dynamics"] == "paper"]
assert [int(row["timesteps"]) for row in paper] == [1, 2, 4, 8, 16], paper
for row in paper:
    assert round(float(row["accuracy"]) * 40 / 100) == correct[int(row["timesteps"]) - 1], (row, correct)
    assert float(row["low_95"]) <= float(row["accuracy"]) <= float(row["high_95"]), row
# Wilson's interval of 0 of 40 ends at z^2 / (40 + z^2). Windows of 10 steps answer as the trained network.
assert abs(tables.wilson(0, 40)[1] - 100 * 1.959964**2 / (40 + 1.959964**2)) < 1e-9
assert rows[-1]["dynamics"] == "windows of 10" and float(rows[-1]["agreement"]) == 1 and float(rows[-1]["to_trained"]) == 0, rows[-1]
END
if PYTHONPATH=$root/jobs /usr/bin/python3 -B same.py >out 2>&1; then pass; else fail "timesteps.csv: $(tail -n 1 out)"; fi

# Studies with one folder share evaluations, and each is made once.
if ask energy "$root/configs/digits.toml" --images 40 --timesteps 16 -o questions && grep -q '5 evaluations, 5 of them' out &&
  grep -q ',windows,' questions/energy.csv && ask ablation "$root/configs/digits.toml" --images 40 --factors weights -o questions &&
  grep -q '4 evaluations, 1 of them' out && [ "$(wc -l <questions/ablation.csv)" -eq 5 ] &&
  ask functions --function relu --timesteps 16 -o questions && grep -q '^relu,' questions/functions.csv &&
  ask depth --images 2 --chains 1 -o questions && grep -q '^depthwise1,' questions/depth.csv; then
  pass
else
  fail "questions: $(tail -n 3 out)"
fi

# What `tune` recommends on its calibration images is evaluated as it says.
if ask accuracy "$root/configs/digits.toml" --images 40 -o questions && [ "$(grep -c '^digits,' questions/accuracy.csv)" -eq 6 ] &&
  grep -qE '^digits,tuned,40,[0-9.]+,[0-9.]+,(1|0\.9[0-9]*),' questions/accuracy.csv && grep -qE '^\*.*, int16$' questions/runs/*.txt; then
  pass
else
  fail "accuracy: $(tail -n 3 out)"
fi

# refused TEXT ARGUMENTS...: in one line, with exit code 2.
refused() {
  local text=$1
  shift
  ask "$@"
  [ $? -eq 2 ] && grep -q "$text" out && ! grep -q Traceback out && pass || fail "$*: expected '$text': $(cat out)"
}
cp "$snn_dist" other && echo >>other
refused 'results of another build.*are not put into one table' timesteps "$root/configs/digits.toml" -o questions --program ./other
printf '[data]\nimages = [\n' >broken.toml
refused 'broken.toml: Invalid value' energy broken.toml -o questions
refused "none.toml: No such file or directory" energy none.toml -o questions
refused '0: a whole number from 1 on expected' ablation "$root/configs/digits.toml" --images 0 -o questions
refused 'expected some of' ablation "$root/configs/digits.toml" --factors weight -o questions
refused 'no networks' depth -o questions
ask --help && grep -q '95 % intervals' out && ask baseline --help && pass || fail "help: $(cat out)"

# Memory of many ranks: counted, predicted, resident. A process without any network needs some 30 MB.
if timeout 200 /usr/bin/python3 "$root/jobs/scale_out.py" "$root/configs/digits_synchronous.toml" --many 2,3 --program "$snn_dist" --csv many.csv \
  --set simulation.timesteps=6 --set data.images=30 >out 2>&1 && mkdir -p many && mv many.csv many/study.csv; then
  pass
else
  fail "scale_out.py: $(tail -n 3 out)"
fi
holds many '[int(row["ranks"]) for row in rows] == [1, 2, 3] and all(row["same_bits"] == "yes" for row in rows)'
holds many 'all(25 < float(row["resident_MB"]) < 120 and float(row["most_MB"]) < 5 for row in rows)'
holds many 'all(30 < float(row["predicted_MB"]) < 60 for row in rows)'

# Layouts beside the planner's choice: all that two ranks have, one of them chosen, the same bits; whether the choice is
# good is for a quiet machine to say.
if timeout 200 /usr/bin/python3 "$root/jobs/layouts.py" "$root/configs/digits_synchronous.toml" --threads 1 --repeat 1 --tolerance 1e9 \
  --program "$snn_dist" --csv layouts.csv --set simulation.timesteps=6 --images 30 >out 2>&1 && mkdir -p layouts && mv layouts.csv layouts/study.csv; then
  pass
else
  fail "layouts.py: $(tail -n 3 out)"
fi
holds layouts '[row["layout"] for row in rows] == ["2x1x1", "1x2x1", "1x1x2"] and [row["chosen"] for row in rows].count("True") == 1'

# peak.py gives the exit code of what it runs.
/usr/bin/python3 "$root/jobs/peak.py" peak bash -c 'exit 3'
[ $? -eq 3 ] && [ "$(cat peak.0)" -gt 500 ] && pass || fail "peak.py: $(cat peak.0)"

# Stopped by its time limit at the first try, the evaluation goes on and ends like one that was not.
cat >launcher <<'END'
#!/usr/bin/env bash
[ -e tried ] || limit=(--max-hours 0.00001)
touch tried
exec mpirun "$@" ${limit[0]+"${limit[@]}"}
END
short=(--quiet --set simulation.timesteps=20 --set simulation.batch=4 --set data.images=60)
if on_ranks 1 run "$root/configs/digits_synchronous.toml" "${short[@]}" --set checkpoint.directory= --set output.file="$work/whole.h5" &&
  SNN_DIST_LAUNCHER="bash ./launcher" timeout 120 bash "$root/jobs/evaluate.sh" 2 "$root/configs/digits_synchronous.toml" \
    "${short[@]}" --set checkpoint.directory="$work/checkpoints" --set output.file="$work/parts.h5" >evaluate.out 2>&1 &&
  grep -q "going on from the checkpoint" evaluate.out && alone diff whole.h5 parts.h5; then
  pass
else
  fail "evaluate.sh: $(tail -n 5 evaluate.out) $(cat out)"
fi
finish
