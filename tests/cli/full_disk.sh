#!/usr/bin/env bash
# G4 on a full disk: wherever in a file the space runs out, one message, exit code 3, nothing left behind, and no hang.
# The disk is a small tmpfs in a mount namespace of this test; where that is not allowed, the test is skipped.
if [ -z "${snn_dist_own_mounts:-}" ]; then
  unshare --map-root-user --mount mount -t tmpfs tmpfs /mnt 2>/dev/null || exit 77
  snn_dist_own_mounts=1 exec unshare --map-root-user --mount bash "${BASH_SOURCE[0]}" "$@"
fi
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
disk=$work/disk
mkdir "$disk"
mount -t tmpfs -o size=1m tmpfs "$disk" || exit 77
trap 'umount "$disk"; rm -rf "$work"' EXIT
limit=60
config=$root/configs/digits_synchronous.toml

# leave KILOBYTES: that much is free on the disk, and nothing on it but what fills it.
leave() {
  rm -rf "${disk:?}"/*
  head -c $((1024 - $1))k /dev/zero >"$disk/filling"
}

# fills NAME RANKS PATTERN ARGUMENTS...: the disk is too small for this.
fills() {
  local name="$1, $2 ranks" ranks=$2 pattern=$3 code count left
  shift 3
  on_ranks "$ranks" "$@"
  code=$?
  count=$(grep -c '^snn_dist: ' "$work/err")
  left=$(find "$disk" -type f ! -name filling)
  if [ "$code" -ne 3 ]; then
    fail "$name: exit code $code, 3 expected: $(head -n 3 "$work/err")"
  elif [ "$count" -ne 1 ] || ! grep -Eq "^snn_dist: error: $disk/.*$pattern.*: No space left on device; " "$work/err"; then
    fail "$name: one message expected: $(grep '^snn_dist: ' "$work/err")"
  elif [ -n "$left" ]; then
    fail "$name: left behind: $left"
  else
    pass
  fi
}

short=(--quiet --set checkpoint.directory=\"\" --set parallel.replicas=0)

# The rows that all ranks write: 47 kB in all.
for ranks in 1 2 3; do
  leave 24
  fills "rows" "$ranks" "o.h5.part: cannot write" run "$config" "${short[@]}" --set simulation.timesteps=16 \
    --set output.file="$disk/o.h5"
done

# What rank 0 adds to it, and the seal.
short+=(--set simulation.timesteps=3 --set data.images=60)
for free in 0 8 12 16 20 24 32 40; do
  leave "$free"
  fills "output, $free kB" $((1 + free / 4 % 2)) "o.h5.part" run "$config" "${short[@]}" --set output.file="$disk/o.h5"
done
leave 100
on_ranks 2 run "$config" "${short[@]}" --set output.file="$disk/o.h5" && pass || fail "100 kB: $(cat "$work/err")"

for free in 0 4; do
  for ranks in 1 2; do
    leave "$free"
    fills "checkpoint, $free kB" "$ranks" "c/o.*ckpt.h5.part" run "$config" "${short[@]}" \
      --set output.file="$work/o.h5" --set checkpoint.directory="$disk/c" --set checkpoint.every_minutes=0
    [ -e "$work/o.h5" ] && fail "checkpoint, $free kB: an output exists"
  done
done

for free in 0 4 12 40 64; do
  leave "$free"
  fills "network, $free kB" 1 "n.snn.h5" convert "$config" --quiet -o "$disk/n.snn.h5"
done
finish
