#!/usr/bin/env python3
"""Writes networks of any size with random weights, for scaling studies where no trained weights are at hand:

    jobs/generate_network.py resnet --depth 110 -o /tmp/resnet110     ResNet of CIFAR form, depth 6n + 2 (8 to 1202 ...)
    jobs/generate_network.py vgg16 -o /tmp/vgg16                      VGG-16 at 224 x 224
    jobs/generate_network.py resnet34 -o /tmp/resnet34                ResNet-34 at 224 x 224
    jobs/generate_network.py transformer --depth 12 -o /tmp/vit12     vision transformer of so many blocks
    jobs/generate_network.py depthwise --depth 13 -o /tmp/chain13     so many pairs of depthwise and pointwise convolutions

The folder gets model.onnx, test.h5, calib.h5 and config.toml, ready for `snn_dist DIR/config.toml`. Weights are scaled
after He, and the branches of residual blocks by 1 / sqrt(blocks), so that activations keep their size at any depth.
Batch normalisation is folded into the convolutions, as exporters do. The labels are random: accuracy means nothing, the
agreement with the trained network does. The same arguments give the same files. Needs numpy, h5py and onnx.
"""
import argparse
from pathlib import Path

import h5py
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17  # the first with LayerNormalization
CIFAR_STAGES = 3
RESNET34_BLOCKS = (3, 4, 6, 3)
VGG16_STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # channels, convolutions before the pooling

CONFIG = """# {title}
[model]
onnx = "model.onnx"

[data]
test = "test.h5"
calibration = "calib.h5"
mean = [0.5]
std = [0.25]

[simulation]
timesteps = 32
batch = {batch}
block = 8

[output]
file = "out.h5"

[checkpoint]
directory = ""
"""


