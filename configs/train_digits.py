#!/usr/bin/env python3
"""Trains the small convolutional network of configs/digits.toml and writes its files next to this script:

    digits.onnx      the trained network: [N][1][8][8] normalised pixels -> logits [N][10]
    digits_test.h5   450 held-out images with labels
    digits_calib.h5  256 training images, for the scales of the neurons

The data are the UCI handwritten digits (1797 images of 8 x 8 pixels) that come with scikit-learn. Needs numpy, sklearn,
h5py and onnx; gradients are written out by hand. About a minute on one core. The same seed gives the same files on the
same machine and libraries.
"""
from pathlib import Path

import h5py
import numpy as np
import onnx
from numpy.lib.stride_tricks import sliding_window_view
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits

SEED, EPOCHS, BATCH, LEARNING_RATE = 7, 80, 32, 2e-3
TEST_IMAGES, CALIBRATION_IMAGES = 450, 256
MEAN, STD = 0.5, 0.5  # of pixel / 255; the same numbers stand in digits.toml
EPSILON, MOMENTUM = 1e-5, 0.9  # batch normalisation: of the variance; of the running averages
SOURCE = "UCI optical recognition of handwritten digits, as in sklearn.datasets.load_digits"


class Layer:
    """Keeps what `backward` needs; `parameters` are trained, `gradients` go with them by name."""

    def __init__(self, name, **parameters):
        self.name = name
        self.parameters = {key: value.astype(np.float32) for key, value in parameters.items()}
        self.gradients = {}


class Convolution(Layer):
    """3 x 3, stride 1, padding 1, as one product of [images * positions][channels * 9] with the weights."""

    def __init__(self, name, rng, inputs, outputs, bias=True):
        weight = rng.standard_normal((outputs, inputs, 3, 3)) * np.sqrt(2 / (9 * inputs))
        super().__init__(name, weight=weight, **({"bias": np.zeros(outputs)} if bias else {}))

    def forward(self, x, training):
        padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
        windows = sliding_window_view(padded, (3, 3), axis=(2, 3)).transpose(0, 2, 3, 1, 4, 5)
        self.shape = x.shape
        self.columns = windows.reshape(-1, x.shape[1] * 9)
        weight = self.parameters["weight"]
        y = self.columns @ weight.reshape(len(weight), -1).T + self.parameters.get("bias", np.float32(0))
        return y.reshape(len(x), *x.shape[2:], -1).transpose(0, 3, 1, 2)

    def backward(self, gradient):
        weight = self.parameters["weight"]
        flat = gradient.transpose(0, 2, 3, 1).reshape(-1, len(weight))
        self.gradients["weight"] = (flat.T @ self.columns).reshape(weight.shape)
        if "bias" in self.parameters:
            self.gradients["bias"] = flat.sum(0)
        images, channels, height, width = self.shape
        taps = (flat @ weight.reshape(len(weight), -1)).reshape(images, height, width, channels, 3, 3)
        padded = np.zeros((images, channels, height + 2, width + 2), np.float32)
        for i in range(3):
            for j in range(3):
                padded[:, :, i : i + height, j : j + width] += taps[..., i, j].transpose(0, 3, 1, 2)
        return padded[:, :, 1:-1, 1:-1]

    def node(self, x, y):
        inputs = [x] + [f"{self.name}.{key}" for key in self.parameters]
        return helper.make_node("Conv", inputs, [y], self.name, kernel_shape=[3, 3], pads=[1, 1, 1, 1])


