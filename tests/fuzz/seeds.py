#!/usr/bin/env python3
"""Writes the seeds of the corpora: enough for a fuzzer to begin with. What fuzzing found lies beside them.

usage: seeds.py CORPUS
"""
import io
import os
import random
import struct
import sys

import h5py
import numpy as np
import onnx
from onnx import helper, numpy_helper

CORPUS = sys.argv[1]
random.seed(1)
values = np.random.RandomState(0)


def write(name, content):
    path = os.path.join(CORPUS, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)


def plans():
    write("plan/plan", b'p[plan]\nversion = 1\nnetwork = "small"\nranks = 2\nreplicas = 1\n'
                       b'stage_begin = [0, 2]\nshards = [1, 1]\n')
    write("plan/plan_one_number", b"p[plan]\nversion = 1\nranks = 4\nreplicas = 2\nstage_begin = [0]\nshards = [2]\n")
    write("plan/machine", b"m[rank]\ncores = 8\nspeed = 1.0\nmemory_gb = 16.0\n"
                          b"[link]\nlatency_us = 2.0\nbandwidth_gbs = 12.0\nmessage_us = 0.5\n")


def packets():
    for codec in range(5):
        for flags in range(4):
            content = bytes([codec, flags, 0x30])
            for _ in range(3):
                payload = bytes([codec & 3 | (codec & 3) << 2]) + random.randbytes(60)
                content += struct.pack("<H", len(payload)) + payload
            write(f"packet/codec{codec}_{flags}", content)
    header = struct.pack("<IBBBBIIIHHII", 0x314b5053, 3, 0, 0, 0, 7, 1, 0, 4, 3, 0, 20)
    write("packet/whole", bytes([0, 0, 1]) + struct.pack("<H", 60) + header + bytes(28))


def sealed():
    def changes(slots, positions):
        extremes = [0, 1, 0x7fffffff, 0xffffffff, 0x80000000]
        return b"".join(struct.pack("<BHBI", random.randrange(slots), 4 * random.randrange(positions), 3,
                                    random.choice(extremes)) for _ in range(2))
    write("sealed/network", b"n")
    write("sealed/checkpoint", b"c")
    write("sealed/seal", b"v" + b"snn_dist sealed network\nbytes 8\nxxh3-128 0\n".ljust(512, b"\0") + b"\x89HDF\r\n\x1a\n")
    for i in range(6):
        write(f"sealed/network_{i}", b"n" + changes(80, 16))
        write(f"sealed/checkpoint_{i}", b"c" + changes(12, 1))


def data_sets():
    for name, options in (("contiguous", {}), ("chunked", {"chunks": (1, 4, 4)}),
                          ("gzip", {"chunks": (2, 4, 4), "compression": "gzip", "shuffle": True, "fletcher32": True})):
        memory = io.BytesIO()
        with h5py.File(memory, "w") as file:
            images = np.arange(48, dtype=np.uint8).reshape(3, 4, 4)
            file.create_dataset("images", data=images, **options).attrs["layout"] = "NHW"
            file.create_dataset("labels", data=np.arange(3))
        write("dataset/" + name, memory.getvalue())


def tensor(name, *shape):
    return numpy_helper.from_array(values.randn(*shape).astype(np.float32), name)


def model(name, nodes, weights, data=b""):
    graph = helper.make_graph(
        [helper.make_node(kind, inputs.split(), [output], **attributes) for kind, inputs, output, attributes in nodes],
        "g", [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 2, 6, 6])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 3])], weights)
    content = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString()
    write("onnx/" + name, struct.pack("<H", len(content)) + content + data)


def models():
    model("cnn", [("Conv", "x w b", "c", {"pads": [1, 1, 1, 1]}), ("Relu", "c", "r", {}),
                  ("MaxPool", "r", "p", {"kernel_shape": [2, 2], "strides": [2, 2]}), ("Flatten", "p", "f", {}),
                  ("Gemm", "f v u", "y", {"transB": 1})],
          [tensor("w", 2, 2, 3, 3), tensor("b", 2), tensor("v", 3, 18), tensor("u", 3)])
    model("residual", [("Conv", "x w", "c", {"pads": [1, 1, 1, 1]}), ("BatchNormalization", "c s b m q", "n", {}),
                       ("Sigmoid", "n", "a", {}), ("Mul", "a n", "h", {}), ("Add", "h x", "z", {}),
                       ("GlobalAveragePool", "z", "p", {}), ("Flatten", "p", "f", {}), ("MatMul", "f v", "y", {})],
          [tensor("w", 2, 2, 3, 3), tensor("s", 2), tensor("b", 2), tensor("m", 2),
           numpy_helper.from_array(np.ones(2, np.float32), "q"), tensor("v", 2, 3)])
    model("attention", [("Reshape", "x sh", "t", {}), ("MatMul", "t k", "K", {}), ("MatMul", "t q", "Q", {}),
                        ("Transpose", "K", "Kt", {"perm": [0, 2, 1]}), ("MatMul", "Q Kt", "S", {}),
                        ("Softmax", "S", "A", {"axis": -1}), ("MatMul", "A t", "O", {}),
                        ("ReduceMean", "O", "M", {"axes": [1], "keepdims": 0}), ("MatMul", "M v", "y", {})],
          [numpy_helper.from_array(np.array([1, 6, 12], np.int64), "sh"), tensor("k", 12, 4), tensor("q", 12, 4),
           tensor("v", 12, 3)])
    model("shapes", [("Slice", "x a b", "s", {}), ("Pad", "s p", "q", {}), ("Transpose", "q", "t", {"perm": [0, 2, 3, 1]}),
                     ("LayerNormalization", "t g", "l", {"axis": -1}), ("Gelu", "l", "e", {"domain": "com.microsoft"}),
                     ("Reshape", "e sh", "r", {}), ("Gemm", "r v", "y", {"alpha": 0.5})],
          [numpy_helper.from_array(np.array(v, np.int64), k)
           for k, v in (("a", [0, 0, 1, 1]), ("b", [1, 2, 5, 5]), ("p", [0, 0, 1, 0, 0, 0, 0, 1]), ("sh", [1, -1]))]
          + [tensor("g", 2), tensor("v", 50, 3)])
    model("quantised", [("QuantizeLinear", "x s z", "a", {}), ("DequantizeLinear", "a s z", "b", {}),
                        ("Clip", "b l h", "c", {}), ("AveragePool", "c", "d", {"kernel_shape": [6, 6]}),
                        ("Flatten", "d", "f", {}), ("MatMul", "f v", "y", {})],
          [numpy_helper.from_array(np.array(v, t), k)
           for k, v, t in (("s", 0.1, np.float32), ("z", 3, np.int8), ("l", 0, np.float32), ("h", 6, np.float32))]
          + [tensor("v", 2, 3)])
    inside = tensor("v", 72, 3)
    outside = onnx.TensorProto(name="v", data_type=onnx.TensorProto.FLOAT, dims=[72, 3],
                               data_location=onnx.TensorProto.EXTERNAL)
    for key, value in (("location", "data.bin"), ("offset", "0"), ("length", str(len(inside.raw_data)))):
        outside.external_data.add(key=key, value=value)
    model("external", [("Flatten", "x", "f", {}), ("MatMul", "f v", "y", {})], [outside], inside.raw_data)


def graphs():
    choices = random.Random(3)
    for i in range(24):
        write(f"graph/{i}", bytes(choices.randrange(256) for _ in range(90)))


graphs()
plans()
packets()
sealed()
data_sets()
models()
