"""Does the error of a spiking network grow with its depth? Errors of every layer, its own and inherited ones, in
trained networks and in generated ones of many depths, beside what weights predict."""
import subprocess
import sys
from pathlib import Path

import numpy as np

from . import plots, tables
from .ablation import PAPER, WINDOWS, settings_of

JOBS = Path(__file__).resolve().parent.parent
WINDOW, SYNCHRONOUS_DEPTH = 8, 120
LARGEST = 3e8  # updates of neurons for an image, where the paper's dynamics go on as long as windows take
KINDS = {"resnets": "resnet", "transformers": "transformer", "chains": "depthwise"}


def numbers(words):
    return [int(word) for word in words.split(",") if word]


def add_arguments(parser):
    parser.add_argument("configs", nargs="*", metavar="CONFIG")
    parser.add_argument("--images", type=tables.positive, default=10, help="of each test set, at most (default 10)")
    parser.add_argument(
        "--resnets", type=numbers, default=[], metavar="20,56,110", help="generated ResNets of these depths"
    )
    parser.add_argument(
        "--transformers", type=numbers, default=[], metavar="4,12,24", help="generated transformers of so many blocks"
    )
    parser.add_argument(
        "--chains", type=numbers, default=[], metavar="6,13,26", help="generated chains of depthwise convolutions"
    )


def generate(study, kind, depth):
    folder = study.folder / "generated" / f"{kind}{depth}"
    if not (folder / "config.toml").exists():
        study.announce(f"generating {folder.name}")
        subprocess.run(
            [
                sys.executable,
                str(JOBS / "generate_network.py"),
                kind,
                "--depth",
                str(depth),
                "-o",
                str(folder),
                "--images",
                "16",
                "--calibration",
                "32",
            ],
            check=True,
        )
    return folder / "config.toml"


def dynamics(rows, made):
    """{name: settings}, by what windows have said of the network."""
    latency = WINDOW * depth_of(rows)
    yield "windows of 8", WINDOWS
    if made == "generated" and depth_of(rows) > SYNCHRONOUS_DEPTH:
        return
    yield "windows of 8, delay 2", WINDOWS | {"neuron.delay": 2, "neuron.ratio": 0.6, "neuron.margin": 0.5}
    yield "paper, as many spikes", PAPER | {"simulation.timesteps": WINDOW}
    yield "paper, T = 64", PAPER
    if latency > 64 and latency * sum(row["neurons"] for row in neurons_of(rows)) <= LARGEST:
        yield "paper, same latency", PAPER | {"simulation.timesteps": latency}


def depth_of(rows):
    return int(max(row["depth"] for row in rows))


def neurons_of(rows):
    return [row for row in rows if row["neuron"] != "readout"]


def rms(values):
    return float(np.sqrt(np.mean(np.square(values))))


