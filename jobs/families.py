#!/usr/bin/env python3
"""Which of torchvision's classifiers convert, and what becomes of them:

    jobs/families.py [NETWORK ...] [-o families] [--images 8] [--program build/release/snn_dist]

Every network is made with random weights (10 classes), exported with a dynamic batch as anyone would export it, checked,
converted with windows of 8 steps, and of 12 with float32 weights, and evaluated on a few images. Without names it takes one network of each
family. What is done stays done: a network whose result lies in the folder is not made again. The table goes to
families/table.md.

  latency      timesteps, with windows of 8 steps and a delay of 8
  check        processor seconds of that command: all of a conversion but the calibration
  trained      the largest difference between torch's outputs and the trained network's as snn_dist evaluates it, of the
               largest output
  8, 12 steps  answers of the spiking network that are torch's, and the error of its outputs: root mean square, in
               standard deviations of the outputs over the images

Random weights are as torchvision initialises them, but: networks without normalisation get He's, factors of residual
branches that begin at nearly 0 (layer_scale) get 0.3; batch normalisation takes its statistics from the images and
shifts by 1, so that most rectifiers pass (networks of independent weights otherwise double a small error every few layers,
as trained ones do not); and the classifier is scaled so that each output has mean 0 and deviation 1 over the images.
These are noise with the spectrum of photographs, in colour. The same arguments give the same networks.
Needs python3-torch, python3-torchvision, python3-onnx, python3-h5py, and the test program trained_values of the build.
"""
import argparse
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
import warnings
from pathlib import Path

import h5py
import numpy as np

ONE_OF_EACH = (
    "alexnet vgg11 resnet18 resnext50_32x4d wide_resnet50_2 regnet_x_400mf regnet_y_400mf densenet121 googlenet "
    "inception_v3 squeezenet1_1 shufflenet_v2_x0_5 mobilenet_v2 mobilenet_v3_small mnasnet0_5 efficientnet_b0 "
    "efficientnet_v2_s convnext_tiny vit_b_32 swin_t swin_v2_t maxvit_t"
).split()
SIZES = {"inception_v3": 299}
CLASSES = 10
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
BRANCH_FACTOR, SHIFT = 0.3, 1.0
WINDOWS = {"8 steps": (8, "int16"), "12 steps": (12, "float32")}

CONFIG = """[model]
{model}
[data]
test = "test.h5"
calibration = "calib.h5"
mean = {mean}
std = {std}
[neuron]
steps = {steps}
delay = {steps}
ratio = 0.5
[simulation]
weights = "{weights}"
batch = 1
[output]
file = "out.h5"
[checkpoint]
directory = ""
"""

COLUMNS = (
    ("network", lambda r: r["network"]),
    ("weights, M", lambda r: f"{r['weights'] / 1e6:.1f}"),
    ("input", lambda r: str(r["size"])),
    ("converts", lambda r: "yes" if r["converts"] else r["refusal"]),
    ("neurons, M", lambda r: f"{r['neurons'] / 1e6:.2f}"),
    ("depth", lambda r: str(r["depth"])),
    ("latency", lambda r: str(r["latency"])),
    ("check, s", lambda r: f"{r['check']:.1f}"),
    ("trained", lambda r: f"{r['trained']:.0e}"),
    *((title, lambda r, at=title: f"{r['agree'][at]}/{r['images']}, {r['error'][at]:.2f}") for title in WINDOWS),
)


def make_images(count, size, random):
    """uint8 [count][size][size][3]: noise with amplitudes falling as 1 / frequency, its channels alike."""
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :])
    amplitude = 1.0 / np.maximum(frequency, 1.0 / size)
    shape = (count, 3, size, size)
    noise = np.fft.irfft2(np.fft.rfft2(random.standard_normal(shape)) * amplitude, s=(size, size))
    mixed = noise + 2.0 * noise.mean(axis=1, keepdims=True)
    mixed -= mixed.mean(axis=(1, 2, 3), keepdims=True)
    mixed *= random.uniform(30, 70, (count, 1, 1, 1)) / mixed.std(axis=(1, 2, 3), keepdims=True)
    return np.clip(mixed + random.uniform(90, 150, (count, 3, 1, 1)), 0, 255).astype(np.uint8).transpose(0, 2, 3, 1)


