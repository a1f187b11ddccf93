#!/usr/bin/env bash
# What is written from the tables of help and configuration: manual pages, completions, and `config`. Tools to look at
# them with (mandoc, zsh, fish) are used where they are.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$work" || exit 1
for page in snn_dist.1 snn_dist-config.5 bash zsh fish; do
  if alone pages $page && [ -s out ] && [ ! -s err ]; then pass; else fail "pages $page: $(cat err)"; fi
  mv out $page
done

# Pages render without a warning, and no line is lost: every sentence of the help is in them.
for page in snn_dist.1 snn_dist-config.5; do
  if type groff >/dev/null 2>&1; then
    groff -man -Tutf8 -ww -z $page >out 2>&1
    [ -s out ] && fail "groff $page: $(cat out)" || pass
  fi
  if type mandoc >/dev/null 2>&1; then
    mandoc -Tlint -Wwarning $page >out 2>&1 && pass || fail "mandoc $page: $(cat out)"
    mandoc -Tutf8 -O width=400 $page | col -b >$page.txt
  elif type groff >/dev/null 2>&1; then
    groff -man -Tutf8 -rLL=400n $page | sed 's/\x1b\[[0-9;]*m//g' >$page.txt
  fi
done
words() { tr -s ' \n\t' ' ' <"$1" | tr -d '‘’'"'"'`´′“”"' | sed 's/‐\|−/-/g'; }

# Each verb's options are taken by the program, and told by all.
verbs=$("$snn_dist" --help | sed -n 's/^  snn_dist \([a-z]*\) .*/\1/p' | sort -u)
[ "$(wc -w <<<"$verbs")" -ge 12 ] && pass || fail "verbs: $verbs"
for verb in $verbs; do
  "$snn_dist" "$verb" --help >help
  [ -s snn_dist.1.txt ] && { grep -q "^ *$verb" snn_dist.1.txt && pass || fail "$verb is not in snn_dist.1"; }
  for option in $(sed -n 's/^  \(-[a-z-]*\).*/\1/p' help); do
    alone "$verb" "$option" value --no-such-option # so that nothing is run
    grep -q "unknown option '$option'" err && fail "$verb --help names $option, which is refused" || pass
    for shell in bash zsh fish; do
      name=$option
      [ $shell = fish ] && name=${option##*-}
      grep -E "\b$verb\b|^ *'.*\[" $shell | grep -q -- "$name" && pass || fail "$shell: no $verb $option"
    done
    if [ -s snn_dist.1.txt ]; then
      meaning=$(grep -A1 -- "^  $option\b" help | sed 's/^  -[^ ]* [^ ]*  *//; s/^  -[^ ]*  *//' | tail -n 2 | head -n 1 | tail -c 30)
      words snn_dist.1.txt | grep -qF -- "$(words <(printf '%s' "$meaning"))" && pass || fail "page: $verb $option: $meaning"
    fi
  done
done
keys=$("$snn_dist" config | sed -n 's/^#\?\([a-z0-9_]*\) = .*/\1/p')
[ "$(wc -w <<<"$keys")" -ge 47 ] && pass || fail "keys of config: $keys"
for key in $keys; do
  if [ -s snn_dist-config.5.txt ]; then
    grep -q "^ *$key\b" snn_dist-config.5.txt && pass || fail "page: no key $key"
  fi
done

# What errors tell people to give is there: keys, options, verbs, scripts.
/usr/bin/python3 "$root/tests/cli/messages.py" "$snn_dist" >out 2>&1 && pass || fail "texts of errors: $(cat out)"

# The table that people read in the repository has the same keys, defaults and meanings.
"$snn_dist" config >template
/usr/bin/python3 - "$root/configs/README.md" >out 2>&1 <<'PYTHON' && pass || fail "configs/README.md: $(cat out)"
import re, sys
told, comment = [], []
for line in open("template").read().splitlines():
    key = re.fullmatch(r"#?(\w+) = (.*)", line)
    if key:
        told.append((key[1], key[2], " ".join(comment).split(": ", 1)[1]))
    comment = comment + [line[2:]] if line.startswith("# ") else []
rows = re.findall(r"(?m)^\| `(\w+)` \| (?:`(.*?)`)? *\| (.*) \|$", open(sys.argv[1]).read())
assert len(rows) > 40 and [row[0] for row in rows] == [key[0] for key in told], (rows, told)
for (name, default, meaning), (_, value, comment) in zip(rows, told):
    assert default in ("", value) and meaning.startswith(comment), (name, default, value, meaning, comment)
PYTHON

# complete LINE: what bash offers at the end of it, sorted, with the table that bash knows the function by.
touch my.toml other.txt net.snn.h5
mkdir -p folder
complete_in_bash() {
  bash --norc -c '
    source ./bash
    [ "$(complete -p snn_dist)" = "complete -F _snn_dist snn_dist" ] || exit 1
    compopt() { :; } # works within a completion only
    COMP_LINE=$1 COMP_POINT=${#1}
    _snn_dist && printf "%s\n" "${COMPREPLY[@]}" | sort | tr "\n" " "' - "$1" 2>&1
}
offers() {
  local found
  found=$(complete_in_bash "$1")
  [ "$found" = "$2 " ] && pass || fail "'$1' is completed to '$found', expected '$2 '"
}
offers 'snn_dist conv' 'convert'
offers 'snn_dist my.toml --res' '--restart'
offers 'snn_dist run --restart a' 'auto'
offers 'snn_dist run --progress ' 'always auto json never'
offers 'snn_dist run ' 'folder my.toml'
offers 'snn_dist diff ' 'folder net.snn.h5'
offers 'snn_dist export ' 'folder my.toml net.snn.h5'
offers 'snn_dist run my.toml --set neuron.g' 'neuron.gamma='
offers 'snn_dist run my.toml --set neuron.dynamics=' 'signgd subgradient'
offers 'snn_dist run my.toml --set neuron.dynamics=sub' 'subgradient'
offers 'snn_dist run my.toml --progress=ne' 'never'
offers 'snn_dist approx -o ' 'folder'
offers 'snn_dist bench --kernels amx' 'amx'
offers 'snn_dist config --check ' 'folder my.toml'
offers 'snn_dist tune my.toml --latency ' ''

# At a prompt: what is typed, a tab, and what stands there then.
/usr/bin/python3 - >out 2>&1 <<'PYTHON' && pass || fail "at a prompt: $(cat out)"
import os, pty, re, select, time
pid, terminal = pty.fork()
if pid == 0:
    os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], {**os.environ, "PS1": "> ", "TERM": "dumb", "INPUTRC": "/dev/null"})
