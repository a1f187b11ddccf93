#!/usr/bin/env bash
# jobs/slurm under a Slurm of its own: an evaluation that meets its time limit, and one that is pre-empted, put themselves
# back into the queue and end with the results of an undisturbed run; a study leaves its table and plots.
source "$(dirname "${BASH_SOURCE[0]}")/../cli/common.sh"
source "$(dirname "${BASH_SOURCE[0]}")/slurm_cluster.sh"
trap 'slurm_stop; rm -rf "$work"' EXIT
cd "$work" || exit 1
slurm_start >start.txt 2>&1
started=$?
if [ $started -ne 0 ]; then
  echo "skipped: $(cat start.txt)"
  exit 77
fi
export SNN_DIST=$snn_dist PYTHON=/usr/bin/python3
short=(--quiet --set neuron.gamma=0.999 --set simulation.batch=4 --set parallel.replicas=0)

# submit NAME SBATCH-OPTIONS...: an evaluation into NAME.h5; prints the job's number.
submit() {
  local name=$1
  shift
  sbatch --parsable --ntasks=2 --output="$name.log" "$@" "$root/jobs/slurm/evaluate.sbatch" "$root/configs/digits_synchronous.toml" \
    "${short[@]}" --set output.file="$work/$name.h5" --set checkpoint.directory="$work/$name"
}

# finished NAME JOB: waits until the job is at its end, and checks it. Slurm lets two minutes pass before a job that was
# queued again starts; here that is as many seconds as slurmd needs, which refuses a job in the second of its own end.
finished() {
  local stopped
  for _ in $(seq 480); do
    grep -qs 'exit code [^4]' "$1.log" && break
    stopped=$(stat -c %Y "$1.log" 2>/dev/null)
    if grep -qs 'exit code 4' "$1.log" && [ $(($(date +%s) - stopped)) -ge 2 ]; then
      scontrol update JobId="$2" StartTime=now >/dev/null 2>&1
    fi
    sleep 0.5
  done
  if alone diff reference.h5 "$1.h5"; then pass; else fail "$1: $(cat err out "$1.log")"; fi
  if [ "$(grep -c 'exit code 4' "$1.log")" -ge 1 ] && grep -q ', start 2,' "$1.log"; then
    pass
  else
    fail "$1 was never stopped: $(cat "$1.log")"
  fi
}

# As many timesteps as take some ten seconds here, so that there is something to stop on any machine. A run takes a second or
# two whatever its timesteps, so the difference of two says what they take; the faster of two trials counts, since other
# processes may have held one up.
trial() {
  local best=1000000 began took
  for _ in 1 2; do
    began=$(date +%s%N)
    on_ranks 2 run "$root/configs/digits_synchronous.toml" "${short[@]}" --restart never --set checkpoint.directory= \
      --set output.file="$work/reference.h5" --set simulation.timesteps="$1" || fail "trial: $(cat err)"
    took=$((($(date +%s%N) - began) / 1000000))
    [ $took -ge $best ] || best=$took
  done
  echo $best
}
few=$(trial 400)
many=$(trial 4400)
milliseconds=$((many > few ? many - few : 1))
timesteps=$((4000 * 10000 / milliseconds))
short+=(--set simulation.timesteps=$timesteps)
on_ranks 2 run "$root/configs/digits_synchronous.toml" "${short[@]}" --restart never --set checkpoint.directory= \
  --set output.file="$work/reference.h5" || fail "reference: $(cat err)"

limited=$(SNN_DIST_MARGIN=54 submit limited --time=1)
finished limited "$limited"

# Pre-empted as soon as it runs for good, by a job that wants all processors.
preempted=$(submit preempted --time=30)
for _ in $(seq 100); do grep -q 'start 1,' preempted.log 2>/dev/null && break; sleep 0.2; done
sleep 2
sbatch --parsable --partition=high --ntasks=4 --time=1 --output=high.log --wrap 'sleep 1' >/dev/null
finished preempted "$preempted"

(cd "$root" && sbatch --wait --ntasks=2 --output="$work/study.log" jobs/slurm/study.sbatch strong configs/digits_synchronous.toml \
  -o "$work/study" --set data.images=20 --set simulation.timesteps=8 >/dev/null)
pictures=()
/usr/bin/python3 -c 'import matplotlib' 2>/dev/null && pictures=(study/{speed_up,efficiency,bytes,memory,timers_digits_synchronous}.svg)
if [ "$(grep -c ^digits study/study.csv)" -eq 2 ] && grep -q '^digits_synchronous,2,.*yes' study/study.csv &&
  /usr/bin/python3 -c 'import sys, xml.dom.minidom as xml; [xml.parse(name) for name in sys.argv[1:]]' "${pictures[@]}"; then
  pass
else
  fail "study: $(cat study.log)"
fi
[ "$failures" -eq 0 ] || tail -n 100 slurm/slurmctld.log slurm/slurmd.log
finish
