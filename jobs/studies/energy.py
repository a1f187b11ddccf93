"""What equal accuracy costs: the paper's dynamics and windows against the trained and the quantised network, by two
lists of prices; and what a neuromorphic core would need for each kind of neuron."""
import math

import numpy as np

from . import plots, tables, timesteps

# Picojoules in 45 nm (Horowitz, ISSCC 2014). "float": what papers on conversion reckon with, a float32 accumulation for
# each spike and use of a weight, a float32 multiplication and addition for each use of a weight in the trained network.
# "integer" is the estimate in the output: int32 additions, and neurons' updates and graded input on top of them.
FLOAT_ACCUMULATE, FLOAT_MULTIPLY_ACCUMULATE = 0.9, 4.6
SLACK = 0.5  # points below the trained network that count as equal, beside one image


def add_arguments(parser):
    timesteps.add_arguments(parser)


def is_equal(result, timestep):
    return result.accuracy(timestep - 1) >= result.trained_accuracy() - max(SLACK, 100.0 / result.images)


def least_timesteps(result):
    """From which on accuracy stays as good as the trained network's; None: never."""
    good = np.array([is_equal(result, t) for t in range(1, result.latency + 1)])
    bad = np.flatnonzero(~good)
    first = 1 if len(bad) == 0 else int(bad[-1]) + 2
    return first if first <= result.latency else None


def costs(result, steps=None):
    """Microjoules of an image by both lists. `steps`: of the paper's dynamics, the first so many."""
    integer = result.energy["estimate"] / result.images
    graded = result.energy["input_products_total"] / result.images * 1e-12
    if steps is not None:  # the graded image is paid for once
        integer = (
            integer - graded * FLOAT_MULTIPLY_ACCUMULATE
        ) * steps / result.latency + graded * FLOAT_MULTIPLY_ACCUMULATE
    additions = result.per_image("synaptic_operations_total", steps) * 1e-12
    return {
        "integer_uj": 1e6 * integer,
        "float_uj": 1e6 * (additions * FLOAT_ACCUMULATE + graded * FLOAT_MULTIPLY_ACCUMULATE),
    }


def rows_of_network(study, config, paper, windows):
    name = study.stem(config)
    result = study.runs.evaluate(config, paper)
    trained = result.per_image("trained_network_estimate")
    rows = [
        {
            "network": name,
            "what": "trained",
            "accuracy": result.trained_accuracy(),
            "integer_uj": 1e6 * trained,
            "float_uj": 1e6 * trained,
        }
    ]
    least = least_timesteps(result)
    at = least or result.latency
    rows.append(
        {
            "network": name,
            "what": "paper",
            "spikes": at,
            "latency": at,
            "equal": least is not None,
            "accuracy": result.accuracy(at - 1),
        }
        | costs(result, at)
    )
    for steps in windows:
        result = study.runs.evaluate(config, windows[steps])
        if is_equal(result, result.latency) or steps == max(windows):
            break
    rows.append(
        {
            "network": name,
            "what": "windows",
            "spikes": steps,
            "latency": result.latency,
            "accuracy": result.accuracy(),
            "equal": is_equal(result, result.latency),
        }
        | costs(result)
    )
    quantised = 1e6 * result.energy["quantised_network_estimate"] / result.images
    rows.append(
        {
            "network": name,
            "what": "quantised",
            "spikes": steps,
            "accuracy": None,
            "integer_uj": quantised,
            "float_uj": None,
        }
    )
    return rows


def core_needs(steps=8, timesteps=64, weight_bits=16, fan_in=576):
    """State and work of one neuron for one image. A sum is as wide as all that it may add up: a weight for each of
    `fan_in` sources, times what a source's spikes add up to. In windows that is a whole number; the paper's steps
    eta(t) = 0.15 0.95^t are multiples of nothing, so x and y are in fixed point that resolves the last of them within
    4 sigma."""
    fan = math.ceil(math.log2(fan_in))
    total = weight_bits + fan + steps
    fraction = math.ceil(math.log2(4 / (0.15 * 0.95 ** (timesteps - 1))))
    rate = math.ceil(math.log2(timesteps + 1))
    return [
        ["windows, delay = steps", f"{total} + {steps + 1}", steps, steps, f"{steps}; 0 at ratio 1/2", 1, 0],
        ["windows, delay < steps", f"{total} + {steps + 1}", steps, steps, steps, steps, 0],
        [
            "paper",
            f"{weight_bits + fan + fraction} + {fraction}",
            timesteps,
            timesteps,
            timesteps,
            timesteps,
            timesteps,
        ],
        ["integrate-and-fire", f"{weight_bits + fan + rate}", "the ones", "the ones", timesteps, "none: ReLU", 0],
    ]


def run(study):
    plans = list(timesteps.plan(study, study.options.timesteps))
    study.runs.expect(
        [(config, settings) for config, _, paper, windows in plans for settings in (paper, *windows.values())]
    )
    rows = []
    for config, _, paper, windows in plans:
        rows += rows_of_network(study, config, paper, windows)
    study.csv("energy", rows)
    names = list(dict.fromkeys(row["network"] for row in rows))

    def find(name, what):
        return next(row for row in rows if row["network"] == name and row["what"] == what)

    def ratio(name, what, column):
        return find(name, what)[column] / find(name, "trained")[column]

    curves = {
        f"{what}, {title}": (names, [ratio(name, what, column) for name in names])
        for what in ("paper", "windows")
        for column, title in (("integer_uj", "integer prices"), ("float_uj", "float prices"))
    }
    curves["quantised, integer prices"] = (names, [ratio(name, "quantised", "integer_uj") for name in names])
    plots.lines(
        study.path("energy.svg"),
        "Energy at equal accuracy, in units of the trained network's",
        "",
        "of the trained network",
        curves,
        logarithmic="y",
        even=True,
        levels={"trained": 1.0},
    )
    cells = []
    for name in names:
        trained, paper, windows, quantised = (find(name, what) for what in ("trained", "paper", "windows", "quantised"))

        def cell(row):
            mark = "" if row["equal"] else ", not equal"
            return (
                f"{row['accuracy']:.1f} ({row['spikes']} spikes, latency {row['latency']}{mark})",
                f"{row['integer_uj']:.3g} / {row['float_uj']:.3g}",
            )

        cells.append(
            [
                name,
                f"{trained['accuracy']:.1f}",
                f"{trained['integer_uj']:.3g}",
                *cell(paper),
                *cell(windows),
                f"{quantised['integer_uj']:.3g}",
            ]
        )
    text = tables.markdown(
        [
            "network",
            "trained, %",
            "µJ",
            "paper, %",
            "µJ: integer / float",
            "windows, %",
            "µJ: integer / float",
            "quantised to as many bits, µJ",
        ],
        cells,
    )
    heads = ["neuron", "bits of state (sum or x, y)", "messages", "additions a synapse", "comparisons"]
    text += "\n" + tables.markdown(heads + ["evaluations of f", "multiplications"], core_needs())
    mean = [
        np.exp(np.mean([np.log(ratio(name, what, column)) for name in names]))
        for what, column in (
            ("paper", "integer_uj"),
            ("windows", "integer_uj"),
            ("paper", "float_uj"),
            ("windows", "float_uj"),
        )
    ]
    study.page(
        "energy",
        text,
        f"At equal accuracy (at most {SLACK} points or one image below the trained network) the paper's dynamics cost "
        f"{mean[0]:.2g} times the trained float32 network and windows {mean[1]:.2g} times by integer prices, "
        f"{mean[2]:.2g} and "
        f"{mean[3]:.2g} times by float prices (geometric means over the networks).",
    )
