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
  if timeout 200 /usr/bin/python3 "$root/jobs/study.py" "$@" -o "$name" --set simulation.timesteps=6 >out 2>&1 &&
    /usr/bin/python3 -c 'import sys, xml.dom.minidom as xml; [xml.parse(name) for name in sys.argv[1:]]' "$name"/*.svg >>out 2>&1
  then pass; else fail "$name: $(tail -n 3 out)"; fi
}

# holds NAME CONDITION: of the rows of its table.
holds() {
  if /usr/bin/python3 -c 'import csv, sys; rows = list(csv.DictReader(open(sys.argv[1]))); assert eval(sys.argv[2]), rows' \
    "$1/study.csv" "$2" >out 2>&1; then pass; else fail "$1: $2: $(tail -n 1 out)"; fi
}

study strong strong "$root/configs/digits_synchronous.toml" --ranks 1,2,3 --layout 1x1xC --set data.images=30
holds strong '[row["layout"] for row in rows] == ["1x1x1", "1x1x2", "1x1x3"] and all(row["same_bits"] == "yes" for row in rows)'
holds strong 'int(rows[0]["sent_bytes"]) == 0 < int(rows[1]["sent_bytes"]) < int(rows[2]["sent_bytes"])'
holds strong 'all(abs(float(row["speed_up"]) / int(row["ranks"]) / float(row["efficiency"]) - 1) < 1e-4 for row in rows)'
study weak weak "$root/configs/digits_synchronous.toml" --ranks 1,2 --layout Rx1x1 --images-per-rank 20
holds weak '[int(row["images"]) for row in rows] == [20, 40]'
study depth depth --depths 8,14 --ranks 1,2 --layout 1xSx1 --width 4 --images 4
holds depth '[(row["depth"], row["layout"]) for row in rows] == [("8", "1x1x1"), ("8", "1x2x1"), ("14", "1x1x1"), ("14", "1x2x1")]'
holds depth 'all(row["same_bits"] == "yes" for row in rows)'

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
