#!/usr/bin/env bash
# The cable between two hosts (hosts.sh) is cut: for a while, and the run goes on as if nothing had been; for good, and
# the job ends with a message that names the rank that cannot be reached. SNN_TEST_CUT=10: seconds of the first cut.
source "$(dirname "${BASH_SOURCE[0]}")/hosts.sh"
slow=(run "$root/configs/digits_synchronous.toml" --restart never --progress always --set checkpoint.directory=
  --set data.images=48 --set simulation.timesteps=1000 --set simulation.batch=1 --set simulation.block=50
  --set neuron.schedule=constant --layout 1x2x1)

plug() { ip -n "$first" link set "$cable" "$1" && ip -n "$second" link set "$cable" "$1"; }

# begin ARGUMENTS...: in the background; returns when some images are done.
begin() {
  : >"$work/err"
  on_network none "${slow[@]}" --set output.file="$work/this.h5" "$@" &
  job=$!
  await_images 48 "$job"
}

set_up
limit=60
alone "${slow[@]}" --layout 1x1x1 --set output.file="$work/reference.h5" || fail "one rank: $(tail -n 1 "$work/err")"

begin
plug down
sleep "${SNN_TEST_CUT:-3}"
plug up
wait "$job" && alone diff "$work/reference.h5" "$work/this.h5" && pass ||
  fail "cut and restored: $(grep -v '^evaluation' "$work/err" | tail -n 3) $(head -n 3 "$work/out")"
rm -f "$work/this.h5"

# Both ranks end. Open MPI's launcher does not: it waits for its daemon on the other side, and is ended here.
begin --set comm.patience_minutes=0.05
ranks=$(pgrep -f -- "^$snn_dist .*$work/this.h5")
plug down
for _ in $(seq 300); do
  kill -0 $ranks 2>/dev/null || break
  sleep 0.1
done
kill -0 $ranks 2>/dev/null && fail "cut for good: a rank goes on" || pass
grep -Eq '^snn_dist: error: rank 0: gave up after waiting [3-9] s for rank 1 on snn-second: ' "$work/err" && pass ||
  fail "cut for good: $(grep -v '^evaluation' "$work/err" | tail -n 5)"
kill -9 "$job" $(ip netns pids "$first") $(ip netns pids "$second") 2>/dev/null
wait "$job" 2>/dev/null
[ ! -e "$work/this.h5" ] && pass || fail "cut for good: an output"
finish
