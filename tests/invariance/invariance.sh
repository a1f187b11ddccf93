#!/usr/bin/env bash
# G1 and G2: the output of one rank, one thread, block 1 and batch 1 against every other way of running the same network:
# invariance.sh PROGRAM [STEPS DELAY RATIO], with windows if they are given.
source "$(dirname "${BASH_SOURCE[0]}")/../cli/common.sh"
if [ $# -ge 4 ]; then
  config=$root/configs/digits.toml
  dynamics=(--set neuron.steps="$2" --set neuron.delay="$3" --set neuron.ratio="$4")
else
  config=$root/configs/digits_synchronous.toml
  dynamics=(--set simulation.timesteps=20)
fi
common=(--quiet --restart never --set data.images=40 "${dynamics[@]}" --set checkpoint.directory=\"\")

# same NAME RANKS [ENVIRONMENT=value...] -- OPTIONS...: runs it and compares with the reference output.
same() {
  local name=$1 ranks=$2
  shift 2
  local settings=()
  while [ "$1" != -- ]; do settings+=("$1"); shift; done
  shift
  rm -f "$work/this.h5"
  if ! env "${settings[@]}" timeout -k 5 120 mpirun --oversubscribe -np "$ranks" "$snn_dist" run "$config" "${common[@]}" \
      --set output.file="$work/this.h5" "$@" >"$work/out" 2>&1 </dev/null; then
    fail "$name: the run failed: $(tail -n 3 "$work/out")"
  elif ! "$snn_dist" diff "$work/reference.h5" "$work/this.h5" >"$work/out" 2>&1; then
    fail "$name: $(head -n 3 "$work/out")"
  else
    pass
  fi
}

on_ranks 1 run "$config" "${common[@]}" --set output.file="$work/reference.h5" --set simulation.block=1 \
  --set simulation.batch=1 --set comm.codec=raw --set parallel.replicas=0 || { cat "$work/err"; exit 1; }

for ranks in 1 2 3 4 7 8; do
  same "np $ranks, planner" "$ranks" -- --set parallel.replicas=0
  same "np $ranks, layers and channels only" "$ranks" -- --set parallel.replicas=1
done
# More channel shards than the first layer has channels, more stages than layers, and mixtures.
same "2x1x1" 2 -- --layout 2x1x1
same "1x2x1" 2 -- --layout 1x2x1
same "1x1x3" 3 -- --layout 1x1x3
same "2x2x1" 4 -- --layout 2x2x1
same "1x2x2" 4 -- --layout 1x2x2
same "2x2x2" 8 -- --layout 2x2x2
same "1x7x1" 7 -- --layout 1x7x1
same "1x16x1: stages without layers" 16 -- --layout 1x16x1
same "1x1x20: shards without channels" 20 -- --layout 1x1x20
# As if ranks were on hosts of their own, or a few on each: the same by packets, or by both.
for hosts in 1 2 3; do
  same "$hosts to a host, layers" 4 SNN_DIST_RANKS_PER_HOST=$hosts -- --layout 1x4x1
  same "$hosts to a host, channels" 4 SNN_DIST_RANKS_PER_HOST=$hosts -- --layout 1x1x4
  same "$hosts to a host" 8 SNN_DIST_RANKS_PER_HOST=$hosts -- --layout 2x2x2
done
# Plans from files: the planner's own, and one by hand whose stages have different numbers of shards.
alone plan "$config" "${dynamics[@]}" --ranks 5 -o "$work/plan.toml" || fail "plan -o: $(cat "$work/err")"
same "plan from the planner" 5 -- --plan "$work/plan.toml"
printf '[plan]\nversion = 1\nranks = 8\nreplicas = 2\nstage_begin = [0, 2]\nshards = [3, 1]\n' >"$work/hand.toml"
same "plan by hand, packets" 8 SNN_DIST_RANKS_PER_HOST=1 -- --plan "$work/hand.toml"
same "plan by hand" 8 -- --plan "$work/hand.toml"
for threads in 1 2; do
  same "$threads threads" 1 OMP_NUM_THREADS=$threads --
  same "$threads threads, 1x2x2" 4 OMP_NUM_THREADS=$threads -- --layout 1x2x2
done
for codec in raw zstd xor context auto; do
  same "codec $codec" 4 SNN_DIST_RANKS_PER_HOST=1 -- --layout 1x2x2 --set comm.codec=$codec
done
for block in 1 3 8 20; do
  same "block $block" 4 -- --layout 1x2x2 --set simulation.block=$block
done
for batch in 1 5 16; do
  same "batch $batch" 4 -- --layout 2x2x1 --set simulation.batch=$batch --set simulation.block=3
done
for kernels in $("$snn_dist" --version | sed -n 's/^kernels *//p' | sed 's/[a-z0-9]* (not on this machine)//g'); do
  same "kernels $kernels" 3 SNN_DIST_ISA=$kernels -- --layout 1x1x3
  same "kernels $kernels, layers" 3 SNN_DIST_ISA=$kernels -- --layout 1x3x1
done
finish
