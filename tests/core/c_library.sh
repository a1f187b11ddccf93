#!/usr/bin/env bash
# c_library.sh NM LIBM LIBRARY...: of the C library's mathematics core calls nothing but functions whose results IEEE 754
# or their definition leaves no choice in; exp, tanh, log and the like differ from library to library, and so would
# scales and hashes.
set -euo pipefail

nm=$1 libm=$2
shift 2
[ -e "$libm" ] || { echo "skipped: no shared libm to read names from"; exit 77; }
exact='sqrt|floor|ceil|trunc|rint|nearbyint|l?lrint|ldexp|frexp|fmod|fmin|fmax|fabs|copysign'

offered=$("$nm" -D --defined-only "$libm" | awk '{ sub(/@.*/, "", $NF); print $NF }' | sort -u)
called=$("$nm" -u "$@" | awk '/^ +U / { print $2 }' | sort -u)
used=$(comm -12 <(echo "$offered") <(echo "$called"))
echo "core calls:" $used
grep -qx expf <<<"$offered" && grep -qx sqrtf <<<"$used" || { echo "expected expf in $libm and sqrtf in core"; exit 1; }
inexact=$(grep -vxE "($exact)f?" <<<"$used" || true)
[ -z "$inexact" ] || {
  echo "these are not exact:" $inexact
  "$nm" -Au "$@" | grep -wE "$(paste -sd'|' <<<"$inexact")"
  exit 1
}
