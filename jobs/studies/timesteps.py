"""Accuracy at T = 1 ... 256 with 95 % intervals, in the form of the paper's tables, and what windows reach."""
from . import plots, tables
from .ablation import PAPER, WINDOWS, settings_of

TIMESTEPS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
STEPS = (4, 6, 8, 10)


def paper_settings(images, timesteps):
    return settings_of(PAPER | {"simulation.timesteps": timesteps}, images)


def window_settings(images, steps):
    return settings_of(WINDOWS | {"neuron.steps": steps, "neuron.delay": steps}, images)


def add_arguments(parser):
    parser.add_argument("configs", nargs="+", metavar="CONFIG")
    parser.add_argument("--images", type=tables.positive, default=500, help="of each test set, at most (default 500)")
    parser.add_argument("--timesteps", type=tables.positive, default=256, help="of the paper's dynamics (default 256)")


def plan(study, timesteps):
    """(config, images, settings of the paper's dynamics, {steps: settings of windows})"""
    for config in study.options.configs:
        images = study.images(config)
        yield config, images, paper_settings(images, timesteps), {steps: window_settings(images, steps) for steps in STEPS}


def row_of(name, dynamics, result, timestep):
    right, trained = result.right(timestep - 1), result.trained == result.labels
    low, high = tables.wilson(int(right.sum()), result.images)
    mean, half = tables.difference(right, trained)
    return {"network": name, "dynamics": dynamics, "images": result.images, "timesteps": timestep,
            "spikes_per_neuron": result.windows or timestep, "accuracy": result.accuracy(timestep - 1), "low_95": low, "high_95": high,
            "trained": result.trained_accuracy(), "to_trained": mean, "to_trained_half_95": half,
            "agreement": result.agreement(timestep - 1)}


def rows_of_network(study, config, paper, windows):
    name = study.stem(config)
    result = study.runs.evaluate(config, paper)
    rows = [row_of(name, "paper", result, t) for t in TIMESTEPS if t <= result.latency]
    for steps, settings in windows.items():
        result = study.runs.evaluate(config, settings)
        rows.append(row_of(name, f"windows of {steps}", result, result.latency))
    return rows


def with_interval(row):
    return f"{row['accuracy']:.1f} ± {(row['high_95'] - row['low_95']) / 2:.1f}"


def run(study):
    plans = list(plan(study, study.options.timesteps))
    study.runs.expect([(config, settings) for config, _, paper, windows in plans for settings in (paper, *windows.values())])
    rows, cells, more, curves, last = [], [], [], {}, []
    for config, _, paper, windows in plans:
        of = rows_of_network(study, config, paper, windows)
        rows += of
        synchronous = [row for row in of if row["dynamics"] == "paper"]
        first = of[0]
        cells.append([first["network"], first["images"], f"{first['trained']:.1f}", *map(with_interval, synchronous)])
        more.append([first["network"], f"{first['trained']:.1f}",
                     *(f"{with_interval(row)} ({row['to_trained']:+.1f} ± {row['to_trained_half_95']:.1f}; {row['timesteps']})"
                       for row in of if row["dynamics"] != "paper")])
        curves[first["network"]] = ([row["timesteps"] for row in synchronous], [row["to_trained"] for row in synchronous])
        reached = next((row["timesteps"] for row in synchronous if all(
            later["to_trained"] + later["to_trained_half_95"] >= 0 for later in synchronous if later["timesteps"] >= row["timesteps"])), None)
        last.append(f"{first['network']} {'never' if reached is None else f'T = {reached}'}")
    study.csv("timesteps", rows)
    plots.lines(study.path("timesteps.svg"), "The paper's dynamics: accuracy less that of the trained network", "timesteps T",
                "points", curves, logarithmic="x")
    count = max(len(row) for row in cells) - 3
    text = tables.markdown(["network", "images", "trained", *(f"T = {t}" for t in TIMESTEPS[:count])], cells) + "\n" + tables.markdown(
        ["network", "trained", *(f"windows of {steps}" for steps in STEPS)], more)
    study.page("timesteps", text, "Percent of the test images, with 95 % intervals (Wilson's; half their widths). Of windows also the "
               "difference to the trained network on the same images, with its paired interval, and the latency in timesteps. The "
               f"least power of two from which on the paper's dynamics are not distinguishable from the trained network: {', '.join(last)}.")
