# Sourced by the command-line tests. They get the program's path and work in a folder of their own that is removed.
set -u
snn_dist=$1
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_orte_base_help_aggregate=1
failures=0
passed=0

pass() { passed=$((passed + 1)); }
fail() {
  failures=$((failures + 1))
  printf 'FAILED: %s\n' "$*"
}

# on_ranks N ARGUMENTS...: the program under mpirun, at most two minutes. Output in $work/out and $work/err.
on_ranks() {
  local ranks=$1
  shift
  timeout -k 5 "${limit:-120}" mpirun --oversubscribe -np "$ranks" "$snn_dist" "$@" >"$work/out" 2>"$work/err" </dev/null
}

# alone ARGUMENTS...: the program without mpirun.
alone() { timeout -k 5 "${limit:-120}" "$snn_dist" "$@" >"$work/out" 2>"$work/err" </dev/null; }

# tells_progress NAME UNIT STAGE...: $work/err has objects of --progress json and nothing else, of these stages in this
# order, each from its beginning to its end; the last one's unit.
tells_progress() {
  local name=$1
  shift
  /usr/bin/python3 - "$work/err" "$@" >"$work/told" 2>&1 <<'END' && pass || fail "$name: $(tail -n 1 "$work/told"): $(cat "$work/err")"
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
stages = list(dict.fromkeys(line["stage"] for line in lines))
assert stages == sys.argv[3:], stages
for stage in stages:
    own = [line for line in lines if line["stage"] == stage]
    assert all(set(line) == {"stage", "done", "of", "unit", "seconds", "left"} for line in own)
    assert all(a["done"] < b["done"] and a["seconds"] <= b["seconds"] for a, b in zip(own, own[1:])), own
    assert own[0]["done"] == 0 and own[0]["left"] is None, own
    assert own[-1]["done"] == own[-1]["of"] and own[-1]["left"] == 0, own
assert lines[-1]["unit"] == sys.argv[2], lines[-1]
END
}

# on_a_terminal ARGUMENTS...: what a terminal shows at the end, line by line, in $work/out; a line begins anew at a return.
on_a_terminal() {
  timeout -k 5 "${limit:-120}" /usr/bin/python3 -c 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)' \
    "$snn_dist" "$@" </dev/null >"$work/shown" 2>"$work/err" || return
  sed 's/\r$//; s/.*\r//; s/\x1b\[K//g' "$work/shown" >"$work/out"
  sed 's/\r$//' "$work/shown" | grep -q $'\r' || {
    echo "nothing was rewritten" >"$work/err"
    return 1
  }
}

# The embedded network and its data beside a configuration of them, short enough to be run very often: digits_in FOLDER
# copies the former, and prints the latter.
digits_in() {
  cp "$root"/configs/digits.onnx "$root"/configs/digits_test.h5 "$root"/configs/digits_calib.h5 "$1"
  cat <<END
[model]
onnx = "digits.onnx"
[data]
test = "digits_test.h5"
calibration = "digits_calib.h5"
images = 4
calibration_images = 8
mean = [0.5]
std = [0.5]
[simulation]
timesteps = 2
batch = 2
[output]
file = "out.h5"
[checkpoint]
directory = ""
END
}

# await_images TOTAL PROCESS [NAME]: until some images of a run in the background are done.
await_images() {
  for _ in $(seq 600); do
    grep -Eq "evaluation: [1-9][0-9]* of $1 images" "$work/err" && return
    kill -0 "$2" 2>/dev/null || break
    sleep 0.05
  done
  fail "${3:+$3: }no image was done: $(tail -n 3 "$work/err")"
}

finish() {
  echo "$passed passed, $failures failed"
  [ "$failures" -eq 0 ]
}
