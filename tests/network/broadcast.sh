#!/usr/bin/env bash
# No test: how long broadcasts take between HOSTS network namespaces on one bridge, each with a cable of so many Mbit/s:
# broadcast.sh MEASURE_BROADCAST HOSTS RATE BYTES... As root.
set -eu
program=$(readlink -f "$1") hosts=$2 rate=$3 space=snn_$$ agent=$(mktemp)
shift 3
take_down() {
  for ((i = 0; i <= hosts; i++)); do ip netns del "${space}_$i" 2>/dev/null || true; done
  rm -f "$agent"
}
trap take_down EXIT
bridge=${space}_$hosts list=
ip netns add "$bridge"
ip -n "$bridge" link add br0 type bridge
ip -n "$bridge" link set br0 up
for ((i = 0; i < hosts; i++)); do
  ip netns add "${space}_$i"
  ip link add cable netns "${space}_$i" type veth peer name "port$i" netns "$bridge"
  ip -n "$bridge" link set "port$i" master br0
  ip -n "$bridge" link set "port$i" up
  ip -n "${space}_$i" address add 10.213.8.$((i + 1))/24 dev cable
  ip -n "${space}_$i" link set lo up
  ip -n "${space}_$i" link set cable up
  tc -n "${space}_$i" qdisc add dev cable root tbf rate "$rate" burst 64kb latency 200ms
  tc -n "$bridge" qdisc add dev "port$i" root tbf rate "$rate" burst 64kb latency 200ms
  list+=,10.213.8.$((i + 1)):1
done
printf '#!/usr/bin/env bash\nnumber=$((${1##*.} - 1))\nshift\nexec ip netns exec %s_$number unshare --uts bash -c "hostname snn-$number; $*"\n' \
  "$space" >"$agent"
chmod +x "$agent"
ip netns exec "${space}_0" unshare --uts bash -c 'hostname snn-0; exec "$@"' - \
  timeout 300 mpirun --oversubscribe --bind-to none --mca plm_rsh_agent "$agent" --mca plm_rsh_no_tree_spawn 1 \
  --mca btl tcp,self --mca btl_tcp_if_include cable --mca oob_tcp_if_include cable --host "${list#,}" -np "$hosts" \
  "$program" "$@" </dev/null