def write_images(path, images, labels):
    with h5py.File(path, "w") as file:
        file.create_dataset("images", data=images).attrs["layout"] = "NHWC"
        file["labels"] = labels


def settle(model, images, torch):
    """Weights and statistics that random images keep at a sane size; see above. Leaves the model ready for inference."""
    nn = torch.nn
    normalisations = (nn.BatchNorm2d, nn.LayerNorm)
    if not any(isinstance(module, normalisations) for module in model.modules()):
        for module in model.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    for name, parameter in model.named_parameters():
        if name.endswith("layer_scale"):
            nn.init.constant_(parameter, BRANCH_FACTOR)
    model.eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.constant_(module.bias, SHIFT)
            module.reset_running_stats()
            module.momentum = None  # an average over all batches
            module.train()
    model(images)
    model.eval()
    classifier = [m for m in model.modules() if getattr(m, "out_features", getattr(m, "out_channels", 0)) == CLASSES][-1]
    nn.init.normal_(classifier.weight, std=classifier.weight[0].numel() ** -0.5)
    classifier.bias = nn.Parameter(torch.zeros(CLASSES))
    seen = []
    hook = classifier.register_forward_hook(lambda module, inputs, output: seen.append(output.clone()))
    model(images)
    hook.remove()
    values = seen[0].transpose(0, 1).flatten(1)
    deviation, mean = values.std(dim=1), values.mean(dim=1)
    classifier.weight.div_(deviation.reshape([-1] + [1] * (classifier.weight.dim() - 1)))
    classifier.bias.copy_(-mean / deviation)


def make_model(name, folder, images, torch, torchvision):
    """Writes model.onnx; the number of weights and torch's outputs for the images, or why it could not be exported."""
    torch.manual_seed(1)
    extra = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}  # what else takes minutes
    model = torchvision.models.get_model(name, num_classes=CLASSES, **extra)
    with torch.no_grad():
        settle(model, images, torch)
        outputs = torch.cat([model(image[None]) for image in images]).numpy()
    try:
        torch.onnx.export(model, images[:1], str(folder / "model.onnx"), input_names=["image"], output_names=["logits"],
                          dynamic_axes={"image": {0: "batch"}, "logits": {0: "batch"}})
    except Exception as error:  # whatever the exporter raises
        return None, str(error).split(". ")[0]
    return sum(parameter.numel() for parameter in model.parameters()), outputs


