"""Accuracy at T = 1 ... 256 with 95 % intervals, in the form of the paper's tables, and what windows reach."""
from . import plots, tables
from .ablation import PAPER, WINDOWS, settings_of

TIMESTEPS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
STEPS = (4, 6, 8, 10)
AT_ONCE = 64  # timesteps with the whole image from the first on


def paper_settings(images, timesteps):
    return settings_of(PAPER | {"simulation.timesteps": timesteps}, images)


def window_settings(images, steps):
    return settings_of(WINDOWS | {"neuron.steps": steps, "neuron.delay": steps}, images)


def at_once_settings(images, timesteps):
    changes = {"simulation.encoding": "direct", "simulation.timesteps": min(AT_ONCE, timesteps)}
    return settings_of(PAPER | changes, images)


def add_arguments(parser):
    parser.add_argument("configs", nargs="+", metavar="CONFIG")
    parser.add_argument("--images", type=tables.positive, default=500, help="of each test set, at most (default 500)")
    parser.add_argument("--timesteps", type=tables.positive, default=256, help="of the paper's dynamics (default 256)")


def plan(study, timesteps):
    """(config, images, settings of the paper's dynamics, {steps: settings of windows})"""
    for config in study.options.configs:
        images = study.images(config)
        windows = {steps: window_settings(images, steps) for steps in STEPS}
        yield config, images, paper_settings(images, timesteps), windows


def row_of(name, dynamics, result, timestep):
    right, trained = result.right(timestep - 1), result.trained == result.labels
    low, high = tables.wilson(int(right.sum()), result.images)
    mean, half = tables.difference(right, trained)
    return {
        "network": name,
        "dynamics": dynamics,
        "images": result.images,
        "timesteps": timestep,
        "spikes_per_neuron": result.windows or timestep,
        "accuracy": result.accuracy(timestep - 1),
        "low_95": low,
        "high_95": high,
        "trained": result.trained_accuracy(),
        "to_trained": mean,
        "to_trained_half_95": half,
        "agreement": result.agreement(timestep - 1),
    }


def rows_over_time(name, dynamics, result):
    return [row_of(name, dynamics, result, t) for t in TIMESTEPS if t <= result.latency]


def with_interval(row):
    return f"{row['accuracy']:.1f} ± {(row['high_95'] - row['low_95']) / 2:.1f}"


def beside_trained(row):
    """Accuracy, its paired difference to the trained network's, agreement and time."""
    return (
        f"{row['accuracy']:.1f} ({row['to_trained']:+.1f} ± {row['to_trained_half_95']:.1f}; "
        f"{row['agreement']:.3f}; {row['timesteps']})"
    )


def least_without_loss(rows):
    """The first of `rows` from which on no difference to the trained network shows; None: there is none."""
    least = None
    for row in reversed(rows):
        if row["to_trained"] + row["to_trained_half_95"] < 0:
            break
        least = row["timesteps"]
    return least


def run(study):
    timesteps = study.options.timesteps
    plans = [
        (config, paper, at_once_settings(images, timesteps), windows)
        for config, images, paper, windows in plan(study, timesteps)
    ]
    study.runs.expect(
        [(config, each) for config, paper, direct, windows in plans for each in (paper, direct, *windows.values())]
    )
    rows, over_time, at_the_end, curves, least = [], [], [], {}, []
    for config, paper, direct, windows in plans:
        name = study.stem(config)
        synchronous = rows_over_time(name, "paper", study.runs.evaluate(config, paper))
        at_once = rows_over_time(name, "paper, pixels at once", study.runs.evaluate(config, direct))
        others = []
        for steps, settings in windows.items():
            result = study.runs.evaluate(config, settings)
            others.append(row_of(name, f"windows of {steps}", result, result.latency))
        rows += synchronous + at_once + others
        trained = f"{synchronous[0]['trained']:.1f}"
        for title, of in (("float", synchronous), ("at once", at_once)):
            over_time.append([name, synchronous[0]["images"], trained, title, *map(with_interval, of)])
        at_the_end.append([name, trained, *map(beside_trained, (synchronous[-1], at_once[-1], *others))])
        curves[name] = ([row["timesteps"] for row in synchronous], [row["to_trained"] for row in synchronous])
        least.append(f"{name} {least_without_loss(synchronous) or '-'}/{least_without_loss(at_once) or '-'}")
    study.csv("timesteps", rows)
    plots.lines(
        study.path("timesteps.svg"),
        "The paper's dynamics: accuracy less that of the trained network",
        "timesteps T",
        "points",
        curves,
        logarithmic="x",
    )
    shown = [t for t in TIMESTEPS if t <= timesteps]
    heads = ["network", "images", "trained", "pixels", *(f"T = {t}" for t in shown)]
    text = tables.markdown(heads, [row + [""] * (len(heads) - len(row)) for row in over_time])
    heads = ["network", "trained", f"paper, T = {timesteps}", f"pixels at once, T = {min(AT_ONCE, timesteps)}"]
    text += "\n" + tables.markdown(heads + [f"windows of {steps}" for steps in STEPS], at_the_end)
    study.page(
        "timesteps",
        text,
        "Percent of the test images, with half the width of Wilson's 95 % interval. Second table, in brackets: the "
        "difference to the trained network on the same images with its paired 95 % interval; the share of answers that "
        "are the trained network's; timesteps. The least T of these from which on no loss shows, with graded pixels "
        f"and with all of the image from the first step on: {', '.join(least)}.",
    )
