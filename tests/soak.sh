#!/usr/bin/env bash
# Killed at random moments, again and again: soak.sh PROGRAM [--minutes M | --kills N] [--seed S].
#
# Conversions, tunings and runs, each on random numbers of ranks, layouts, codecs, blocks, groups of images, threads, and
# instruction sets that differ from rank to rank. A rank, some or all of the job's processes are ended by kill -9 at a
# random moment; then whatever file has the name of a finished one must verify. The same command goes on, on other ranks,
# until nobody kills it, and its output must be that of a job that nothing happened to. Prints what was done; the seed
# repeats the choices (not the moments).
#
# Memory must not grow: neither what the finished jobs of the second half took at most, on average, beyond those of the
# first (files left somewhere would show), nor, with --minutes, that of a run on two ranks that goes on all the while.
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
declare -A peak_sum peak_count # of KIND,HALF: kilobytes, of the largest process of each finished job

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
  /usr/bin/time -o "$work/peak" -f %M timeout -k 5 "$limit" mpirun --oversubscribe "${job[@]:1}" \
    >"$work/out" 2>"$work/err" </dev/null &
  launcher=$! begun=$EPOCHREALTIME
}

# finish_undisturbed KIND: waits for a job that began from nothing; what it takes depends on who else is busy here.
finish_undisturbed() {
  wait $launcher || return
  longest[$1]=$(awk -v a="$begun" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }')
}

# strike KIND: kill -9 after a random part of what such a job takes; false if it was over before.
strike() {
  local pids target victim part
  part=$(awk -v longest="${longest[$1]}" -v part=$((RANDOM % 1000)) 'BEGIN { print longest * part / 1000 + 0.001 }')
  timeout "$part" tail -s 0.05 --pid="$launcher" -f /dev/null # or until it is over
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

# start_long: a run that does not end within the soak, group after group, with checkpoints.
start_long() {
  mkdir "$work/long"
  /usr/bin/python3 - "$root/configs/digits_test.h5" "$work/many.h5" <<'END' || fail "no data set of many images"
import sys, h5py, numpy
few, many = h5py.File(sys.argv[1]), h5py.File(sys.argv[2], "w")
for name in few:
    values = numpy.concatenate([few[name][()]] * 4000)
    many.create_dataset(name, data=values, chunks=(4096,) + values.shape[1:], compression=1)
END
  mpirun --oversubscribe -np 2 "$snn_dist" run "$root/configs/digits.toml" --quiet --layout 1x2x1 \
    --set data.test="$work/many.h5" --set neuron.steps=60 --set neuron.delay=1 --set neuron.ratio=0.9 \
    --set simulation.batch=1 --set output.file="$work/long/out.h5" --set checkpoint.directory="$work/long" \
    --set checkpoint.every_minutes=0.1 >"$work/long.out" 2>"$work/long.err" </dev/null &
  long=$!
  trap 'kill $long 2>/dev/null; wait $long 2>/dev/null; rm -rf "$work"' EXIT
}

# sample HALF: the most memory that the long run's processes had together so far in this half; kilobytes.
sample() {
  local process size sum=0
  for process in $(pgrep -f -- "^$snn_dist .*$work/long/"); do
    size=$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$process/status")
    sum=$((sum + ${size:-0}))
  done
  [ $sum -le "${long_peak[$1]}" ] || long_peak[$1]=$sum
}

# compare WHAT FIRST SECOND: kilobytes; not more than a twentieth, and a megabyte, beyond what was.
compare() {
  printf 'memory, %-8s first half %7d kB, second half %7d kB\n' "$1" "$2" "$3"
  [ "$2" -gt 0 ] && [ "$3" -gt 0 ] || fail "seed $seed, $1: memory was not measured"
  [ "$3" -le $(($2 + $2 / 20 + 1024)) ] || fail "seed $seed, $1: memory grew from $2 to $3 kB"
}

for kind in convert tune run windows; do
  folder=$work/$kind.reference
  mkdir "$folder"
  start $kind "$folder"
  finish_undisturbed $kind || fail "$kind, undisturbed: $(tail -n 3 "$work/err")"
  killed[$kind]=0 finished[$kind]=0
done

all_kills() { echo $((killed[convert] + killed[tune] + killed[run] + killed[windows])); }
begin=$SECONDS end=$((SECONDS + minutes * 60)) long='' long_peak=(0 0)
if [ "$minutes" -gt 0 ]; then
  start_long
fi
while [ $SECONDS -lt $end ] || [ "$(all_kills)" -lt "$kills" ]; do
  pick kind convert tune run run windows windows
  folder=$(mktemp -d "$work/$kind.XXXX")
  for ((strikes = RANDOM % 4, left = strikes; left >= 0; left--)); do
    start $kind "$folder"
    [ $left -eq 0 ] || { strike $kind && killed[$kind]=$((killed[$kind] + 1)); }
    if [ "$strikes" -eq 0 ]; then
      finish_undisturbed $kind
    else
      wait $launcher 2>/dev/null
    fi
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
  half=$((SECONDS - begin > minutes * 30))
  peak_sum[$kind,$half]=$((${peak_sum[$kind,$half]:-0} + $(tail -n 1 "$work/peak")))
  peak_count[$kind,$half]=$((${peak_count[$kind,$half]:-0} + 1))
  [ -z "$long" ] || sample $half
  rm -rf "$folder"
done
for kind in convert tune run windows; do
  printf '%-8s killed %4d times, finished %4d times\n' $kind ${killed[$kind]} ${finished[$kind]}
done
if [ -n "$long" ]; then
  kill -0 $long 2>/dev/null || wait $long || fail "the long run ended: $(tail -n 3 "$work/long.err")"
  kill $long 2>/dev/null
  wait $long 2>/dev/null
  compare long "${long_peak[0]}" "${long_peak[1]}"
  for kind in convert tune run windows; do
    # Choices differ from job to job; with few of them, averages do, too.
    [ "${peak_count[$kind,0]:-0}" -lt 20 ] || [ "${peak_count[$kind,1]:-0}" -lt 20 ] ||
      compare $kind $((peak_sum[$kind,0] / peak_count[$kind,0])) $((peak_sum[$kind,1] / peak_count[$kind,1]))
  done
fi
finish
