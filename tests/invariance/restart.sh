#!/usr/bin/env bash
# G2: a run killed half-way and restarted on another number of ranks ends with the same output:
# restart.sh PROGRAM [STEPS DELAY RATIO], with windows if they are given (long ones, or there is nothing to kill).
source "$(dirname "${BASH_SOURCE[0]}")/../cli/common.sh"
if [ $# -ge 4 ]; then
  config=$root/configs/digits.toml
  dynamics=(--set neuron.steps="$2" --set neuron.delay="$3" --set neuron.ratio="$4")
  other=(--set neuron.margin=0.5)
else
  config=$root/configs/digits_synchronous.toml
  dynamics=(--set simulation.timesteps=256)
  other=(--set neuron.eta0=0.2)
fi
common=("${dynamics[@]}" --set simulation.batch=2 --set data.images=300 --set checkpoint.every_minutes=0
  --set checkpoint.directory="$work/checkpoints")

on_ranks 1 run "$config" "${common[@]}" --quiet --set output.file="$work/whole/run.h5" --restart never \
  --set parallel.replicas=0 && fail "an output folder that does not exist was accepted"
mkdir "$work/whole" "$work/killed"
on_ranks 2 run "$config" "${common[@]}" --quiet --set output.file="$work/whole/run.h5" --layout 2x1x1 \
  --set checkpoint.directory="$work/unused" || fail "reference: $(tail -n 2 "$work/err")"

# wait_for_checkpoint PID: until one is complete or the run is over.
wait_for_checkpoint() {
  local i
  for i in $(seq 600); do
    ls "$work"/checkpoints/*.ckpt.h5 >/dev/null 2>&1 && return 0
    kill -0 "$1" 2>/dev/null || return 1
    sleep 0.05
  done
  return 1
}

# killed RANKS SIGNAL LAYOUT: starts the run, waits for a checkpoint, kills every rank.
killed() {
  mpirun --oversubscribe -np "$1" "$snn_dist" run "$config" "${common[@]}" --layout "$3" \
    --set output.file="$work/killed/run.h5" >"$work/out" 2>"$work/err" </dev/null &
  local launcher=$!
  wait_for_checkpoint "$launcher" || fail "no checkpoint was written: $(tail -n 3 "$work/err")"
  pkill "-$2" -f "$snn_dist run $config.*$work/killed" || fail "the run was over before it could be killed"
  wait "$launcher"
  code=$?
}

killed 2 KILL 1x2x1
[ ! -e "$work/killed/run.h5" ] || fail "an output exists after kill -9"
for file in "$work"/checkpoints/*.ckpt.h5; do
  alone verify "$file" && pass || fail "$file: $(cat "$work/err")"
done
# On with other ranks, until a polite signal stops it: exit code 4.
rm -f "$work"/seen; ls "$work/checkpoints" >"$work/seen"
mpirun --oversubscribe -np 3 "$snn_dist" run "$config" "${common[@]}" --layout 1x1x3 \
  --set output.file="$work/killed/run.h5" >"$work/out" 2>"$work/err" </dev/null &
launcher=$!
for i in $(seq 600); do
  grep -q 'restarting from' "$work/out" && break
  sleep 0.05
done
grep -q 'restarting from' "$work/out" || fail "no word of the restart: $(cat "$work/out" "$work/err")"
pkill -USR1 -f "$snn_dist run $config.*$work/killed" || fail "the restarted run was over too soon"
wait "$launcher"
code=$?
[ "$code" -eq 4 ] && pass || fail "exit code $code after SIGUSR1, 4 expected: $(tail -n 3 "$work/err")"
grep -q 'run the same command again to go on' "$work/err" && pass || fail "no hint how to go on: $(cat "$work/err")"

# The newest checkpoint is damaged: the one before it is taken, and said so.
newest=$(ls "$work"/checkpoints/*.ckpt.h5 | tail -n 1)
printf 'X' | dd of="$newest" bs=1 seek=3000 conv=notrunc 2>/dev/null
alone verify "$newest" && fail "a damaged checkpoint verifies"
on_ranks 4 run "$config" "${common[@]}" --layout 2x2x1 --set output.file="$work/killed/run.h5" --set simulation.block=5 ||
  fail "last part: $(tail -n 2 "$work/err")"
grep -q "$(basename "$newest")" "$work/out" && pass || fail "no word of the damaged checkpoint: $(cat "$work/out")"
alone diff "$work/whole/run.h5" "$work/killed/run.h5" && pass || fail "outputs differ: $(head -n 3 "$work/out")"
ls "$work"/checkpoints/*.ckpt.h5 >/dev/null 2>&1 && fail "a finished run leaves checkpoints behind"

# start_stoppable FOLDER MPIRUN-OPTIONS...: a run that is long enough to be stopped, in the background; waits until it
# has begun.
start_stoppable() {
  local folder=$1 i
  shift
  mkdir "$folder"
  : >"$work/err"
  mpirun --oversubscribe "$@" -np 3 "$snn_dist" run "$config" --set simulation.timesteps=2048 \
    --set neuron.schedule=inverse --set simulation.batch=2 --set checkpoint.directory="$folder" --layout 1x1x3 \
    --progress always --set output.file="$folder/run.h5" >"$work/out" 2>"$work/err" </dev/null &
  launcher=$!
  for i in $(seq 600); do
    grep -q 'trained network: ' "$work/err" && sleep 0.3 && return
    sleep 0.05
  done
  fail "no start: $(tail -n 3 "$work/err")"
}

# Signals, which come at any moment whatever the dynamics.
if [ $# -lt 4 ]; then
  # A signal that only one rank gets, and not rank 0, stops all and is named.
  start_stoppable "$work/one"
  for process in $(pgrep -f "^$snn_dist run .*$work/one"); do
    if tr '\0' '\n' <"/proc/$process/environ" | grep -qx 'OMPI_COMM_WORLD_RANK=2'; then kill -USR1 "$process"; fi
  done
  wait "$launcher"
  code=$?
  [ "$code" -eq 4 ] && pass || fail "exit code $code after a signal to rank 2, 4 expected: $(tail -n 3 "$work/err")"
  grep -q 'stopped: signal 10 received; checkpoint 1' "$work/err" && pass || fail "wrong reason: $(cat "$work/err")"

  # SIGTERM to mpirun, once the rounds have grown to their full length: a checkpoint is written before the ranks are killed.
  start_stoppable "$work/terminated" --mca odls_base_sigkill_timeout 2
  sleep 5
  kill -TERM "$launcher"
  wait "$launcher"
  ls "$work"/terminated/*.ckpt.h5 >/dev/null 2>&1 && pass || fail "no checkpoint after SIGTERM: $(cat "$work/err")"
  grep -q 'stopped: signal 15 received; checkpoint 1' "$work/err" && pass || fail "wrong reason: $(cat "$work/err")"
fi

# A time limit stops a run likewise.
on_ranks 2 run "$config" "${common[@]}" --layout 2x1x1 --set output.file="$work/killed/limited.h5" --max-hours 0.00001
code=$?
[ "$code" -eq 4 ] && pass || fail "exit code $code at the time limit, 4 expected"
ls "$work"/checkpoints/limited.*.ckpt.h5 >"$work/seen" || fail "no checkpoint at the time limit"

# Another run of the same name in the same folder says that it does not use the checkpoints there, and leaves them.
on_ranks 2 run "$config" "${common[@]}" --layout 2x1x1 --set output.file="$work/killed/limited.h5" \
  "${other[@]}" --set data.images=40 || fail "another run: $(tail -n 2 "$work/err")"
grep -q 'limited\..*: belongs\? to another run (other settings); not used' "$work/out" && pass ||
  fail "no word of the other run's checkpoint: $(head -n 3 "$work/out")"
grep -q 'restarting from' "$work/out" && fail "another run's checkpoint was used"
ls "$work"/checkpoints/limited.*.ckpt.h5 2>&1 | diff "$work/seen" - && pass || fail "another run's checkpoints are not what they were"

# Nor can a run go on whose statistics are others: those of the images before would be missing.
on_ranks 1 run "$config" "${common[@]}" --layout 1x1x1 --set output.file="$work/killed/limited.h5" \
  --set output.statistics=spikes --restart "$(head -n 1 "$work/seen")"
code=$?
[ "$code" -eq 2 ] && grep -q 'belongs to another run' "$work/err" && pass ||
  fail "other statistics: exit code $code: $(tail -n 2 "$work/err")"

# The same network from a file goes on where the conversion was stopped; another one does not.
alone convert "$config" "${common[@]}" -o "$work/same.snn.h5" && alone convert "$config" "${common[@]}" \
  -o "$work/other.snn.h5" --set data.calibration_images=10 || fail "conversion: $(cat "$work/err")"
on_ranks 1 run "$config" "${common[@]}" --layout 1x1x1 --set output.file="$work/killed/limited.h5" \
  --set model.network="$work/other.snn.h5" --restart "$(head -n 1 "$work/seen")"
code=$?
[ "$code" -eq 2 ] && grep -q 'belongs to another run' "$work/err" && pass ||
  fail "another network: exit code $code: $(tail -n 2 "$work/err")"
on_ranks 2 run "$config" "${common[@]}" --layout 1x1x2 --set output.file="$work/killed/limited.h5" \
  --set model.network="$work/same.snn.h5" || fail "from a network file: $(tail -n 2 "$work/err")"
grep -q 'restarting from' "$work/out" && pass || fail "the network file is taken for another network: $(head "$work/out")"
alone diff "$work/whole/run.h5" "$work/killed/limited.h5" && pass || fail "outputs differ: $(head -n 3 "$work/out")"
ls "$work"/checkpoints/*.ckpt.h5 >/dev/null 2>&1 && fail "finished runs leave checkpoints behind"
finish
