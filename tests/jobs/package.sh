#!/usr/bin/env bash
# What `cmake --install` and the Debian package put where, used from there: nothing of the source tree is needed.
#
#     package.sh PROGRAM CPACK_CONFIG
source "$(dirname "${BASH_SOURCE[0]}")/../cli/common.sh"
build=$(dirname "$2")
cd "$work" || exit 1

# apart COMMAND...: as where there is no source tree, and nothing of the environment points at one.
apart() { env -i PATH=/usr/bin:/bin HOME="$work" LC_ALL=C.UTF-8 "$@" >"$work/out" 2>&1 </dev/null; }

# ---- any prefix ----
DESTDIR=$work/stage cmake --install "$build" --prefix /opt/snn >out 2>&1 && pass || fail "install: $(cat out)"
mv stage/opt/snn moved # it may be moved
if grep -rlF -e "$root" -e "$work/stage" moved >out; then fail "the copy names the source tree: $(cat out)"; else pass; fi
apart moved/share/snn_dist/jobs/smoke.sh && grep -qx "snn_dist works: $work/moved/.*" out && pass || fail "smoke: $(cat out)"
(cd "$root" && PATH=$root/build/release:$PATH env -u SNN_DIST python3 -c "
import sys
sys.path.insert(0, '$work/moved/share/snn_dist/jobs')
import program
print(program.find_program())") >out 2>&1
[ "$(realpath "$(cat out)")" = "$work/moved/bin/snn_dist" ] && pass || fail "Python scripts find $(cat out)"
cp -r moved/share/snn_dist/configs . && chmod -R a-w moved
SNN_DIST_LAUNCHER="mpirun --oversubscribe --allow-run-as-root" timeout 120 bash moved/share/snn_dist/jobs/evaluate.sh 2 \
  configs/digits.toml --quiet >out 2>&1 && [ -s configs/digits.out.h5 ] && pass || fail "evaluate.sh: $(cat out)"
chmod -R u+w moved
if /usr/bin/python3 -c 'import h5py, numpy, PIL' 2>/dev/null; then
  apart /usr/bin/python3 -c 'import numpy; numpy.savez("few.npz", images=numpy.zeros((4, 8, 8), "uint8"), labels=numpy.arange(4))'
  apart /usr/bin/python3 moved/share/snn_dist/jobs/dataset.py few.npz -o few.h5 && [ -s few.h5 ] && pass || fail "dataset.py: $(cat out)"
fi
for script in moved/share/snn_dist/jobs/*.sh moved/share/snn_dist/jobs/slurm/*; do
  bash -n "$script" && pass || fail "$script"
done

# The environment module, where there is something to read it with.
modulecmd=$(find /usr/lib /usr/share/modules -name modulecmd.tcl -print -quit 2>/dev/null)
mkdir -p modules/snn_dist stage
DESTDIR=$work/stage cmake --install "$build" --prefix "$work/moved" >out 2>&1 || fail "install: $(cat out)"
cp "stage$work/moved/share/snn_dist/modulefile" modules/snn_dist/1
if [ -n "$modulecmd" ] && type tclsh >/dev/null 2>&1; then
  env -i PATH=/usr/bin:/bin MODULEPATH="$work/modules" tclsh "$modulecmd" bash load snn_dist >load 2>err
  apart bash -c '. ./load; command -v snn_dist; man -w snn_dist; man -w ls' && [ ! -s err ] &&
    [ "$(head -n 2 out | tr '\n' ' ')" = "$work/moved/bin/snn_dist $work/moved/share/man/man1/snn_dist.1 " ] && pass || fail "module: $(cat out err)"
else
  echo "without Environment Modules"
fi

# ---- recipes that are not run here: at least they can be read ----
/usr/bin/python3 - "$root/jobs/packaging" >out 2>&1 <<'PYTHON' && pass || fail "Spack recipe: $(cat out)"
import ast, pathlib, re, sys
folder = pathlib.Path(sys.argv[1])
recipe = ast.parse((folder / "spack/packages/snn-dist/package.py").read_text())
package = next(node for node in recipe.body if isinstance(node, ast.ClassDef))
assert package.name == "SnnDist"
calls = [node for node in ast.walk(package) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
named = {call.func.id: {other.args[0].value.split("@")[0].split("+")[0] for other in calls if other.func.id == call.func.id}
         for call in calls if call.args and isinstance(call.args[0], ast.Constant)}
# What CMake looks for, under Spack's names.
cmake = "".join((folder / name).read_text() for name in ("../../CMakeLists.txt", "../../io/CMakeLists.txt"))
names = {"hdf5": "hdf5", "zlib": "zlib", "libzstd": "zstd", "libxxhash": "xxhash", "libprotobuf-c": "protobuf-c", "tomlplusplus": "tomlplusplus"}
wanted = [line.split()[-1] for line in re.findall(r"pkg_\w+_modules?\((.*?)\)", cmake)]
assert sorted(wanted) == sorted(names), wanted
assert set(names.values()) | {"mpi", "py-onnx"} <= named["depends_on"], named
options = set(re.findall(r"SNN_DIST_\w+|BUILD_TESTING", (folder / "spack/packages/snn-dist/package.py").read_text()))
known = cmake + (folder / "../../io/lab/CMakeLists.txt").read_text()
assert all(option in known for option in options), options
PYTHON
/usr/bin/python3 - "$root/jobs/packaging" >out 2>&1 <<'PYTHON' && pass || fail "EasyBuild recipe: $(tail -n 2 out)"
import pathlib, re, sys
folder = pathlib.Path(sys.argv[1])
# Of EasyBuild's parameters those that such recipes use; one that it does not know is an error there.
known = set("easyblock name version homepage description toolchain toolchainopts source_urls sources checksums builddependencies dependencies "
            "configopts preconfigopts sanity_check_paths sanity_check_commands moduleclass".split())
recipes = {}
for path in sorted((folder / "easybuild").glob("*.eb")):
    keys = {}
    exec(compile(path.read_text(), path, "exec"), {"__builtins__": {}}, keys)
    assert set(keys) <= known and {"name", "version", "homepage", "description", "toolchain"} <= set(keys), (path.name, set(keys) - known)
    chain = keys["toolchain"]
    assert path.name == f"{keys['name']}-{keys['version']}-{chain['name']}-{chain['version']}.eb", path.name
    assert all(len(needed) == 2 for needed in keys["builddependencies"] + keys.get("dependencies", []))
    assert set(keys["sanity_check_paths"]) == {"files", "dirs"}
    assert "checksums" not in keys or all(re.fullmatch("[0-9a-f]{64}", text) for text in keys["checksums"])
    recipes[keys["name"]] = keys
ours = recipes.pop("snn_dist")
cmake = (folder / "../../CMakeLists.txt").read_text()
assert f"VERSION {ours['version']} " in cmake
least = re.search(r"cmake_minimum_required\(VERSION ([0-9.]+)\)", cmake).group(1)
needs = dict(ours["builddependencies"] + ours["dependencies"])
number = lambda text: [int(part) for part in text.split(".")]
assert number(needs["CMake"]) >= number(least)
assert {"HDF5", "zlib", "zstd", "xxHash", "protobuf-c", "tomlplusplus", "ONNX", "Ninja", "pkgconf"} <= set(needs), needs
assert all(needs[name] == keys["version"] for name, keys in recipes.items()) and recipes, recipes.keys()
known_options = cmake + "".join((folder / name).read_text() for name in ("../../io/CMakeLists.txt", "../../io/lab/CMakeLists.txt"))
options = re.findall(r"-D(\w+)=", ours["configopts"])
assert options and all(option in known_options or option == "BUILD_TESTING" for option in options), options
for path in ours["sanity_check_paths"]["files"]:
    assert pathlib.Path("moved", path).exists(), path
PYTHON
for stage in 1 2; do
  awk -v stage=$stage '/^Bootstrap:/ { n++ } /^%/ { inside = n == stage && $1 == "%post"; next } inside' \
    "$root/jobs/packaging/snn_dist.def" >post.sh
  [ -s post.sh ] && bash -n post.sh && pass || fail "Apptainer: %post of stage $stage"
done
for script in $(sed -n 's|.*source \(jobs/[a-z.]*\).*|\1|p' "$root/jobs/packaging/snn_dist.def"); do
  [ -e "$root/$script" ] && pass || fail "Apptainer: no $script"
done

# ---- the Debian package ----
if ! type dpkg-deb dpkg-shlibdeps >/dev/null 2>&1; then
  echo "without a Debian package: no dpkg-deb or dpkg-shlibdeps"
  finish
  exit
fi
cpack --config "$2" -B "$work/package" >out 2>&1 && pass || fail "cpack: $(cat out)"
deb=$(echo package/snn-dist_*.deb)
dpkg-deb -x "$deb" tree && pass || fail "no package: $(ls package)"
depends=" $(dpkg-deb -f "$deb" Depends | tr -s ' ,' '  ') "
# depends_on PACKAGE...: on one of them.
depends_on() {
  local package
  for package in "$@"; do
    case $depends in *" $package "*) pass && return ;; esac
  done
  fail "none of $* is among$depends"
}
for library in $(ldd tree/usr/bin/snn_dist | sed -n 's/^\t\(lib[^ ]*\) => .*/\1/p'); do
  readelf -d tree/usr/bin/snn_dist | grep -qF "[$library]" || continue # of a library's own
  mapfile -t owners < <(dpkg -S "*/$library" 2>/dev/null | sed 's/:.*//' | sort -u) # also of other architectures
  depends_on "${owners[@]}"
done
depends_on openmpi-bin
depends_on python3
apart tree/usr/share/snn_dist/jobs/smoke.sh && grep -qx "snn_dist works: $work/tree/.*" out && pass || fail "smoke: $(cat out)"
for page in man1/snn_dist.1 man5/snn_dist-config.5; do
  [ "$(zcat tree/usr/share/man/$page.gz | sha1sum)" = "$("$snn_dist" pages "${page#*/}" | sha1sum)" ] && pass || fail "$page is another"
  if type man >/dev/null 2>&1; then
    apart man --warnings=w -l tree/usr/share/man/$page.gz && grep -q '^NAME' out && ! grep -qi 'warning' out && pass || fail "$page: $(cat out)"
  fi
done
apart bash --norc -c 'source tree/usr/share/bash-completion/completions/snn_dist && complete -p snn_dist' && pass || fail "bash: $(cat out)"
for file in doc/snn-dist/copyright zsh/vendor-completions/_snn_dist fish/vendor_completions.d/snn_dist.fish; do
  [ -s "tree/usr/share/$file" ] && pass || fail "no $file"
done
if type lintian >/dev/null 2>&1; then
  lintian --fail-on error --allow-root "$deb" >out 2>&1 && pass || fail "lintian: $(cat out)"
fi
finish
