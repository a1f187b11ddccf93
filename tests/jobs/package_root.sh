#!/usr/bin/env bash
# The Debian package in a clean root of its own (mmdebstrap; root and a Debian archive are needed): installed with what
# it depends on and nothing else of ours, used as a user would who has no rights, removed without a trace.
#
#     package_root.sh PROGRAM CPACK_CONFIG
source "$(dirname "${BASH_SOURCE[0]}")/../cli/common.sh"
skip() {
  echo "skipped: $*"
  exit 77
}
[ "$(id -u)" -eq 0 ] || skip "only root can make a clean root"
type mmdebstrap >/dev/null 2>&1 || skip "no mmdebstrap"
. /etc/os-release
[ -n "${VERSION_CODENAME:-}" ] || skip "this is no release of Debian"
cd "$work" || exit 1
cpack --config "$2" -B "$work/package" >out 2>&1 || { cat out; exit 1; }
deb=$(echo "$work"/package/*.deb)

cat >check.sh <<'END_OF_CHECK'
set -eu
as_nobody() { setpriv --reuid nobody --regid nogroup --clear-groups env HOME=/tmp "$@"; }
cd /tmp
as_nobody /usr/share/snn_dist/jobs/smoke.sh
test "$(as_nobody man -w snn_dist)" = /usr/share/man/man1/snn_dist.1.gz
as_nobody man snn_dist | grep -q 'mpirun -np 4 snn_dist configs/digits.toml'
as_nobody man snn_dist-config | grep -q 'calibration_quantile = 1.0'
as_nobody bash -c '. /usr/share/bash-completion/bash_completion; _completion_loader snn_dist || [ $? -eq 124 ]
  complete -p snn_dist' | grep -qx 'complete -F _snn_dist snn_dist'
cp -r "$(dirname "$(command -v snn_dist)")/../share/snn_dist/configs" . # as the manual page says
chown -R nobody configs
as_nobody env OMP_NUM_THREADS=1 mpirun --oversubscribe -np 4 snn_dist configs/digits.toml | grep -E '^ *48 +99.33 %'
rm -r configs
dpkg --purge snn-dist
if find /bin /etc /lib /opt /usr /var -xdev -name '*snn[_-]dist*' | grep .; then
  echo "left behind after removal" >&2
  exit 1
fi
echo "clean root: all passed"
END_OF_CHECK

begun=$SECONDS
timeout 600 mmdebstrap --variant=essential --dpkgopt=force-unsafe-io --hook-dir=/usr/share/mmdebstrap/hooks/file-mirror-automount \
  --include="$deb" --include=man-db,bash-completion --customize-hook='cp check.sh "$1/check.sh"' \
  --customize-hook='chroot "$1" bash /check.sh' --format=null "$VERSION_CODENAME" >log 2>&1
code=$?
echo "$((SECONDS - begun)) seconds"
if grep -q 'clean root: all passed' log && [ $code -eq 0 ]; then
  pass
elif grep -qiE 'temporary failure|could not resolve|unable to fetch|failed to fetch|could not connect' log; then
  skip "no Debian archive can be reached"
else
  fail "in the clean root: $(tail -n 40 log)"
fi
finish
