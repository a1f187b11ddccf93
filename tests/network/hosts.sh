# Sourced by tests that need two "hosts": network namespaces with a pair of virtual interfaces as the cable, and mpirun in
# one that starts its daemon in the other, over TCP. No packet leaves them. All of it is gone when the script ends. Needs
# root (or CAP_NET_ADMIN and CAP_SYS_ADMIN), ip, tc and unshare; skips without.
source "$(dirname "${BASH_SOURCE[0]}")/../cli/common.sh"
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
    -x OMP_NUM_THREADS -x SNN_DIST_ISA -x SNN_DIST_RANKS_PER_HOST=1 "$snn_dist" "$@" >"$work/out" 2>"$work/err" </dev/null
}
