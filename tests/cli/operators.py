"""Small networks of the operators that exporters use, with random weights, for images [1, 1, 8, 8]: FOLDER. The last
three hold what cannot be converted."""

import sys

import numpy as np
from onnx import AttributeProto, TensorProto, helper, numpy_helper, save

CLASSES = 10


class Network:
    """Every call appends one node and gives the name of its output (or a list of names)."""

    def __init__(self, opset):
        self.opset = opset
        self.nodes, self.constants, self.functions, self.domains = [], [], [], set()
        self.random = np.random.default_rng(1)

    def constant(self, values, kind=np.float32):
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, kind), name))
        return name

    def integers(self, *values):
        return self.constant(values, np.int64)

    def weights(self, *shape, size=1.0):
        return self.constant(self.random.uniform(-size, size, shape))

    def __call__(self, operator, *inputs, outputs=1, **attributes):
        names = [f"{operator.lower()}{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(operator, inputs, names, name=names[0][:-2], **attributes))
        if attributes.get("domain"):
            self.domains.add(attributes["domain"])
        return names[0] if outputs == 1 else names

    def convolution(self, x, outputs, inputs, size=1, **attributes):
        weights = self.weights(outputs, inputs, size, size, size=(3 / (inputs * size * size)) ** 0.5)
        return self("Conv", x, weights, self.weights(outputs, size=0.1), **attributes)

    def linear(self, x, inputs, outputs):
        x = self("MatMul", x, self.weights(inputs, outputs, size=(3 / inputs) ** 0.5))
        return self("Add", x, self.weights(outputs, size=0.1))

    def classify(self, x, features):
        x = self("Flatten", x)
        return self("Gemm", x, self.weights(CLASSES, features, size=features**-0.5), self.weights(CLASSES), transB=1)

    def save(self, x, features, path):
        self.write(self.classify(x, features), path)

    def write(self, x, path, image=(1, 1, 8, 8), **how):
        ends = (("image", image), (x, [1, CLASSES]))
        first, last = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in ends)
        graph = helper.make_graph(self.nodes, "network", [first], [last], self.constants)
        opsets = [helper.make_opsetid("", self.opset)] + [helper.make_opsetid(domain, 1) for domain in self.domains]
        model = helper.make_model(graph, opset_imports=opsets, functions=self.functions)
        model.ir_version = 8
        save(model, path, **how)


