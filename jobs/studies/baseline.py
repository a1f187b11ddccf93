"""Integrate-and-fire neurons (the paper's Theorem 4.1: subgradient steps of 1 / (t + 1)) on ReLU networks, beside the
paper's dynamics and windows: accuracy over spikes."""
from . import plots, tables
from .ablation import PAPER, WINDOWS, settings_of
from .runs import Refused

TIMESTEPS = (4, 8, 16, 32, 64, 128, 256)
# With steps of 1 / (t + 1) a graded pixel is there at once.
RATES = PAPER | {
    "neuron.dynamics": "subgradient",
    "neuron.schedule": "inverse",
    "neuron.eta0": 1.0,
    "simulation.encoding": "direct",
}
TRACKING = {"neuron.dynamics": "signgd"}
STEPS = (3, 4, 5, 6, 8, 10)


def add_arguments(parser):
    parser.add_argument("configs", nargs="+", metavar="CONFIG")
    parser.add_argument("--images", type=tables.positive, default=200, help="of each test set, at most (default 200)")
    parser.add_argument("--timesteps", type=tables.positive, default=256, help="without windows (default 256)")


def plan(images, timesteps):
    at = {"simulation.timesteps": timesteps}
    yield "integrate-and-fire", settings_of(RATES | at, images)
    yield "integrate-and-fire, quantile 0.999", settings_of(RATES | at | {"data.calibration_quantile": 0.999}, images)
    yield "paper", settings_of(TRACKING | PAPER | at, images)
    yield "paper, direct, 0.3 0.9^t", settings_of(
        TRACKING | PAPER | at | {"simulation.encoding": "direct", "neuron.eta0": 0.3, "neuron.gamma": 0.9}, images
    )
    for steps in STEPS:
        yield f"windows of {steps}", settings_of(
            TRACKING | WINDOWS | {"neuron.steps": steps, "neuron.delay": steps}, images
        )


def rows_of(name, dynamics, result):
    times = [t for t in TIMESTEPS if t <= result.latency] if not result.windows else [result.latency]
    for t in times:
        ones = result.firing[:t].sum() if not result.windows else result.ones
        yield {
            "network": name,
            "dynamics": dynamics,
            "images": result.images,
            "timesteps": t,
            "signed_spikes_per_neuron": result.windows or t,
            "ones_per_neuron": float(ones),
            "accuracy": result.accuracy(t - 1),
            "agreement": result.agreement(t - 1),
            "trained": result.trained_accuracy(),
        }


def is_windows(row):
    return row["dynamics"].startswith("windows")


def with_spikes(row):
    return f"{row['accuracy']:.1f} ({row['ones_per_neuron']:.1f})"


def draw(study, name, rows):
    curves = {}
    for row in rows:
        x, y = curves.setdefault("windows" if is_windows(row) else row["dynamics"], ([], []))
        x.append(row["ones_per_neuron"])
        y.append(row["accuracy"])
    plots.lines(
        study.path(f"baseline_{name}.svg"),
        f"{name}: accuracy over spikes",
        "spikes of value 1 of a neuron and image",
        "percent",
        curves,
        logarithmic="x",
        levels={"trained": rows[0]["trained"]},
    )


def run(study):
    plans = [
        (config, dynamics, settings)
        for config in study.options.configs
        for dynamics, settings in plan(study.images(config), study.options.timesteps)
    ]
    study.runs.expect([(config, settings) for config, _, settings in plans])
    rows, refused = [], []
    for config, dynamics, settings in plans:
        try:
            rows += rows_of(study.stem(config), dynamics, study.runs.evaluate(config, settings))
        except Refused as refusal:
            refused.append(f"{study.stem(config)} is refused: {refusal}.")
    study.csv("baseline", rows)
    over_time, at_the_end = [], []
    for name in dict.fromkeys(row["network"] for row in rows):
        of = [row for row in rows if row["network"] == name]
        draw(study, name, of)
        start = [name, f"{of[0]['trained']:.1f}"]
        for dynamics in dict.fromkeys(row["dynamics"] for row in of if not is_windows(row)):
            over_time.append([*start, dynamics, *(with_spikes(row) for row in of if row["dynamics"] == dynamics)])
        at_the_end.append([*start, *(with_spikes(row) for row in of if is_windows(row))])
    shown = [t for t in TIMESTEPS if t <= study.options.timesteps]
    text = tables.markdown(["network", "trained", "dynamics", *(f"T = {t}" for t in shown)], over_time)
    text += "\n" + tables.markdown(["network", "trained", *(f"windows of {steps}" for steps in STEPS)], at_the_end)
    study.page(
        "baseline",
        text,
        "Percent correct; in brackets the spikes of value 1 that a neuron sends for an image. A signed neuron's zeros "
        "are messages as well, an integrate-and-fire neuron's are not. " + " ".join(dict.fromkeys(refused)),
    )