class Network:
    """An ONNX graph under construction. Methods take and give (name of a value, its channels)."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.nodes, self.weights = [], []

    def node(self, operator, inputs, **attributes):
        name = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name

    def constant(self, shape, deviation):
        name = f"weight_{len(self.weights)}"
        value = self.random.standard_normal(shape, np.float32) * np.float32(deviation)
        self.weights.append(numpy_helper.from_array(value, name))
        return name

    def fixed(self, value):
        name = f"constant_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(value, name))
        return name

    def convolution(self, source, channels, size=3, stride=1, gain=1.0, groups=1, padding=None):
        value, inputs = source
        deviation = gain * np.sqrt(2 / (inputs // groups * size * size))
        weights = [self.constant((channels, inputs // groups, size, size), deviation), self.constant(channels, 0.05)]
        return self.node("Conv", [value, *weights], kernel_shape=[size, size], strides=[stride, stride],
                         pads=[size // 2 if padding is None else padding] * 4, group=groups), channels

    def dense(self, source, outputs, gain=1.0):
        value, inputs = source
        weights = [self.constant((outputs, inputs), gain * np.sqrt(2 / inputs)), self.constant(outputs, 0.05)]
        return self.node("Gemm", [value, *weights], transB=1), outputs

    def relu(self, source):
        return self.node("Relu", [source[0]]), source[1]

    def pool(self, source, size, padding=0):
        return self.node("MaxPool", [source[0]], kernel_shape=[size, size], strides=[2, 2], pads=[padding] * 4), source[1]

    def residual_block(self, source, channels, stride, gain):
        branch = self.relu(self.convolution(source, channels, stride=stride))
        branch = self.convolution(branch, channels, gain=gain)
        if stride != 1 or channels != source[1]:
            source = self.convolution(source, channels, size=1, stride=stride, gain=np.sqrt(0.5))
        return self.relu((self.node("Add", [branch[0], source[0]]), channels))

    def residual_stages(self, source, width, counts):
        gain = 1 / np.sqrt(sum(counts))
        for stage, blocks in enumerate(counts):
            for block in range(blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                source = self.residual_block(source, width << stage, stride, gain)
        return source

    def averaged_logits(self, source, classes):
        average = self.node("GlobalAveragePool", [source[0]])
        return self.dense((self.node("Flatten", [average]), source[1]), classes)

    def matrix(self, source, outputs, gain=1.0):
        """Of tokens: a dense layer at each."""
        value, inputs = source
        product = self.node("MatMul", [value, self.constant((inputs, outputs), gain * np.sqrt(1 / inputs))])
        return self.node("Add", [product, self.constant(outputs, 0.05)]), outputs

    def layer_norm(self, source):
        value, channels = source
        parameters = [self.fixed(np.ones(channels, np.float32)), self.fixed(np.zeros(channels, np.float32))]
        return self.node("LayerNormalization", [value, *parameters], axis=-1, epsilon=1e-6), channels

    def gelu(self, source):
        value, half, one, root = source[0], *(self.fixed(np.float32(x)) for x in (0.5, 1, np.sqrt(2)))
        erf = self.node("Erf", [self.node("Div", [value, root])])
        return self.node("Mul", [self.node("Mul", [value, self.node("Add", [erf, one])]), half]), source[1]

    def attention(self, source, tokens, heads):
        """Of queries, keys and values of 2 times the size that would keep scores about 1, so that heads choose."""
        channels = source[1]
        split = self.fixed(np.array([0, tokens, heads, channels // heads], np.int64))

        def heads_of(order, gain=1.0):
            value = self.node("Reshape", [self.matrix(source, channels, gain)[0], split])
            return self.node("Transpose", [value], perm=order)

        scores = self.node("MatMul", [heads_of([0, 2, 1, 3], 2.0), heads_of([0, 2, 3, 1], 2.0)])
        scores = self.node("Mul", [scores, self.fixed(np.float32(np.sqrt(heads / channels)))])
        mixed = self.node("MatMul", [self.node("Softmax", [scores], axis=-1), heads_of([0, 2, 1, 3])])
        mixed = self.node("Transpose", [mixed], perm=[0, 2, 1, 3])
        return self.node("Reshape", [mixed, self.fixed(np.array([0, tokens, channels], np.int64))]), channels

    def transformer_block(self, source, tokens, heads, gain):
        mixed = self.matrix(self.attention(self.layer_norm(source), tokens, heads), source[1], gain)
        source = self.node("Add", [source[0], mixed[0]]), source[1]
        hidden = self.gelu(self.matrix(self.layer_norm(source), 4 * source[1]))
        return self.node("Add", [source[0], self.matrix(hidden, source[1], gain)[0]]), source[1]

    def save(self, path, image, logits):
        value, classes = logits
        graph = helper.make_graph(
            self.nodes, "generated", [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", *image])],
            [helper.make_tensor_value_info(value, TensorProto.FLOAT, ["N", classes])], self.weights)
        model = helper.make_model(graph, producer_name="generate_network", opset_imports=[helper.make_opsetid("", OPSET)])
        model.ir_version = 8
        onnx.save(model, str(path))


def make_resnet(network, options):
    if options.depth < 8 or options.depth % 6 != 2:
        raise SystemExit(f"--depth {options.depth}: 6n + 2 expected, for example 20, 110 or 1202")
    blocks = (options.depth - 2) // (2 * CIFAR_STAGES)
    value = network.relu(network.convolution(("image", 3), options.width))
    value = network.residual_stages(value, options.width, [blocks] * CIFAR_STAGES)
    return network.averaged_logits(value, options.classes)


def make_resnet34(network, options):
    value = network.relu(network.convolution(("image", 3), options.width, size=7, stride=2))
    value = network.residual_stages(network.pool(value, 3, padding=1), options.width, RESNET34_BLOCKS)
    return network.averaged_logits(value, options.classes)


def make_vgg16(network, options):
    value, size = ("image", 3), options.image
    for channels, convolutions in VGG16_STAGES:
        for _ in range(convolutions):
            value = network.relu(network.convolution(value, channels * options.width // 64))
        value, size = network.pool(value, 2), size // 2
    value = network.node("Flatten", [value[0]]), value[1] * size * size
    for _ in range(2):
        value = network.relu(network.dense(value, 4096 * options.width // 64))
    return network.dense(value, options.classes)


def make_transformer(network, options):
    patch, head = 4, 16
    if options.image % patch or options.width % head or options.depth < 1:
        raise SystemExit(f"a transformer: --image a multiple of {patch}, --width of {head}, --depth at least 1 expected")
    tokens = (options.image // patch) ** 2
    value, width = network.convolution(("image", 3), options.width, size=patch, stride=patch, padding=0)
    value = network.node("Reshape", [value, network.fixed(np.array([0, width, tokens], np.int64))])
    value = network.node("Transpose", [value], perm=[0, 2, 1]), width
    for _ in range(options.depth):
        value = network.transformer_block(value, tokens, width // head, 1 / np.sqrt(2 * options.depth))
    average = network.node("ReduceMean", [network.layer_norm(value)[0]], axes=[1], keepdims=0)
    return network.dense((average, width), options.classes)


def make_depthwise(network, options):
    if options.depth < 1:
        raise SystemExit("a depthwise chain: --depth at least 1 expected")
    value = network.relu(network.convolution(("image", 3), options.width, stride=2))
    for _ in range(options.depth):
        value = network.relu(network.convolution(value, value[1], groups=value[1]))
        value = network.relu(network.convolution(value, value[1], size=1))
    return network.averaged_logits(value, options.classes)


# kind: function, width (channels of the first stage), height and width of an image, classes, images per group
KINDS = {
    "resnet": (make_resnet, 16, 32, 10, 16),
    "transformer": (make_transformer, 64, 32, 10, 16),
    "depthwise": (make_depthwise, 64, 32, 10, 16),
    "resnet34": (make_resnet34, 64, 224, 1000, 4),
    "vgg16": (make_vgg16, 64, 224, 1000, 4),
}


def write_images(path, random, count, size, classes):
    """Smooth random images: coarse noise enlarged, and a little fine noise."""
    coarse = random.integers(32, 224, (count, -(-size // 8), -(-size // 8), 3))
    images = coarse.repeat(8, axis=1).repeat(8, axis=2)[:, :size, :size]
    images = images + random.integers(-32, 32, images.shape)
    with h5py.File(path, "w") as file:
        data = file.create_dataset("images", data=images.astype(np.uint8), track_times=False)
        data.attrs["layout"] = "NHWC"
        file.create_dataset("labels", data=random.integers(0, classes, count).astype(np.int64), track_times=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=sorted(KINDS))
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder; made if it is not there")
    parser.add_argument("--depth", type=int, default=20, help="of resnet: 6n + 2 (default 20); of transformer: blocks; of depthwise: pairs of convolutions")
    parser.add_argument("--width", type=int, help="channels of the first stage (default: 16; resnet34, vgg16: 64)")
    parser.add_argument("--image", type=int, help="height and width of an image (default: 32; resnet34, vgg16: 224)")
    parser.add_argument("--classes", type=int, help="default: 10; resnet34, vgg16: 1000")
    parser.add_argument("--images", type=int, default=32, help="in the test set (default 32)")
    parser.add_argument("--calibration", type=int, default=8, help="images to calibrate on (default 8)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    make, width, image, classes, batch = KINDS[options.kind]
    options.width, options.image, options.classes = (options.width or width, options.image or image,
                                                     options.classes or classes)
    options.output.mkdir(parents=True, exist_ok=True)

    network = Network(options.seed)
    logits = make(network, options)
    network.save(options.output / "model.onnx", (3, options.image, options.image), logits)
    random = np.random.default_rng([options.seed, 1])
    write_images(options.output / "calib.h5", random, options.calibration, options.image, options.classes)
    write_images(options.output / "test.h5", random, options.images, options.image, options.classes)
    depth = f" of depth {options.depth}" if options.kind in ("resnet", "transformer", "depthwise") else ""
    title = f"{options.kind}{depth}, width {options.width}, random weights (seed {options.seed})"
    (options.output / "config.toml").write_text(CONFIG.format(title=title, batch=batch))


if __name__ == "__main__":
    main()