def transformer(path):
    """Patches, a class token by shape arithmetic, positions; attention of one product; a gated block."""
    n, channels, heads, patches = Network(17), 12, 3, 16
    x = n("Reshape", n.convolution("image", channels, 1, 2, strides=[2, 2]), n.integers(0, channels, -1))
    x = n("Transpose", x, perm=[0, 2, 1])
    batch = n("Unsqueeze", n("Gather", n("Shape", x), n.constant(0, np.int64)), n.integers(0))
    shape = n("Concat", batch, n.integers(-1, -1), axis=0)
    wildcard = n("Equal", shape, n.integers(-1, -1, -1))
    token = n("Expand", n.weights(1, 1, channels), n("Where", wildcard, n.integers(1, 1, 1), shape))
    x = n("Add", n("Concat", token, x, axis=1), n.weights(1, patches + 1, channels, size=0.2))
    y = n("LayerNormalization", x, n.weights(channels), n.weights(channels, size=0.1))
    y = n("Reshape", n.linear(y, channels, 3 * channels), n.integers(1, patches + 1, 3, heads, channels // heads))
    y = n("Transpose", y, perm=[2, 0, 3, 1, 4])
    q, k, v = (n("Gather", y, n.constant(i, np.int64), axis=0) for i in range(3))
    y = n("MatMul", n("Mul", q, n.constant(0.5)), n("Transpose", k, perm=[0, 1, 3, 2]))
    y = n("Transpose", n("MatMul", n("Softmax", y, axis=-1), v), perm=[0, 2, 1, 3])
    y = n.linear(n("Reshape", y, n.integers(1, patches + 1, channels)), channels, channels)
    x = n("Add", x, n("Mul", n.weights(channels), y))
    square = n("ReduceMean", n("Pow", x, n.constant(2)), axes=[-1])
    y = n("Mul", x, n("Reciprocal", n("Sqrt", n("Add", square, n.constant(1e-5)))))
    gate, value = n("Split", n.linear(n("Mul", y, n.weights(channels)), channels, 24), outputs=2, axis=2)
    y = n("Mul", n("Mul", gate, n("Sigmoid", gate)), value)
    x = n("Add", x, n.linear(y, 12, channels))
    n.save(n("Gather", x, n.constant(0, np.int64), axis=1), channels, path)


def gates(path):
    """PRelu, groups, instances, gates of channels and positions, what is resized and concatenated, extremes."""
    n = Network(13)
    x = n("PRelu", n.convolution("image", 6, 1, 3, pads=[1, 1, 1, 1]), n.weights(6, 1, 1, size=1.5))
    down = n("InstanceNormalization", n.convolution(x, 8, 3, 2, strides=[2, 2], group=2), n.weights(8), n.weights(8))
    down = n("Clip", down, n.constant(0.0), n.constant(6.0))
    gate = n("HardSigmoid", n.convolution(n("Relu", n.convolution(n("GlobalAveragePool", down), 4, 8)), 8, 4))
    down = n("Mul", down, gate)
    up = n("Resize", down, "", n.constant([1, 1, 2, 2]), mode="nearest", nearest_mode="floor",
           coordinate_transformation_mode="asymmetric")
    x = n("Concat", up, x, axis=1)
    both = n("Concat", n("ReduceMean", x, axes=[1]), n("ReduceMax", x, axes=[1]), axis=1)
    x = n("Mul", x, n("Sigmoid", n.convolution(both, 1, 2, 3, pads=[1, 1, 1, 1])))
    a, b = n("Split", n.convolution(x, 12, 14), outputs=2, axis=1)
    x = n("Concat", n("Max", a, b, n.constant(-0.1)), n("Min", a, b), n("Abs", n("Sub", a, b)), axis=1)
    n.save(n("GlobalMaxPool", x), 18, path)


def mixer(path):
    """Normalised groups, positions as channels, softmax over channels, attention with the tokens in front."""
    n = Network(13)
    x = n.convolution("image", 4, 1, 3, pads=[1, 1, 1, 1])
    groups = n("InstanceNormalization", n("Reshape", x, n.integers(0, 2, -1)), n.constant([1, 1]), n.constant([0, 0]))
    x = n("Add", x, n("Mul", n("Reshape", groups, n.integers(1, 4, 8, 8)), n.weights(4, 1, 1)))
    x = n("SpaceToDepth", n("Elu", x), blocksize=2)
    x = n("Mul", n("Softmax", n.convolution(x, 8, 16), axis=1), n.convolution(x, 8, 16))
    centred = n("Sub", x, n("ReduceMean", x, axes=[1]))
    variance = n("ReduceMean", n("Mul", centred, centred), axes=[1])
    x = n("Div", centred, n("Sqrt", n("Add", variance, n.constant(1e-5))))
    x = n("Transpose", n("Reshape", x, n.integers(1, 8, 16)), perm=[2, 0, 1])
    y = n("Reshape", n.linear(x, 8, 24), n.integers(16, 1, 3, 8))
    y = n("Squeeze", n("Transpose", n("Unsqueeze", y, n.integers(0)), perm=[3, 1, 2, 0, 4]), n.integers(3))
    q, k, v = (n("Gather", y, n.constant(i, np.int64), axis=0) for i in range(3))
    q, k, v = (n("Transpose", n("Reshape", z, n.integers(16, 2, 4)), perm=[1, 0, 2]) for z in (q, k, v))
    scores = n("MatMul", n("Div", q, n.constant(2)), n("Transpose", k, perm=[0, 2, 1]))
    y = n("Transpose", n("MatMul", n("Softmax", scores, axis=-1), v), perm=[1, 0, 2])
    y = n("Gemm", n("Reshape", y, n.integers(16, 8)), n.weights(8, 8, size=0.6), n.weights(8, size=0.1), transB=1)
    x = n("Add", n("Reshape", x, n.integers(16, 8)), n("Tanh", y))
    n.save(n("ReduceMax", n("Reshape", x, n.integers(1, 16, 8)), axes=[1]), 8, path)


def exported(path):
    """Channels last, a function of its own, weights in a file beside it, an operator of onnxruntime, softmax."""
    n = Network(18)
    opset = [helper.make_opsetid("", 18)]
    inner = [helper.make_node("Sigmoid", ["x"], ["gate"]), helper.make_node("Mul", ["x", "gate"], ["y"])]
    n.functions.append(helper.make_function("own", "Gate", ["x"], ["y"], inner, opset))
    x = n.convolution(n("Transpose", "image", perm=[0, 3, 1, 2]), 8, 1, 3, strides=[2, 2])
    x = n("Identity", n("Gate", x, domain="own"))
    x = n("ConvTranspose", x, n.weights(8, 2, 3, 3, size=0.3), strides=[2, 2], output_padding=[1, 1], pads=[0, 1, 1, 0])
    x = n("Einsum", n("FastGelu", x, domain="com.microsoft"), n.weights(6, 2), equation="bchw,dc->bhwd")
    x = n("Reshape", x, n.integers(0, -1, 6))
    share = n("Softmax", n("MatMul", x, n.weights(6, 1)), axis=1)
    x = n("MatMul", n("Transpose", share, perm=[0, 2, 1]), x)
    n.write(n("Softmax", n.classify(x, 6)), path, image=(1, 8, 8, 1), save_as_external_data=True,
            location="exported.onnx.data", size_threshold=0)


def quantised(path):
    """QuantizeLinear and DequantizeLinear around weights and activations; the ReLU is left to a range from zero on."""
    n = Network(13)

    def pair(x, scale, zero, kind):
        zero = n.constant(zero, kind)
        scale = n.constant(scale)
        return n("DequantizeLinear", n("QuantizeLinear", x, scale, zero), scale, zero)

    def convolution(x, outputs, inputs, size):
        weights = n.constant(n.random.integers(-127, 128, (outputs, inputs, size, size)), np.int8)
        scales = n.constant(n.random.uniform(0.5, 1.5, outputs) * (3 / (inputs * size * size)) ** 0.5 / 127)
        weights = n("DequantizeLinear", weights, scales, n.constant(np.zeros(outputs), np.int8), axis=0)
        return n("Conv", x, weights, n.weights(outputs, size=0.1))

    x = convolution(pair("image", 2 / 255, 128, np.uint8), 8, 1, 3)
    x = convolution(n("MaxPool", pair(x, 2 / 255, 0, np.uint8), kernel_shape=[2, 2], strides=[2, 2]), 8, 8, 2)
    x = pair(n("Add", pair(x, 3 / 255, 10, np.int8), pair(n("Relu", x), 3 / 255, -128, np.int8)), 4 / 255, 0, np.int8)
    n.save(x, 32, path)


def integers(path):
    """Operators on integers, as onnxruntime's quantiser writes them in its other format, and ranges of each image."""
    n = Network(13)

    def byte(*shape):
        return n.constant(n.random.integers(-127, 128, shape), np.int8)

    def own(operator, *inputs, **attributes):
        return n(operator, *inputs, domain="com.microsoft", **attributes)

    zero, middle, none = (n.constant(z, kind) for z, kind in ((0, np.uint8), (120, np.uint8), (0, np.int8)))
    pixel, first, second, weight = (n.constant(unit) for unit in (2 / 255, 4 / 255, 6 / 255, 1 / 127))
    x = n("QuantizeLinear", "image", pixel, middle)
    scales = n.constant(n.random.uniform(0.5, 1.5, 8) / 127)
    bias = n.constant(n.random.integers(-9999, 9999, 8), np.int32)
    x = n("QLinearConv", x, pixel, middle, byte(8, 1, 3, 3), scales, n.constant(np.zeros(8), np.int8), first, zero, bias,
          pads=[1, 1, 1, 1])
    x = n("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    y = n("QLinearConv", x, first, zero, byte(8, 1, 3, 3), weight, none, second, middle, group=8, pads=[1, 1, 1, 1])
    x = own("QLinearAdd", y, second, middle, x, first, zero, second, zero)
    y = own("QLinearSigmoid", x, second, zero, n.constant(1 / 255), zero)
    x = own("QLinearMul", x, second, zero, y, n.constant(1 / 255), zero, second, zero)
    x = own("QLinearConcat", second, zero, x, second, zero, y, n.constant(1 / 255), zero, axis=1)
    x = own("QLinearGlobalAveragePool", x, second, zero, second, zero, channels_last=0)
    x = n("Reshape", x, n.integers(1, 16))
    x = n("DequantizeLinear", n("QLinearMatMul", x, second, zero, byte(16, 12), weight, none, first, middle), first, middle)
    y, unit, origin = n("DynamicQuantizeLinear", n("Relu", x), outputs=3)
    y = n("Cast", n("MatMulInteger", y, byte(12, 12), origin, none), to=TensorProto.FLOAT)
    n.save(n("Add", n("Mul", y, n("Mul", unit, weight)), n.weights(12)), 12, path)


def tensorflow(path):
    """As tf2onnx writes it: channels last between transpositions, shapes that are computed, strided slices."""
    n = Network(15)
    x = n("Transpose", "image", perm=[0, 3, 1, 2])
    x = n("Pad", x, n.integers(0, 0, 0, 0, 0, 0, 1, 1))
    x = n("Clip", n.convolution(x, 8, 1, 3, strides=[2, 2]), n.constant(0.0), n.constant(6.0))
    x = n("Conv", x, n.weights(8, 1, 3, 3, size=0.4), auto_pad="SAME_UPPER", group=8)
    gate = n("Clip", n("Add", x, n.constant(3.0)), n.constant(0.0), n.constant(6.0))
    x = n("Transpose", n("Mul", n("Mul", x, gate), n.constant(1 / 6)), perm=[0, 2, 3, 1])
    ends = [n.constant(v, np.int32) for v in ([0, 1], [2147483647, 2147483647], [1, 2], [1, 2])]
    x = n("Relu", n("Add", n("MatMul", n("Slice", x, *ends), n.weights(1, 8, 8)), n.weights(8)))
    x = n("Resize", n("Transpose", x, perm=[0, 3, 1, 2]), "", n.constant([1, 1, 2, 2]), mode="nearest",
          nearest_mode="floor", coordinate_transformation_mode="tf_half_pixel_for_nn")
    share = n("Squeeze", n("GlobalAveragePool", x), n.integers(2, 3))
    share = n("Sigmoid", n("Add", n("MatMul", share, n.weights(8, 8)), n.weights(8)))
    x = n("Mul", x, n("Reshape", share, n.integers(-1, 8, 1, 1)))
    x = n("ReduceMean", n("Transpose", x, perm=[0, 2, 3, 1]), axes=[1, 2], keepdims=0)
    count = n("Slice", n("Cast", n("Shape", x), to=TensorProto.INT32), n.integers(0), n.integers(1), n.integers(0))
    shape = n("Concat", n("Unsqueeze", n("Squeeze", count, n.integers(0)), n.integers(0)), n.constant([8], np.int32),
              axis=0)
    x = n("Reshape", x, n("Cast", shape, to=TensorProto.INT64))
    x = n("Add", n("MatMul", x, n.weights(8, CLASSES)), n.weights(CLASSES))
    n.write(n("Softmax", x), path, image=(1, 8, 8, 1))


def dynamo(path):
    """As the dynamo exporter writes it: functions that call others with attributes, ranks, unread results, sequences."""
    n, library, channels = Network(18), "pkg.onnxscript.torch_lib", 8
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid(library, 1)]

    def function(name, inputs, outputs, nodes, attributes=()):
        n.functions.append(helper.make_function(library, name, inputs, outputs, nodes, opsets, list(attributes)))

    def refer(node, *names):
        for name, kind in names:
            node.attribute.append(AttributeProto(name=name, ref_attr_name=name, type=kind))
        return node

    node = helper.make_node
    function("Rank", ["input"], ["rank"], [node("Shape", ["input"], ["shape"]), node("Size", ["shape"], ["rank"])])
    function("IsScalar", ["input"], ["is"],
             [node("Rank", ["input"], ["rank"], domain=library), node("Constant", [], ["zero"], value_int=0),
              node("Equal", ["rank", "zero"], ["is"])])
    function("aten_layer_norm", ["x", "gain", "shift"], ["y"],
             [refer(node("LayerNormalization", ["x", "gain", "shift"], ["y", "mean", "deviation"]),
                    ("axis", AttributeProto.INT), ("epsilon", AttributeProto.FLOAT))], ["axis", "epsilon"])
    function("aten_linear", ["x", "weights", "bias"], ["y"],
             [node("IsScalar", ["x"], ["unread"], domain=library),
              node("Transpose", ["weights"], ["turned"], perm=[1, 0]), node("MatMul", ["x", "turned"], ["product"]),
              node("Add", ["product", "bias"], ["y"])])
    function("aten_gelu", ["x"], ["y"],
             [node("Constant", [], ["root"], value_float=2**0.5), node("Div", ["x", "root"], ["scaled"]),
              node("Erf", ["scaled"], ["erf"]), node("Constant", [], ["one"], value_float=1.0),
              node("Add", ["erf", "one"], ["gate"]), node("Constant", [], ["half"], value_float=0.5),
              node("Mul", ["half", "gate"], ["factor"]), node("Mul", ["x", "factor"], ["y"])])

    def call(name, *inputs, **attributes):
        return n(name, *inputs, domain=library, **attributes)

    def linear(x, inputs, outputs):
        return call("aten_linear", x, n.weights(outputs, inputs, size=(3 / inputs) ** 0.5), n.weights(outputs, size=0.1))

    x = n("Conv", "image", n.weights(channels, 1, 2, 2), n.weights(channels), strides=[2, 2], dilations=[1, 1], group=1,
          auto_pad="NOTSET", pads=[0, 0, 0, 0])
    shape = n("Concat", *(n("Reshape", n.constant(v, np.int64), n.integers(-1)) for v in (1, channels, 16)), axis=0)
    x = n("Transpose", n("Reshape", x, n("Cast", shape, to=TensorProto.INT64), allowzero=0), perm=[0, 2, 1])
    y = call("aten_layer_norm", x, n.weights(channels), n.weights(channels), axis=-1, epsilon=1e-5)
    parts = n("SplitToSequence", linear(y, channels, 3 * channels), n.constant(channels, np.int64), axis=2)
    q, k, v = (n("SequenceAt", parts, n.constant(i, np.int64)) for i in range(3))
    q, k, v = (n("Transpose", n("Reshape", z, n.integers(1, 16, 2, 4)), perm=[0, 2, 1, 3]) for z in (q, k, v))
    root = n("Sqrt", n.constant(0.5))
    scores = n("MatMul", n("Mul", q, root), n("Mul", n("Transpose", k, perm=[0, 1, 3, 2]), root))
    y = n("Transpose", n("MatMul", n("Softmax", scores, axis=-1), v), perm=[0, 2, 1, 3])
    x = n("Add", x, linear(n("Reshape", y, n.integers(1, 16, channels)), channels, channels))
    mask = n("ScatterND", x, n.constant([[0, 0], [0, 5]], np.int64), n.constant(np.zeros((2, channels))))
    x = n("Add", mask, linear(call("aten_gelu", linear(x, channels, 16)), 16, channels))
    x = n("ReduceMean", x, n.integers(1), keepdims=0, noop_with_empty_axes=0)
    n.write(linear(x, channels, CLASSES), path)


def windows(path):
    """Attention in shifted windows of an image, biased and masked, and without a mask in a grid."""
    n, channels, heads, width = Network(17), 12, 3, 4

    def rolled(x, first):
        for axis in (1, 2):
            parts = ((first, 8), (0, first)) if first > 0 else ((8 + first, 8), (0, 8 + first))
            parts = [n("Slice", x, *(n.integers(i) for i in (*part, axis))) for part in parts]
            x = n("Concat", *parts, axis=axis)
        return x

    def attention(x, dims, *biases):
        x = n("LayerNormalization", x, n.weights(channels), n.weights(channels, size=0.1))
        x = n("Reshape", n.linear(x, channels, 3 * channels), n.integers(*dims, 3, heads, width))
        x = n("Transpose", x, perm=[2, 0, 3, 1, 4])
        q, k, v = (n("Gather", x, n.constant(i, np.int64), axis=0) for i in range(3))
        x = n("MatMul", n("Mul", q, n.constant(0.5)), n("Transpose", k, perm=[0, 1, 3, 2]))
        for bias, shape in biases:
            x = n("Reshape", n("Add", n("Reshape", x, n.integers(*shape)), bias), n.integers(dims[0], heads, 16, 16))
        x = n("Transpose", n("MatMul", n("Softmax", x, axis=-1), v), perm=[0, 2, 1, 3])
        return n.linear(n("Reshape", x, n.integers(*dims, channels)), channels, channels)

    x = n("Transpose", n.convolution("image", channels, 1, 3, pads=[1, 1, 1, 1]), perm=[0, 2, 3, 1])
    y = n("Reshape", rolled(x, 2), n.integers(1, 2, 4, 2, 4, channels))
    y = n("Reshape", n("Transpose", y, perm=[0, 1, 3, 2, 4, 5]), n.integers(4, 16, channels))
    mask = np.where(n.random.random((1, 4, 1, 16, 16)) < 0.3, -100, 0)
    mask[..., np.arange(16), np.arange(16)] = 0
    y = attention(y, (4, 16), (n.weights(1, heads, 16, 16), (4, heads, 16, 16)),
                  (n.constant(mask), (1, 4, heads, 16, 16)))
    y = n("Transpose", n("Reshape", y, n.integers(1, 2, 2, 4, 4, channels)), perm=[0, 1, 3, 2, 4, 5])
    x = n("Add", x, rolled(n("Reshape", y, n.integers(1, 8, 8, channels)), -2))
    y = n("Transpose", n("Reshape", x, n.integers(1, 4, 2, 4, 2, channels)), perm=[0, 2, 4, 1, 3, 5])
    y = attention(n("Reshape", y, n.integers(4, 16, channels)), (4, 16))
    y = n("Transpose", n("Reshape", y, n.integers(1, 2, 2, 4, 4, channels)), perm=[0, 3, 1, 4, 2, 5])
    x = n("Add", x, n("Reshape", y, n.integers(1, 8, 8, channels)))
    n.save(n("ReduceMean", x, axes=[1, 2], keepdims=0), channels, path)


def transposed(path):
    n = Network(13)
    x = n("Relu", n.convolution("image", 4, 1, 2, strides=[2, 2]))
    weights = n("Sigmoid", n.convolution(x, 4, 4, 1))
    n.save(n("ConvTranspose", x, n("Reshape", weights, n.integers(4, 4, 2, 2)), strides=[2, 2]), 256, path)


def recurrent(path):
    n = Network(13)
    x = n("Reshape", n.convolution("image", 4, 1, 2, strides=[2, 2]), n.integers(16, 1, 4))
    _, x, _ = n("LSTM", x, n.weights(1, 20, 4), n.weights(1, 20, 5), outputs=3, hidden_size=5)
    n.save(n("Tanh", n("Reshape", x, n.integers(1, 5))), 5, path)


def logarithm(path):
    n = Network(13)
    n.save(n("Log", n("Sigmoid", n.convolution("image", 4, 1, 2, strides=[2, 2]))), 64, path)


for make in (transformer, gates, mixer, exported, quantised, windows, integers, tensorflow, dynamo, transposed, logarithm,
             recurrent):
    make(f"{sys.argv[1]}/{make.__name__}.onnx")
