#!/usr/bin/env bash
# --trace: valid JSON with a process per rank and a thread per OpenMP thread, whose intervals do not overlap and add up
# to the timers of the output; results as without it; complete or absent.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
config=$root/configs/digits_synchronous.toml
short=(--quiet --set data.images=48 --set simulation.timesteps=16)

if on_ranks 4 run "$config" "${short[@]}" --layout 1x2x2 --restart never --set output.file="$work/plain.h5"; then
  pass
else
  fail "without a trace: $(cat "$work/err")"
fi
if OMP_NUM_THREADS=2 SNN_DIST_RANKS_PER_HOST=2 on_ranks 4 run "$config" "${short[@]}" --layout 1x2x2 --restart never \
  --set output.file="$work/traced.h5" --set checkpoint.directory="$work/checkpoints" \
  --set checkpoint.every_minutes=0.00001 --trace "$work/trace.json"; then
  pass
else
  fail "with a trace: $(cat "$work/err")"
fi
if alone diff "$work/plain.h5" "$work/traced.h5"; then pass; else fail "other results: $(cat "$work/out")"; fi

# every_minutes = 0: a checkpoint after every group but the last, which the timeline shows.
on_ranks 1 run "$config" --quiet --set data.images=20 --set simulation.batch=2 --set simulation.timesteps=16 --restart never \
  --set parallel.replicas=1 --set output.file="$work/few.h5" --set checkpoint.directory="$work/few" \
  --set checkpoint.every_minutes=0 --trace "$work/few.json" || fail "every group: $(cat "$work/err")"
written=$(grep -o '"name":[ ]*"checkpoint"' "$work/few.json" | wc -l)
[ "$written" -eq 9 ] && pass || fail "10 groups, $written checkpoints"

/usr/bin/python3 - "$work" <<'END' >"$work/out" 2>&1
import collections, json, sys
import h5py

folder = sys.argv[1]
with open(folder + "/trace.json") as file:
    trace = json.load(file)
events = [event for event in trace["traceEvents"] if event["ph"] == "X"]
names = [event["args"]["name"] for event in trace["traceEvents"] if event["name"] == "process_name"]
assert names[3] == "rank 3: replica 0, stage 1, channel shard 1", names
assert trace["otherData"]["lost_intervals"] == 0

threads, seconds = collections.defaultdict(list), collections.Counter()
for event in events:
    assert event["dur"] >= 0, event
    threads[event["pid"], event["tid"]].append((event["ts"], event["ts"] + event["dur"]))
    if event["tid"] == 0:
        seconds[event["pid"], event["name"]] += event["dur"] * 1e-6
# A rank whose share is a layer of a few tiles may have no work for its second thread.
expected = {(rank, thread) for rank in range(4) for thread in range(2)}
assert {(rank, 0) for rank in range(4)} <= threads.keys() <= expected, sorted(threads)
assert any(thread == 1 for _, thread in threads), sorted(threads)
for intervals in threads.values():
    intervals.sort()
    assert all(before[1] <= after[0] + 0.01 for before, after in zip(intervals, intervals[1:]))

computed = {event["args"]["population"] for event in events if event["name"] == "compute" and "population" in event["args"]}
with h5py.File(folder + "/traced.h5") as file:
    timers = file["timers"]
    for column, name in enumerate(name.decode() for name in timers["names"][:]):
        for rank in range(4):
            traced = seconds[rank, name] + (seconds[rank, "checkpoint"] if name == "io" else 0)
            # The trace has the writing of the output too, which the output cannot have.
            slack = 1e-4 if name != "io" else 10
            assert timers["seconds"][rank, column] <= traced + 1e-4 and traced <= timers["seconds"][rank, column] + slack, \
                (rank, name, traced, timers["seconds"][rank, column])
    layers = {name.split("_", 1)[1] for name in file["layers"]}
    assert computed == layers | {"logits"}, (computed, layers)
for kind in ("compute", "encode", "communicate", "decode", "io", "checkpoint", "slowest"):
    assert sum(seconds[rank, kind] for rank in range(4)) > 0, kind
END
# shellcheck disable=SC2181
if [ $? -eq 0 ]; then pass; else fail "trace: $(tail -n 4 "$work/out")"; fi

on_ranks 2 run "$config" "${short[@]}" --trace "$work/none/trace.json"
if [ $? -eq 3 ] && grep -q "none/trace.json: cannot create" "$work/err"; then pass; else fail "$(cat "$work/err")"; fi
# start_traced NAME OPTIONS...: such a run in the background; its launcher's number in $launcher.
start_traced() {
  local name=$1
  shift
  mpirun --oversubscribe -np 2 "$snn_dist" run "$config" --set checkpoint.directory= --set output.file="$work/$name.h5" \
    --trace "$work/$name.json" "$@" >"$work/out" 2>"$work/err" </dev/null &
  launcher=$!
}

# killed NAME: kills one rank, which ends the job; it must have been under way, and leaves nothing that looks complete.
killed() {
  local name=$1 rank code
  rank=$(pgrep -P "$launcher" | head -n 1)
  if [ -n "$rank" ] && kill -KILL "$rank"; then pass; else fail "$name: no rank to kill: $(tail -n 3 "$work/err")"; fi
  wait "$launcher"
  code=$?
  if [ "$code" -eq 137 ]; then pass; else fail "$name: exit code $code, expected 137: $(tail -n 3 "$work/err")"; fi
  for file in "$work/$name.json" "$work/$name.h5"; do
    if [ -e "$file" ]; then fail "$name: killed, but $(basename "$file") is there"; else pass; fi
  done
}

# Killed in the middle of the evaluation, when the first image of many is done: no timeline, and no output.
start_traced killed --progress always --set neuron.gamma=0.999 --set simulation.timesteps=4000 --set simulation.batch=1
await_images 450 "$launcher"
killed killed

# Killed while it writes the timeline: no file may grow beyond what the output takes, and a process that tries is ended.
start_traced cut --progress always --set neuron.gamma=0.999 --set simulation.timesteps=64 --set simulation.block=1 \
  --set simulation.batch=1
await_images 450 "$launcher"
for rank in $(pgrep -P "$launcher"); do prlimit --pid "$rank" --fsize=1000000:1000000; done
wait "$launcher"
code=$?
if [ "$code" -eq 153 ]; then pass; else fail "cut: exit code $code, expected 153: $(tail -n 3 "$work/err")"; fi
if [ -e "$work/cut.h5" ]; then pass; else fail "cut: ended before the timeline was begun"; fi
if [ -e "$work/cut.json" ]; then fail "cut: killed, but cut.json is there"; else pass; fi
finish