class BatchNormalisation(Layer):
    def __init__(self, name, channels):
        super().__init__(name, scale=np.ones(channels), bias=np.zeros(channels))
        self.mean, self.variance = np.zeros(channels, np.float32), np.ones(channels, np.float32)

    def forward(self, x, training):
        mean, variance = self.mean, self.variance
        if training:
            mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3))
            self.mean = MOMENTUM * self.mean + (1 - MOMENTUM) * mean
            self.variance = MOMENTUM * self.variance + (1 - MOMENTUM) * variance
        self.inverse = channelwise(1 / np.sqrt(variance + np.float32(EPSILON)))
        self.normal = (x - channelwise(mean)) * self.inverse
        return self.normal * channelwise(self.parameters["scale"]) + channelwise(self.parameters["bias"])

    def backward(self, gradient):
        self.gradients["scale"] = (gradient * self.normal).sum((0, 2, 3))
        self.gradients["bias"] = gradient.sum((0, 2, 3))
        gradient = gradient * channelwise(self.parameters["scale"])
        along = (gradient * self.normal).mean((0, 2, 3), keepdims=True)
        return (gradient - gradient.mean((0, 2, 3), keepdims=True) - self.normal * along) * self.inverse

    def node(self, x, y):
        inputs = [x] + [f"{self.name}.{key}" for key in ("scale", "bias", "mean", "variance")]
        return helper.make_node("BatchNormalization", inputs, [y], self.name, epsilon=EPSILON)


class Rectifier(Layer):
    def forward(self, x, training):
        self.open = x > 0
        return x * self.open

    def backward(self, gradient):
        return gradient * self.open

    def node(self, x, y):
        return helper.make_node("Relu", [x], [y], self.name)


class MaximumPool(Layer):
    """2 x 2, stride 2; a tie shares the gradient."""

    def forward(self, x, training):
        images, channels, height, width = x.shape
        quads = x.reshape(images, channels, height // 2, 2, width // 2, 2)
        y = quads.max((3, 5), keepdims=True)
        self.winners = (quads == y).astype(np.float32)
        self.winners /= self.winners.sum((3, 5), keepdims=True)
        return y[:, :, :, 0, :, 0]

    def backward(self, gradient):
        images, channels, height, width = gradient.shape
        quads = self.winners * gradient[:, :, :, None, :, None]
        return quads.reshape(images, channels, 2 * height, 2 * width)

    def node(self, x, y):
        return helper.make_node("MaxPool", [x], [y], self.name, kernel_shape=[2, 2], strides=[2, 2])


class Flatten(Layer):
    def forward(self, x, training):
        self.shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, gradient):
        return gradient.reshape(self.shape)

    def node(self, x, y):
        return helper.make_node("Flatten", [x], [y], self.name)


class Dense(Layer):
    def __init__(self, name, rng, inputs, outputs):
        weight = rng.standard_normal((outputs, inputs)) * np.sqrt(2 / inputs)
        super().__init__(name, weight=weight, bias=np.zeros(outputs))

    def forward(self, x, training):
        self.input = x
        return x @ self.parameters["weight"].T + self.parameters["bias"]

    def backward(self, gradient):
        self.gradients["weight"], self.gradients["bias"] = gradient.T @ self.input, gradient.sum(0)
        return gradient @ self.parameters["weight"]

    def node(self, x, y):
        return helper.make_node("Gemm", [x, f"{self.name}.weight", f"{self.name}.bias"], [y], self.name, transB=1)


def channelwise(values):
    return values.reshape(1, -1, 1, 1)


def build(rng):
    return [
        Convolution("conv1", rng, 1, 16), Rectifier("relu1"),
        Convolution("conv2", rng, 16, 32, bias=False), BatchNormalisation("norm2", 32), Rectifier("relu2"),
        MaximumPool("pool2"),
        Convolution("conv3", rng, 32, 32), Rectifier("relu3"), MaximumPool("pool3"),
        Flatten("flatten"), Dense("dense4", rng, 128, 64), Rectifier("relu4"), Dense("dense5", rng, 64, 10),
    ]  # fmt: skip


def forward(network, x, training=False):
    for layer in network:
        x = layer.forward(x, training)
    return x


def normalise(pixels):
    return ((pixels[:, None] / np.float32(255)) - np.float32(MEAN)) / np.float32(STD)


