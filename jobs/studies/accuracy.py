"""The table of accuracies: trained network, the paper's dynamics, windows of 6, 8 and 10 steps, and what
`snn_dist tune` recommends."""
import re

from . import plots, tables
from .ablation import PAPER, WINDOWS, settings_of

STEPS = (6, 8, 10)
TUNED = re.compile(
    r"^([*+]) +(\d+) +(\d+) +(\d+) .*?(?:windows: delay (\d+), ratio ([0-9.]+), margin ([0-9.]+)|"
    r"synchronous: eta0 ([0-9.]+), gamma ([0-9.]+))(?:, quantile ([0-9.]+))?(?:, (int16|int8|float32))?$"
)


def add_arguments(parser):
    parser.add_argument("configs", nargs="+", metavar="CONFIG")
    parser.add_argument("--images", type=tables.positive, default=500, help="of each test set, at most (default 500)")


def tuned_settings(said):
    """{"*": what `tune` recommends, "+": the least latency that it expects to lose nothing}: from what it prints."""
    found = {}
    for line in said.splitlines():
        match = TUNED.match(line)
        if not match:
            continue
        mark, latency, _, spikes, delay, ratio, margin, eta0, gamma, quantile, weights = match.groups()
        if delay:
            made = WINDOWS | {
                "neuron.steps": spikes,
                "neuron.delay": delay,
                "neuron.ratio": ratio,
                "neuron.margin": margin,
            }
        else:
            changes = {"neuron.eta0": eta0, "neuron.gamma": gamma, "simulation.encoding": "direct"}
            made = PAPER | changes | {"simulation.timesteps": latency}
        found[mark] = made | {"data.calibration_quantile": quantile or "1.0", "simulation.weights": weights or "int16"}
    found.setdefault("+", found["*"])
    return found


def cell(result, spikes=False):
    words = f"{result.agreement():.3f}, {result.latency}" + (f", {result.spikes}" if spikes else "")
    return f"{result.accuracy():.1f} ({words})"


def run(study):
    plan = []
    for config in study.options.configs:
        images = study.images(config)
        windows = [settings_of(WINDOWS | {"neuron.steps": steps, "neuron.delay": steps}, images) for steps in STEPS]
        plan.append((config, images, settings_of(PAPER, images), windows))
    study.runs.expect([(config, each) for config, _, paper, windows in plan for each in (paper, *windows)])
    rows, cells = [], []
    for config, images, paper, windows in plan:
        name, evaluate = study.stem(config), study.runs.evaluate
        result = evaluate(config, paper)
        at = {"paper": result} | {f"windows {steps}": evaluate(config, each) for steps, each in zip(STEPS, windows)}
        for mark, values in tuned_settings(study.runs.tune(config)).items():
            at["tuned" if mark == "*" else "least latency"] = evaluate(config, settings_of(values, images))
        speed = result.seconds / at["windows 8"].seconds
        for dynamics, each in at.items():
            row = {"network": name, "dynamics": dynamics, "images": each.images, "trained": each.trained_accuracy()}
            row |= {"accuracy": each.accuracy(), "agreement": each.agreement(), "latency": each.latency}
            rows.append(row | {"spikes_per_neuron": each.spikes, "seconds": each.seconds})
        start = [name, result.images, f"{result.trained_accuracy():.1f}", f"{result.accuracy(31):.1f}"]
        others = [cell(at[f"windows {steps}"]) for steps in STEPS] + [
            cell(at[what], True) for what in ("tuned", "least latency")
        ]
        cells.append([*start, f"{result.accuracy():.1f}", *others, f"{speed:.1f}"])
    study.csv("accuracy", rows)
    plots.bars_beside(
        study.path("accuracy.svg"),
        "Share of answers that are the trained network's",
        {what: {row["network"]: row["agreement"] for row in rows if row["dynamics"] == what} for what in at},
    )
    heads = ["network", "images", "trained", "paper T = 32", "paper T = 64", *(f"windows {steps}" for steps in STEPS)]
    study.page(
        "accuracy",
        tables.markdown(heads + ["tuned", "least latency", "speed"], cells),
        "Percent of the test images; in brackets the share of answers that are the trained network's, the latency in "
        "timesteps, and where they were searched for the spikes of a neuron. Speed is that of windows of 8 over the "
        "paper's dynamics at T = 64.",
    )
