"""What matters: schedules, windows, encodings, scales, formats of the weights and forms, varied one at a time from the
paper's dynamics and from windows of 8, and the pairs that should interact."""
import itertools

from . import plots, tables
from .runs import Refused

PAPER = {
    "neuron.steps": 0,
    "neuron.schedule": "exponential",
    "neuron.eta0": 0.15,
    "neuron.gamma": 0.95,
    "simulation.encoding": "float",
    "simulation.timesteps": 64,
}
WINDOWS = {"neuron.steps": 8, "neuron.delay": 8, "neuron.ratio": 0.5, "neuron.margin": 0.25, "simulation.timesteps": 0}
TIMESTEPS = (8, 16, 32, 64)
SCHEDULES = [
    {"neuron.eta0": eta0, "neuron.gamma": gamma}
    for eta0, gamma in itertools.product((0.05, 0.15, 0.3), (0.9, 0.95, 0.98))
]
FORMS = ("layernorm", "softmax", "attention", "maxpool")


def common():
    """What is varied from either base: (factor, changes)."""
    yield "scale", {"neuron.scale": "layer"}
    yield "scale", {"data.calibration_quantile": 0.999}
    yield "weights", {"simulation.weights": "int8"}
    for form in FORMS:
        yield "form", {f"neuron.{form}": "decomposed"}
    yield "form", {"neuron.streams": "spikes"}
    yield "scale x weights", {"neuron.scale": "layer", "simulation.weights": "int8"}
    yield "scale x quantile", {"neuron.scale": "layer", "data.calibration_quantile": 0.999}


def from_paper():
    for schedule in SCHEDULES:
        yield "schedule", schedule
    yield "schedule", {"neuron.schedule": "inverse", "neuron.eta0": 1.0}
    yield "schedule", {"neuron.schedule": "polynomial", "neuron.power": 0.5}
    yield "schedule", {"neuron.schedule": "constant", "neuron.eta0": 0.05}
    for encoding in ("direct", "deterministic", "stochastic"):
        yield "encoding", {"simulation.encoding": encoding}
    yield "schedule x encoding", {"neuron.gamma": 0.9, "simulation.encoding": "direct"}
    yield "schedule x encoding", {"neuron.eta0": 0.3, "neuron.gamma": 0.9, "simulation.encoding": "direct"}
    yield from common()


def from_windows():
    for steps in (4, 6, 10, 12):
        yield "steps", {"neuron.steps": steps, "neuron.delay": steps}
    for ratio in (0.6, 0.7):
        yield "ratio", {"neuron.ratio": ratio}
    for margin in (0.0, 0.5):
        yield "margin", {"neuron.margin": margin}
    for delay, ratio in itertools.product((4, 2, 1), (0.5, 0.57, 0.65)):
        yield "delay x ratio", {"neuron.delay": delay, "neuron.ratio": ratio}
    yield "steps x delay", {"neuron.steps": 16, "neuron.delay": 2, "neuron.ratio": 0.7, "neuron.margin": 0.5}
    yield "steps x delay", {"neuron.steps": 16, "neuron.delay": 1, "neuron.ratio": 0.8, "neuron.margin": 0.5}
    for steps in (4, 6):
        yield "steps x weights", {"neuron.steps": steps, "neuron.delay": steps, "simulation.weights": "int8"}
    yield "margin x quantile", {"neuron.margin": 0.0, "data.calibration_quantile": 0.999}
    yield "margin x quantile", {"neuron.margin": 0.5, "data.calibration_quantile": 0.999}
    yield from common()


def settings_of(values, images):
    return [f"{key}={value}" for key, value in values.items()] + [f"data.images={images}"]


def design(factors=()):
    """(base, factor, changes) of every evaluation; the bases themselves have no changes."""
    for base, variants in (("paper", from_paper()), ("windows", from_windows())):
        yield base, "base", {}
        for factor, changes in variants:
            if changes.items() - (PAPER if base == "paper" else WINDOWS).items() and (not factors or factor in factors):
                yield base, factor, changes


def factors_of(text):
    """The factors named, or none: all."""
    known = list(dict.fromkeys(factor for _, factor, changes in design() if changes))
    wanted = [word for word in text.split(",") if word]
    for word in wanted:
        if word not in known:
            raise tables.BadInput(f"--factors {word}: expected some of {', '.join(known)}")
    return wanted