def execute(command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.returncode, done.stdout


def measured(command, folder):
    """The same with the processor seconds that it took."""

    def spent():
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return children.ru_utime + children.ru_stime

    begun = spent()
    return *execute(command, folder), spent() - begun


def spike(options, folder, steps, weights):
    """Converts and evaluates with windows of so many steps: neurons, answers and outputs."""
    for name, model in (("model", 'onnx = "model.onnx"'), ("network", 'network = "net.snn.h5"')):
        config = CONFIG.format(model=model, mean=list(MEAN), std=list(STD), steps=steps, weights=weights)
        (folder / f"{name}.toml").write_text(config)
    _, said = execute([options.program, "convert", "model.toml", "-o", "net.snn.h5"], folder)
    execute([options.program, "run", "network.toml", "--quiet", "--restart", "never"], folder)
    with h5py.File(folder / "out.h5") as file:
        answers, values = file["predictions/snn"][:, -1], file["predictions/logits"][()]
    return int(re.search(r"(\d+) neurons", said).group(1)), answers, values


def evaluate(name, options, folder, torch, torchvision):
    """The row of a network."""
    size = options.size or SIZES.get(name, 224)
    row = {"network": name, "size": size, "converts": False}
    random = np.random.default_rng(1)
    pixels = make_images(3 * options.images, size, random)
    normalised = (pixels / 255.0 - MEAN) / STD
    images = torch.from_numpy(normalised.astype(np.float32).transpose(0, 3, 1, 2).copy())
    weights, outputs = make_model(name, folder, images, torch, torchvision)
    if weights is None:
        return row | {"refusal": f"not exported: {outputs}"}
    row["weights"] = weights
    labels = outputs.argmax(axis=1)
    count = options.images
    write_images(folder / "test.h5", pixels[:count], labels[:count])
    write_images(folder / "calib.h5", pixels[count:], labels[count:])

    failed, said, row["check"] = measured([options.program, "check", "model.onnx"], folder)
    if failed:
        refused = [line.split()[1] for line in said.splitlines() if line.startswith("REFUSED")]
        return row | {"refusal": f"refused: {len(refused)} nodes, first {refused[0]}" if refused else "refused"}
    row["depth"] = int(re.search(r"^depth (\d+)", said, re.M).group(1))
    row["latency"] = int(re.search(r"it is (\d+) timesteps", said).group(1))

    row |= {"images": count, "agree": {}, "error": {}}
    for title, (steps, weights) in WINDOWS.items():
        row["neurons"], answers, values = spike(options, folder, steps, weights)
        row["agree"][title] = int((answers == labels[:count]).sum())
        row["error"][title] = float(np.sqrt(np.mean((values - outputs[:count]) ** 2)) / outputs.std(axis=0).mean())
    execute([options.trained_values, "model.toml", str(count), "trained"], folder)
    trained = np.fromfile(folder / "trained.values", np.float32).reshape(count, CLASSES)
    row["trained"] = float(np.abs(trained - outputs[:count]).max() / np.abs(outputs[:count]).max())
    return row | {"converts": True}


def table(rows):
    lines = ["| " + " | ".join(title for title, _ in COLUMNS) + " |", "|" + " --- |" * len(COLUMNS)]
    for row in rows:
        cells = []
        for _, show in COLUMNS:
            try:
                cells.append(show(row))
            except KeyError:  # not known of what does not convert
                cells.append("")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main():
    root = Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", metavar="NETWORK")
    parser.add_argument("-o", "--output", type=Path, default=Path("families"))
    parser.add_argument("--images", type=int, default=8, help="to evaluate; twice as many calibrate (default 8)")
    parser.add_argument("--size", type=int, help="of the images (default: the network's own)")
    parser.add_argument("--program", type=Path, default=root / "build/release/snn_dist")
    parser.add_argument("--trained-values", type=Path, default=root / "build/release/tests/onnx/trained_values")
    parser.add_argument("--keep", action="store_true", help="leave models and data in the folder")
    options = parser.parse_args()
    options.program, options.trained_values = options.program.resolve(), options.trained_values.resolve()
    for program in (options.program, options.trained_values):
        if not program.exists():
            parser.error(f"{program} is not there: build first")
    try:
        import torch
        import torchvision
    except ImportError as error:
        sys.exit(f"families.py: {error}: apt-get install python3-torch python3-torchvision")
    warnings.filterwarnings("ignore")
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count())))
    unknown = [name for name in options.networks if name not in torchvision.models.list_models(torchvision.models)]
    if unknown:
        parser.error(f"torchvision has no classifier {unknown[0]}")

    rows = []
    for name in options.networks or ONE_OF_EACH:
        result = options.output / f"{name}.json"
        if not result.exists():
            begun = time.monotonic()
            folder = options.output / name
            folder.mkdir(parents=True, exist_ok=True)
            row = evaluate(name, options, folder, torch, torchvision) | {"seconds": round(time.monotonic() - begun)}
            if not options.keep:
                shutil.rmtree(folder)
            result.write_text(json.dumps(row, indent=1) + "\n")
        rows.append(json.loads(result.read_text()))
        print(table(rows[-1:]).splitlines()[-1] + f" {rows[-1]['seconds']} s", flush=True)
    (options.output / "table.md").write_text(table(rows))


if __name__ == "__main__":
    main()
