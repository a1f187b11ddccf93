#!/usr/bin/env bash
# The largest that is supported works, and one more is refused with a message that says so: a data set behind 4 GiB of its
# file (without blocks on disk), plans for 65535 ranks, timesteps, groups, elements of a tensor; more channels and classes
# than 16 bits count.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
W=$work
config=$root/configs/digits_synchronous.toml
short=(--quiet --restart never --set simulation.timesteps=3 --set data.images=8 --set checkpoint.directory=)

# refused PATTERN ARGUMENTS...
refused() {
  local pattern=$1 code
  shift
  alone "$@"
  code=$?
  [ $code -eq 2 ] && grep -Eq -- "$pattern" "$W/err" && pass || fail "$*: exit code $code: $(cat "$W/err")"
}

/usr/bin/python3 - "$root/configs/digits_test.h5" "$W" <<'END' || fail "python3 with h5py and onnx"
import sys
import h5py
import numpy
from onnx import TensorProto, helper, numpy_helper, save

with h5py.File(sys.argv[1]) as small, h5py.File(f"{sys.argv[2]}/large.h5", "w") as large:
    early = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    early.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    early.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    space = h5py.h5s.create_simple((4 << 30,))
    h5py.h5d.create(large.id, b"nothing", h5py.h5t.NATIVE_UINT8, space, early)
    for name in ("images", "labels"):
        copy = large.create_dataset(name, data=small[name][:])
        copy.attrs.update(small[name].attrs)
        assert copy.id.get_offset() > 4 << 30

# 2^31 weights of a product, in a file beside the model that has no blocks either.
weights = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[64, 1 << 25], data_location=TensorProto.EXTERNAL)
for key, value in (("location", "weights.bin"), ("offset", "0"), ("length", str(8 << 30))):
    weights.external_data.add(key=key, value=value)
open(f"{sys.argv[2]}/weights.bin", "wb").truncate(8 << 30)
graph = helper.make_graph(
    [helper.make_node("Flatten", ["x"], ["f"]), helper.make_node("MatMul", ["f", "w"], ["y"])], "g",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 8, 8])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1 << 25])], [weights])
save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), f"{sys.argv[2]}/wide.onnx")

MANY = 70000
random = numpy.random.default_rng(1)
constants = [numpy_helper.from_array(random.normal(size=size).astype("f") * scale, name) for name, size, scale in (
    ("k", (MANY, 1, 1, 1), 1), ("kb", MANY, 0.1), ("w", (8, MANY), 0.01), ("wb", 8, 0.1), ("v", (MANY, 8), 0.5),
    ("vb", MANY, 0.1))]
nodes = [helper.make_node("Conv", ["x", "k", "kb"], ["a"], strides=[4, 4]), helper.make_node("Relu", ["a"], ["b"]),
         helper.make_node("GlobalAveragePool", ["b"], ["c"]), helper.make_node("Flatten", ["c"], ["d"]),
         helper.make_node("Gemm", ["d", "w", "wb"], ["e"], transB=1), helper.make_node("Relu", ["e"], ["f"]),
         helper.make_node("Gemm", ["f", "v", "vb"], ["y"], transB=1)]
graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 8, 8])],
                          [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, MANY])], constants)
save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), f"{sys.argv[2]}/many.onnx")
END
[ "$(stat -c %s "$W/large.h5")" -gt $((4 << 30)) ] && pass || fail "the large file is not large"
alone run "$config" "${short[@]}" --set output.file="$W/small.out.h5" || fail "small: $(cat "$W/err")"
alone run "$config" "${short[@]}" --set output.file="$W/large.out.h5" --set data.test="$W/large.h5" ||
  fail "large: $(cat "$W/err")"
alone diff "$W/small.out.h5" "$W/large.out.h5"
grep -q '^/predictions\|^/accuracy\|^/layers' "$W/out" && fail "behind 4 GiB: $(cat "$W/out")" || pass
refused "tensor w: float32.64,33554432. is not a usable shape: .* at most 1073741824 elements" check "$W/wide.onnx"

for layout in 1x1x1 1x1x3; do
  on_ranks "${layout##*x}" run "$root/configs/digits.toml" --quiet --restart never --layout $layout --set data.images=8 \
    --set data.calibration_images=8 --set checkpoint.directory= --set model.onnx="$W/many.onnx" \
    --set output.file="$W/many_$layout.h5" || fail "70000 channels and classes, $layout: $(cat "$W/err")"
done
alone diff "$W/many_1x1x1.h5" "$W/many_1x1x3.h5" && pass || fail "70000 channels and classes: $(head -n 3 "$W/out")"

alone plan "$config" --ranks 65535 -o "$W/plan.toml" && grep -Eq '^ranks = 65535( |$)' "$W/plan.toml" && pass ||
  fail "a plan for 65535 ranks: $(cat "$W/err")"
refused "whole numbers from 1 to 1000000" plan "$config" --ranks 1000001
alone plan "$config" --ranks 1 --set simulation.timesteps=65535 && pass || fail "65535 timesteps: $(cat "$W/err")"
refused "from 0 to 65535, found 65536" plan "$config" --ranks 1 --set simulation.timesteps=65536
alone plan "$config" --ranks 1 --set simulation.batch=65535 && pass || fail "groups of 65535: $(cat "$W/err")"
refused "from 1 to 65535, found 65536" plan "$config" --ranks 1 --set simulation.batch=65536
finish
