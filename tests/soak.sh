#!/usr/bin/env bash
# Killed at random moments, again and again: soak.sh PROGRAM [--minutes M | --kills N] [--seed S].
#
# Conversions, tunings and runs, each on random numbers of ranks, layouts, codecs, blocks, groups of images, threads, and
# instruction sets that differ from rank to rank. A rank, some or all of the job's processes are ended by kill -9 at a
# random moment; then whatever file has the name of a finished one must verify. The same command goes on, on other ranks,
# until nobody kills it, and its output must be that of a job that nothing happened to. Prints what was done; the seed
# repeats the choices (not the moments).
program=$1
shift
source "$(dirname "${BASH_SOURCE[0]}")/cli/common.sh"
snn_dist=$(realpath "$program")
minutes=0 kills=0 seed=$RANDOM
while [ $# -ge 2 ]; do
  case $1 in
    --minutes) minutes=$2 ;;
    --kills) kills=$2 ;;
    --seed) seed=$2 ;;
    *) echo "unknown: $1" && exit 2 ;;
  esac
  shift 2
done
RANDOM=$seed
limit=900
read -ra isas <<<"$("$snn_dist" --version | sed -n 's/^kernels *//p' | sed 's/[a-z0-9]* (not[^)]*)//g')"
declare -A killed finished longest

# pick NAME CHOICES...: one of them, at random, into a variable (a command substitution would not go by the seed).
pick() {
  printf -v "$1" '%s' "${@:2 + RANDOM % ($# - 1):1}"
}

# start KIND FOLDER: one job in the background, each of its ranks with an instruction set of its own.
start() {
  local kind=$1 folder=$2 ranks layout codec batch block isa threads rank command=() job=()
  pick ranks 1 2 3 4
  pick layout "${ranks}x1x1" "1x${ranks}x1" "1x1x${ranks}"
  [ "$ranks" -lt 4 ] || pick layout "$layout" 2x2x1 2x1x2 1x2x2
  pick codec raw zstd xor context auto
  pick batch 1 3 8 16
  pick block 0 1 5 32
  case $kind in
    convert) command=(convert "$root/configs/digits.toml" --quiet -o "$folder/net.h5") ;;
    tune) command=(tune "$root/configs/digits.toml" --quiet --set checkpoint.directory="$folder/checkpoints"
      --set data.calibration_images=96 -o "$folder/tuned.toml") ;;
    run) command=(run "$root/configs/digits_synchronous.toml" --set simulation.timesteps=96 --set data.images=300) ;;
    windows) command=(run "$root/configs/digits.toml" --set neuron.steps=24 --set neuron.ratio=0.8) ;;
  esac
  case $kind in
    run | windows) command+=(--quiet --layout "$layout" --set output.file="$folder/out.h5"
      --set checkpoint.directory="$folder/checkpoints" --set checkpoint.every_minutes=0
      --set comm.codec="$codec" --set simulation.batch="$batch" --set simulation.block="$block") ;;
  esac
  for ((rank = 0; rank < ranks; rank++)); do
    pick isa "${isas[@]}"
    pick threads 1 1 2
    job+=(: -np 1 -x SNN_DIST_ISA="$isa" -x OMP_NUM_THREADS="$threads" "$snn_dist" "${command[@]}")
  done
  timeout -k 5 "$limit" mpirun --oversubscribe "${job[@]:1}" >"$work/out" 2>"$work/err" </dev/null &
  launcher=$!
}

# strike KIND: kill -9 after a random part of what such a job takes; false if it was over before.
strike() {
  local pids target victim
  sleep "$(awk -v longest="${longest[$1]}" -v part=$((RANDOM % 1000)) 'BEGIN { print longest * part / 1000 }')"
  mapfile -t pids < <(pgrep -f -- "^$snn_dist .*$folder/")
  [ ${#pids[@]} -gt 0 ] || return 1
  pick target one some all
  pick victim "${pids[@]}"
  case $target in
    one) kill -9 "$victim" ;;
    some) kill -9 "${pids[@]:0:(${#pids[@]} + 1) / 2}" ;;
    all) kill -9 "${pids[@]}" ;;
  esac 2>/dev/null
}

# same KIND: what the job wrote is what it writes undisturbed.
same() {
  case $1 in
    convert) cmp "$work/convert.reference/net.h5" "$folder/net.h5" ;;
    tune) diff "$work/tune.reference/tuned.toml" <(sed "s|$folder/|$work/tune.reference/|" "$folder/tuned.toml") ;;
    *) "$snn_dist" diff "$work/$1.reference/out.h5" "$folder/out.h5" ;;
  esac >"$work/difference" 2>&1
}

for kind in convert tune run windows; do
  folder=$work/$kind.reference
  mkdir "$folder"
  begun=$EPOCHREALTIME
  start $kind "$folder"
  wait $launcher || fail "$kind, undisturbed: $(tail -n 3 "$work/err")"
  longest[$kind]=$(awk -v a="$begun" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }')
  killed[$kind]=0 finished[$kind]=0
done

all_kills() { echo $((killed[convert] + killed[tune] + killed[run] + killed[windows])); }
end=$((SECONDS + minutes * 60))
while [ $SECONDS -lt $end ] || [ "$(all_kills)" -lt "$kills" ]; do
  pick kind convert tune run run windows windows
  folder=$(mktemp -d "$work/$kind.XXXX")
  for ((left = RANDOM % 4; left >= 0; left--)); do
    start $kind "$folder"
    [ $left -eq 0 ] || { strike $kind && killed[$kind]=$((killed[$kind] + 1)); }
    wait $launcher 2>/dev/null
    code=$?
    for file in "$folder"/*.h5 "$folder"/checkpoints/*.h5; do
      [ ! -e "$file" ] || "$snn_dist" verify "$file" >/dev/null 2>"$work/verify" || fail "seed $seed: $(cat "$work/verify")"
    done
    [ $code -ne 0 ] || break
  done
  if [ $code -ne 0 ]; then
    fail "seed $seed, $kind: exit code $code undisturbed: $(grep '^snn_dist' "$work/err")"
  elif same $kind; then
    pass
  else
    fail "seed $seed, $kind: another output: $(head -n 3 "$work/difference")"
  fi
  finished[$kind]=$((finished[$kind] + 1))
  rm -rf "$folder"
done
for kind in convert tune run windows; do
  printf '%-8s killed %4d times, finished %4d times\n' $kind ${killed[$kind]} ${finished[$kind]}
done
finish
