#!/usr/bin/env bash
# Ranks on "hosts" of their own, joined by a network of known speed: namespaces.sh PROGRAM [MODEL]. Two network
# namespaces are the hosts, a pair of virtual interfaces the cable, a token bucket at both ends its speed; mpirun runs in
# one and starts its daemon in the other, over TCP. No packet leaves them. All of it is gone when the script ends.
#
# Checked at 100 Mbit/s, 1 Gbit/s, and in one namespace (loopback; "none" is no limit): every codec gives the output of one
# rank, and with "auto" edges compress where the link is slow. Times are printed, not checked: they belong to the
# machine. SNN_TEST_REPEATS=5 repeats the runs, codecs in turn, and prints the fastest of each; SNN_TEST_RATES and
# SNN_TEST_LAYOUTS choose among rates and layouts. Needs root (or CAP_NET_ADMIN and CAP_SYS_ADMIN), ip and tc.
source "$(dirname "${BASH_SOURCE[0]}")/../cli/common.sh"
model=${2:-}
repeats=${SNN_TEST_REPEATS:-1}
rates=${SNN_TEST_RATES:-"100mbit 1gbit loopback"}
layouts=${SNN_TEST_LAYOUTS:-"1x1x2 1x2x1"}
first=snn_$$_first
second=snn_$$_second
cable=snn$$

skip() {
  echo "skipped: $*"
  exit 77
}

take_down() {
  ip netns del "$first" 2>/dev/null
  ip netns del "$second" 2>/dev/null
  rm -rf "$work"
}

set_up() {
  for tool in ip tc unshare; do
    command -v $tool >/dev/null || skip "no $tool (Debian: apt-get install iproute2 util-linux)"
  done
  trap take_down EXIT
  ip netns add "$first" 2>"$work/err" || skip "network namespaces are not permitted here: $(tail -n 1 "$work/err")"
  ip netns add "$second" 2>"$work/err" && ip netns exec "$second" unshare --uts true 2>"$work/err" &&
    ip link add "$cable" netns "$first" type veth peer name "$cable" netns "$second" 2>"$work/err" ||
    skip "virtual interfaces are not permitted here: $(tail -n 1 "$work/err")"
  ip -n "$first" address add 10.213.7.1/24 dev "$cable"
  ip -n "$second" address add 10.213.7.2/24 dev "$cable"
  for space in "$first" "$second"; do
    ip -n "$space" link set lo up
    ip -n "$space" link set "$cable" up
  done
  # What mpirun calls instead of ssh: AGENT HOST COMMAND...
  printf '#!/usr/bin/env bash\nshift\nexec ip netns exec %s unshare --uts bash -c "hostname snn-second; $*"\n' \
    "$second" >"$work/agent"
  chmod +x "$work/agent"
}

# set_rate RATE: of the cable, both ways; "none": no limit.
set_rate() {
  for space in "$first" "$second"; do
    tc -n "$space" qdisc del dev "$cable" root 2>/dev/null
    [ "$1" = none ] || [ "$1" = loopback ] ||
      tc -n "$space" qdisc add dev "$cable" root tbf rate "$1" burst 64kb latency 100ms || return 1
  done
}

# on_network RATE ARGUMENTS...: two ranks, one in each namespace; at "loopback" both in the first, still over TCP.
# Not bound: both hosts would begin with the same core.
on_network() {
  local rate=$1 hosts=10.213.7.1:1,10.213.7.2:1 interface=$cable
  shift
  [ "$rate" != loopback ] || { hosts=localhost:2; interface=lo; }
  ip netns exec "$first" unshare --uts bash -c 'hostname snn-first; exec "$@"' - \
    timeout -k 5 "${limit:-120}" mpirun --oversubscribe --bind-to none --mca plm_rsh_agent "$work/agent" --mca btl tcp,self \
    --mca btl_tcp_if_include "$interface" --mca oob_tcp_if_include "$interface" --host "$hosts" -np 2 \
    -x OMP_NUM_THREADS -x SNN_DIST_ISA "$snn_dist" "$@" >"$work/out" 2>"$work/err" </dev/null
}

# Seconds that the evaluation took, of the output file.
seconds_of() {
  /usr/bin/python3 -c 'import sys, h5py; print("%.3f" % h5py.File(sys.argv[1])["timers/evaluation"][()])' "$1"
}

# compare RATE LAYOUT: every codec gives the reference; prints the fastest seconds of each.
compare() {
  local rate=$1 layout=$2 codec round now
  declare -A best
  for ((round = 0; round < repeats; round++)); do
    for codec in raw xor context auto; do
      rm -f "$work/this.h5"
      if ! on_network "$rate" run "$config" "${common[@]}" --layout "$layout" --set comm.codec=$codec \
        --set output.file="$work/this.h5"; then
        fail "$layout at $rate, $codec: $(tail -n 3 "$work/err")"
        continue
      fi
      cp "$work/out" "$work/out.$codec"
      alone diff "$work/reference.h5" "$work/this.h5" && pass ||
        fail "$layout at $rate, $codec: $(head -n 3 "$work/out")"
      now=$(seconds_of "$work/this.h5")
      best[$codec]=$(printf '%s\n' "${best[$codec]:-$now}" "$now" | sort -n | head -n 1)
    done
  done
  printf '%-8s  %-8s  raw %8s   xor %8s   context %8s   auto %8s s   %s\n' "$layout" "$rate" "${best[raw]:-}" \
    "${best[xor]:-}" "${best[context]:-}" "${best[auto]:-}" \
    "$(sed -n 's/^  spikes between [a-z]*  *\([a-z]*\) .*/\1/p' "$work/out.auto" | sort | uniq -c | tr -s ' \n' ' ')"
}

set_up
common=(--restart never --progress never)
if [ -n "$model" ]; then
  source "$(dirname "${BASH_SOURCE[0]}")/../models/config.sh"
  trap take_down EXIT
  alone convert "$work/model.toml" -o "$work/model.snn.h5" || fail "$model: $(tail -n 1 "$work/err")"
  sed -i "s|^onnx = .*|network = \"$work/model.snn.h5\"|; /^calibration = /d" "$work/model.toml"
  config=$work/model.toml
  common+=(--set data.images=${SNN_TEST_IMAGES:-96} --set simulation.timesteps=32 --set simulation.block=8)
else
  config=$root/configs/digits_synchronous.toml
  common+=(--set data.images=64 --set simulation.timesteps=32 --set checkpoint.directory=\"\")
fi
alone run "$config" "${common[@]}" --set output.file="$work/reference.h5" || fail "one rank: $(tail -n 1 "$work/err")"
for rate in $rates; do
  set_rate "$rate" || { fail "tc cannot set $rate"; continue; }
  for layout in $layouts; do
    compare "$rate" "$layout"
    grep -Eq '^  sent +[0-9.]+ [kMG]?B in [1-9][0-9]* packets' "$work/out.auto" && pass ||
      fail "$layout at $rate: no packets: $(grep '^  sent' "$work/out.auto")"
    # A byte takes 80 ns here, a coder some 5: no measurement on any machine comes to another conclusion.
    [ "$rate" != 100mbit ] || grep -Eq '^  spikes between [a-z]+ +(xor|context|zstd) ' "$work/out.auto" && pass ||
      fail "$layout at $rate: auto does not compress: $(grep '^  spikes' "$work/out.auto")"
  done
done
finish