def answer(text):
    os.write(terminal, text.encode())
    read, end = "", time.monotonic() + 20
    while time.monotonic() < end and not (wanted and wanted in read):
        if select.select([terminal], [], [], 0.1)[0]:
            read += os.read(terminal, 65536).decode(errors="replace")
    return read
wanted = "ready\r\n"
assert wanted in answer("source ./bash; echo rea''dy\n")
for typed, wanted in (("snn_dist conv\t", "snn_dist convert "), ("\x15snn_dist run my.toml --set neuron.dynamics=su\t", "=subgradient ")):
    assert wanted in answer(typed), typed
os.write(terminal, b"\x15exit\n")
PYTHON

if type zsh >/dev/null 2>&1; then
  zsh -n zsh >out 2>&1 && pass || fail "zsh: $(cat out)"
  mkdir -p functions && cp zsh functions/_snn_dist
  zsh -f -c 'fpath=($PWD/functions $fpath); autoload -Uz compinit; compinit -u -d $PWD/dump; print $_comps[snn_dist]' >out 2>&1
  [ "$(cat out)" = _snn_dist ] && pass || fail "zsh does not find it: $(cat out)"
else
  echo "without zsh"
fi
if type fish >/dev/null 2>&1; then
  HOME=$work fish -N -c 'source fish; complete -C "snn_dist conv"; complete -C "snn_dist run my.toml --set neuron.dynamics="
    complete -C "snn_dist run my.toml --restart a"; complete -C "snn_dist config --check m"' >out 2>err
  [ ! -s err ] && [ "$(cut -f 1 out | tr '\n' ' ')" = "convert neuron.dynamics= neuron.dynamics=signgd neuron.dynamics=subgradient auto my.toml " ] &&
    pass || fail "fish: $(cat out err)"
else
  echo "without fish"
fi

# `config`: what it prints is a config file, and is refused as long as the files are not there.
says() {
  local code=$1 message=$2
  shift 2
  alone "$@"
  [ $? -eq "$code" ] && grep -qF -- "$message" out err && pass || fail "$*: $(cat out err)"
}
"$snn_dist" config >my.toml
says 2 "my.toml: model.onnx: cannot read model.onnx: No such file" config --check my.toml
cp "$root/configs/digits.onnx" model.onnx
cp "$root/configs/digits_calib.h5" calibration.h5
says 2 "my.toml: data.test: cannot read test.h5: No such file" config --check my.toml
cp "$root/configs/digits_test.h5" test.h5
says 0 "# my.toml can be run" config --check my.toml
says 0 "codec = \"zstd\"" config my.toml --check --set comm.codec=zstd
alone config --quiet --check my.toml && [ ! -s out ] && pass || fail "config --quiet: $(cat out err)"
says 2 "did you mean 'gamma'" config --check my.toml --set neuron.gama=1
says 2 "my.toml: parallel.machine: cannot read none.toml" config --check my.toml --set parallel.machine=none.toml
says 2 "no config file given (see snn_dist config --help)" config --check
says 2 "--check FILE expected, or nothing" config my.toml
says 2 "one of snn_dist.1, snn_dist-config.5, bash, zsh and fish expected" pages
for command in config 'pages snn_dist.1'; do
  # shellcheck disable=SC2086
  "$snn_dist" $command >/dev/full 2>err
  [ $? -eq 3 ] && grep -q 'cannot write to stdout' err && pass || fail "$command on a full disk: $(cat err)"
done
alone run my.toml --quiet --set data.images=20 --set simulation.timesteps=4 --set output.file=out.h5 && [ -s out.h5 ] && pass ||
  fail "run of the template: $(cat err)"
grep -q "^version: $("$snn_dist" --version | sed -n 's/^snn_dist //p')\$" "$root/CITATION.cff" && pass || fail "CITATION.cff: another version"
grep -q "date-released: $(sed -n '1s/.* 5 \([0-9-]*\) .*/\1/p' snn_dist-config.5)\$" "$root/CITATION.cff" && pass || fail "CITATION.cff: another date"
finish
