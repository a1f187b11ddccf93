#!/usr/bin/env bash
# Ranks that stop: the others wait for them, and go on as if nothing had been; but not for ever. Whoever does not come is
# named, and the job ends with exit code 70. SNN_TEST_STOP=30: seconds for which those stop that go on.
source "$(dirname "${BASH_SOURCE[0]}")/../cli/common.sh"
limit=60
slow=(run "$root/configs/digits_synchronous.toml" --restart never --progress always --set checkpoint.directory=
  --set data.images=64 --set simulation.timesteps=2000 --set simulation.batch=1 --set simulation.block=50
  --set neuron.schedule=constant)

# begin LAYOUT ARGUMENTS...: on four ranks in the background; returns when some images are done.
begin() {
  local layout=$1
  shift
  : >"$work/err"
  timeout -k 5 "$limit" mpirun --oversubscribe -np 4 "$snn_dist" "${slow[@]}" --layout "$layout" \
    --set output.file="$work/this.h5" "$@" >"$work/out" 2>"$work/err" </dev/null &
  job=$!
  await_images 64 "$job" "$layout"
}

# pids RANK...: their processes.
pids() {
  local rank pid launcher
  launcher=$(pgrep -P "$job" -x mpirun) || return
  for rank in "$@"; do
    for pid in $(pgrep -P "$launcher"); do
      if tr '\0' '\n' <"/proc/$pid/environ" | grep -qx "OMPI_COMM_WORLD_RANK=$rank"; then echo "$pid"; fi
    done
  done
}

on_ranks 4 "${slow[@]}" --set output.file="$work/reference.h5" --quiet || fail "undisturbed: $(tail -n 3 "$work/err")"
host=$(hostname)

# gives_up LAYOUT RANK: replicas only agree now and then, stages and channels wait for what others send or share. Others
# than rank 0 wait for a quarter of the patience longer: 1.5 s, because a launcher that ends a job kills ranks a second
# after it has asked them to end.
gives_up() {
  local code
  begin "$1" --set comm.patience_minutes=0.1
  kill -STOP $(pids "$2") || kill "$job"
  wait "$job"
  code=$?
  if [ "$code" -eq 70 ] && [ "$(grep -c '^snn_dist: error: ' "$work/err")" -eq 1 ] &&
    grep -Eq "^snn_dist: error: rank [0-3]: gave up after waiting ([6-9]|1[0-9]) s for rank $2 on $host: " "$work/err"; then
    pass
  else
    fail "$1, rank $2 stopped: exit code $code: $(grep -v '^evaluation' "$work/err")"
  fi
  [ ! -e "$work/this.h5" ] && pass || fail "$1, rank $2 stopped: an output"
}

# goes_on NAME PATIENCE RANK...: these stop for longer than the patience is.
goes_on() {
  local name=$1 patience=$2 stopped
  shift 2
  begin 2x2x1 --set comm.patience_minutes="$patience"
  stopped=$(pids "$@")
  kill -STOP $stopped || kill "$job"
  sleep "${SNN_TEST_STOP:-2.5}"
  kill -CONT $stopped
  wait "$job" && alone diff "$work/reference.h5" "$work/this.h5" && pass ||
    fail "$name: $(tail -n 3 "$work/err") $(head -n 3 "$work/out")"
  rm -f "$work/this.h5"
}

gives_up 4x1x1 2
gives_up 1x4x1 2
gives_up 2x1x2 0
SNN_DIST_RANKS_PER_HOST=1 gives_up 1x2x2 3
goes_on "one rank stopped and continued" 30 1
goes_on "all ranks suspended" 0.03 0 1 2 3
finish