def shift(pixels, rng):
    """Each image moved by -1, 0 or 1 pixels along each axis; what comes in is background (0)."""
    padded = np.pad(pixels, ((0, 0), (1, 1), (1, 1)))
    windows = sliding_window_view(padded, (8, 8), axis=(1, 2))
    return windows[np.arange(len(pixels)), rng.integers(0, 3, len(pixels)), rng.integers(0, 3, len(pixels))]


def train(network, pixels, labels, rng):
    """Cross-entropy, Adam, cosine decay of the learning rate."""
    parameters = [(layer, key) for layer in network for key in layer.parameters]
    first, second = ([np.zeros_like(layer.parameters[key]) for layer, key in parameters] for _ in range(2))
    steps, step = EPOCHS * (len(pixels) // BATCH), 0
    for _ in range(EPOCHS):
        order = rng.permutation(len(pixels))
        for batch in np.split(order[: len(order) // BATCH * BATCH], len(order) // BATCH):
            logits = forward(network, normalise(shift(pixels[batch], rng)), training=True)
            probability = np.exp(logits - logits.max(1, keepdims=True))
            probability /= probability.sum(1, keepdims=True)
            gradient = (probability - np.eye(10, dtype=np.float32)[labels[batch]]) / BATCH
            for layer in reversed(network):
                gradient = layer.backward(gradient)
            rate = LEARNING_RATE * 0.5 * (1 + np.cos(np.pi * step / steps))
            step += 1
            for i, (layer, key) in enumerate(parameters):
                first[i] = 0.9 * first[i] + 0.1 * layer.gradients[key]
                second[i] = 0.999 * second[i] + 0.001 * layer.gradients[key] ** 2
                ratio = (first[i] / (1 - 0.9**step)) / (np.sqrt(second[i] / (1 - 0.999**step)) + 1e-8)
                layer.parameters[key] = (layer.parameters[key] - rate * ratio).astype(np.float32)


def write_onnx(network, path):
    names = ["input"] + [f"{layer.name}_output" for layer in network[:-1]] + ["logits"]
    nodes = [layer.node(x, y) for layer, x, y in zip(network, names, names[1:])]
    tensors = {f"{layer.name}.{key}": value for layer in network for key, value in layer.parameters.items()}
    for layer in network:
        if isinstance(layer, BatchNormalisation):
            tensors |= {f"{layer.name}.mean": layer.mean, f"{layer.name}.variance": layer.variance}
    initializers = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in tensors.items()]
    pixels = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 1, 8, 8])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 10])
    graph = helper.make_graph(nodes, "digits", [pixels], [logits], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))


def write_images(path, pixels, labels, what):
    with h5py.File(path, "w") as file:
        file.attrs["source"] = f"{SOURCE}; {what}"
        file.create_dataset("images", data=pixels).attrs["layout"] = "NHW"
        file.create_dataset("labels", data=labels.astype(np.int64))


def main():
    folder = Path(__file__).resolve().parent
    rng = np.random.default_rng(SEED)
    values, labels = load_digits(return_X_y=True)
    pixels = np.round(values.reshape(-1, 8, 8) * 255 / 16).astype(np.uint8)
    order = rng.permutation(len(pixels))
    test, training = order[:TEST_IMAGES], order[TEST_IMAGES:]
    calibration = training[:CALIBRATION_IMAGES]

    network = build(rng)
    train(network, pixels[training], labels[training], rng)
    for name, images in (("training", training), ("test", test)):
        correct = np.sum(forward(network, normalise(pixels[images])).argmax(1) == labels[images])
        print(f"{name}: {correct} of {len(images)} correct ({correct / len(images):.4f})")

    write_onnx(network, folder / "digits.onnx")
    write_images(folder / "digits_test.h5", pixels[test], labels[test], f"{TEST_IMAGES} held-out images")
    write_images(folder / "digits_calib.h5", pixels[calibration], labels[calibration],
                 f"{CALIBRATION_IMAGES} training images")  # fmt: skip


if __name__ == "__main__":
    main()