def row_of(base, factor, changes, result):
    row = {
        "base": base,
        "factor": factor,
        "changes": " ".join(f"{key.split('.')[1]}={value}" for key, value in changes.items()),
        "images": result.images,
        "trained": result.trained_accuracy(),
    }
    for timestep in TIMESTEPS:
        if not result.windows and timestep <= result.latency:
            row[f"accuracy_{timestep}"] = result.accuracy(timestep - 1)
    row |= {
        "accuracy": result.accuracy(),
        "agreement": result.agreement(),
        "latency": result.latency,
        "spikes_per_neuron": result.spikes,
        "energy_uj": 1e6 * result.per_image("estimate"),
        "signed_additions": result.per_image("synaptic_operations_total"),
        "seconds": result.seconds,
    }
    return row


def say(rows, images):
    """The paragraph: what each factor does to the agreement with the trained network."""
    sentences = []
    for base in ("paper", "windows"):
        own = [row for row in rows if row["base"] == base and "agreement" in row]
        start = next((row for row in own if row["factor"] == "base"), None)
        others = [row for row in own if row["factor"] != "base"]
        if start is None or not others:
            continue
        best, worst = (pick(others, key=lambda row: row["agreement"]) for pick in (max, min))
        spread = {}
        for row in others:
            spread.setdefault(row["factor"], []).append(row["agreement"])
        order = sorted(
            spread,
            key=lambda factor: min(spread[factor] + [start["agreement"]]) - max(spread[factor] + [start["agreement"]]),
        )
        name = "the paper's dynamics (T = 64)" if base == "paper" else "windows of 8"
        sentences.append(
            f"From {name}, agreement with the trained network {start['agreement']:.3f} on {images} images, the factors "
            f"in order of what they move: {', '.join(order)}. Best: {best['changes']} ({best['agreement']:.3f}); "
            f"worst: {worst['changes']} ({worst['agreement']:.3f})."
        )
    return " ".join(sentences)


def add_arguments(parser):
    parser.add_argument("config", metavar="CONFIG")
    parser.add_argument("--images", type=tables.positive, default=200, help="of the test set, at most (default 200)")
    parser.add_argument("--factors", default="", metavar="steps,weights", help="only these (default: all of them)")


def run(study):
    options, images = study.options, study.images(study.options.config)
    plan = [
        (base, factor, changes, settings_of((PAPER if base == "paper" else WINDOWS) | changes, images))
        for base, factor, changes in design(factors_of(options.factors))
    ]
    study.runs.expect([(options.config, settings) for *_, settings in plan])
    rows = []
    for base, factor, changes, settings in plan:
        try:
            rows.append(row_of(base, factor, changes, study.runs.evaluate(options.config, settings)))
        except Refused as refusal:
            rows.append(
                {
                    "base": base,
                    "factor": factor,
                    "changes": " ".join(f"{k}={v}" for k, v in changes.items()),
                    "refused": str(refusal),
                }
            )
    # A form that the network does not have changes nothing: such a row says nothing.
    for base in ("paper", "windows"):
        start = next(row for row in rows if row["base"] == base)
        rows = [
            row
            for row in rows
            if row["base"] != base
            or row["factor"] != "form"
            or "refused" in row
            or row["signed_additions"] != start["signed_additions"]
        ]
    study.csv("ablation", rows)
    shown = [row for row in rows if "agreement" in row]
    plots.ranges(
        study.path("ablation.svg"),
        f"{study.stem(options.config)}: agreement with the trained network",
        "share of the images",
        [f"{row['base']}: {row['changes'] or 'as it is'}" for row in shown],
        [row["agreement"] for row in shown],
        centre=next(r["agreement"] for r in shown if r["base"] == "windows"),
    )
    cells = [
        [
            row["base"],
            row["factor"],
            row["changes"] or "-",
            *(f"{row[f'accuracy_{t}']:.1f}" if f"accuracy_{t}" in row else "" for t in TIMESTEPS[:-1]),
            f"{row['accuracy']:.1f}",
            f"{row['agreement']:.3f}",
            row["latency"],
            row["spikes_per_neuron"],
            f"{row['energy_uj']:.1f}",
        ]
        for row in shown
    ]
    heads = [
        "base",
        "factor",
        "changes",
        *(f"T = {t}" for t in TIMESTEPS[:-1]),
        "at the end",
        "agreement",
        "latency",
        "spikes",
        "µJ",
    ]
    study.page("ablation", tables.markdown(heads, cells), say(rows, images))