def growth(rows, column):
    """`column` relative to the signal, by quarters of the layers: root mean squares, and the exponent by which it goes
    with depth from the second quarter on: 0 where it does not grow, 1/2 where independent errors add up."""
    layers = neurons_of(rows)
    relative = np.array([row[column] / row["signal"] if row["signal"] > 0 else np.nan for row in layers])
    depth = np.array([row["depth"] for row in layers]) + 1.0
    known = np.isfinite(relative) & (np.arange(len(layers)) >= len(layers) // 4) & (relative > 0)
    quarters = [rms(part[np.isfinite(part)]) for part in np.array_split(relative, 4) if np.isfinite(part).any()]
    if len(set(depth[known])) < 2:
        return quarters, float("nan")
    return quarters, float(np.polyfit(np.log(depth[known]), np.log(relative[known]), 1)[0])


def summary_of(network, name, rows):
    logits = rows[-1]
    layers = neurons_of(rows)
    quarters, exponent = growth(rows, "total")
    excess = [row["inherited"] / row["predicted"] for row in layers if row["predicted"] > 0]
    return {
        "network": network,
        "dynamics": name,
        "depth": depth_of(rows),
        "images": int(logits["images"]),
        "agreement": logits["agreeing"] / logits["images"],
        **{key: rms([row[key] for row in layers]) for key in ("own", "inherited", "total")},
        **{f"relative_quarter_{i + 1}": value for i, value in enumerate(quarters)},
        "exponent": exponent,
        "inherited_over_predicted": float(np.median(excess)) if excess else None,
        "logits_error": logits["total"] / logits["signal"],
        "logits_predicted": logits["predicted"] / logits["signal"],
    }


def kinds_table(results):
    """Of windows: what a kind of neuron adds and passes on."""
    cells = []
    for origin in ("trained", "generated"):
        by_kind = {}
        for (_, name, made), rows in results.items():
            if name == "windows of 8" and made == origin:
                for row in neurons_of(rows):
                    by_kind.setdefault(row["neuron"], []).append(row)
        for kind, rows in sorted(by_kind.items()):
            later = [row for row in rows if row["predicted"] > 0]
            ratios = np.array([row["inherited"] / row["predicted"] for row in later])
            cells.append(
                [
                    kind,
                    origin,
                    len(rows),
                    *(f"{rms([row[key] for row in rows]):.4f}" for key in ("own", "inherited")),
                    f"{np.median(ratios):.2f} ({ratios.min():.2f} to {ratios.max():.2f})" if len(later) else "-",
                ]
            )
    return tables.markdown(
        ["neurons", "networks", "layers", "own", "inherited", "inherited / predicted: median (range)"], cells
    )


def run(study):
    options = study.options
    # How many timesteps windows take is known when a network's depth is.
    plan = [(Path(config).stem, config, study.images(config), "trained") for config in options.configs]
    for option, kind in KINDS.items():
        for depth in getattr(options, option):
            config = generate(study, kind, depth)
            plan.append((f"{kind}{depth}", config, study.images(config), "generated"))
    if not plan:
        raise tables.BadInput("no networks: name configs, or ask for --resnets, --transformers or --chains")
    study.runs.expect([(config, settings_of(WINDOWS, images)) for _, config, images, _ in plan], "layers")
    results = {}
    for network, config, images, made in plan:
        results[network, "windows of 8", made] = study.runs.layers(config, settings_of(WINDOWS, images))
    others = []
    for network, config, images, made in plan:
        for name, values in dynamics(results[network, "windows of 8", made], made):
            others.append((network, config, name, made, settings_of(values, images)))
    study.runs.expect([(config, settings) for _, config, _, _, settings in others], "layers")
    for network, config, name, made, settings in others:
        results[network, name, made] = study.runs.layers(config, settings)
    order = [(network, name, made) for network, _, name, made, _ in others]

    study.csv(
        "depth_layers",
        [
            {"network": network, "dynamics": name, **row}
            for network, name, made in order
            for row in results[network, name, made]
        ],
    )
    summaries = [summary_of(network, name, results[network, name, made]) for network, name, made in order]
    study.csv("depth", summaries)

    def curve(key, column="total"):
        layers = neurons_of(results[key])
        return [row["depth"] + 1 for row in layers], [row[column] for row in layers]

    trained = [key for key in order if key[1] == "windows of 8" and key[2] == "trained"]
    generated = [key for key in order if key[1] == "windows of 8" and key[2] == "generated"]
    for title, keys in (("trained", trained), ("generated", generated)):
        if keys:
            plots.lines(
                study.path(f"depth_{title}.svg"),
                f"Windows of 8 steps, {title} networks: error y - f(x trained)",
                "layer",
                "root mean square, sigma",
                {key[0]: curve(key) for key in keys},
                logarithmic="xy",
            )
    for network in dict.fromkeys(key[0] for key in trained):
        keys = [key for key in order if key[0] == network]
        plots.lines(
            study.path(f"depth_{network}.svg"),
            f"{network}: error y - f(x trained)",
            "layer",
            "root mean square, sigma",
            {key[1]: curve(key) for key in keys} | {"windows of 8: own": curve(keys[0], "own")},
            logarithmic="y",
        )
    cells = [
        [
            row["network"],
            row["depth"],
            row["dynamics"],
            f"{row['agreement']:.2f}",
            *(f"{row[key]:.4f}" for key in ("own", "inherited", "total")),
            " ".join(
                f"{100 * row[f'relative_quarter_{i}']:.2g}" for i in (1, 2, 3, 4) if f"relative_quarter_{i}" in row
            ),
            f"{row['exponent']:+.2f}",
            "-" if row["inherited_over_predicted"] is None else f"{row['inherited_over_predicted']:.2f}",
            f"{row['logits_error']:.4f}",
            f"{row['logits_predicted']:.4f}",
        ]
        for row in summaries
    ]
    heads = [
        "network",
        "layers",
        "dynamics",
        "agreement",
        "own",
        "inherited",
        "total",
        "total / signal by quarters, %",
        "exponent",
        "inherited / predicted",
        "logits",
        "logits predicted",
    ]
    windows = [row for row in summaries if row["dynamics"] == "windows of 8"]
    exponents = [row["exponent"] for row in windows if row["depth"] >= 8]
    said = "Root mean squares over neurons and images in units of sigma; of the logits in units of their spread. "
    if exponents:
        said += (
            f"With windows of 8 the error relative to the signal goes as depth to the power {min(exponents):+.2f} to "
            f"{max(exponents):+.2f}, from the second quarter of the layers on."
        )
    study.page("depth", tables.markdown(heads, cells) + "\n" + kinds_table(results), said)
