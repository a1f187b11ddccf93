"""Which functions windows can track (`snn_dist approx`): for each, the fewest steps that are good enough, the best
ratio, and the error against its bound, the last step."""
import subprocess

import h5py
import numpy as np

from . import plots, tables

GOOD = 0.01  # mean |y - f(x) / sigma|
LENGTHS_SHOWN = (4, 8)


def add_arguments(parser):
    parser.add_argument("--function", default="all", help="one function only")
    parser.add_argument("--timesteps", type=tables.positive, default=128, help="of the schedules (default 128)")


def approximate(study):
    """The experiment's file, made unless it is there."""
    options = study.options
    folder = study.folder / f"approx_{options.function}_{options.timesteps}"
    path = folder / "approx.h5"
    if not path.exists():
        study.announce("snn_dist approx")
        folder.mkdir(exist_ok=True)
        subprocess.run(
            [
                study.runs.program,
                "approx",
                "--function",
                options.function,
                "--timesteps",
                str(options.timesteps),
                "-o",
                str(folder),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
        )
    return path


def row_of(name, group, lengths):
    target, tuned = group["target"][()], group["tuned"]["static"]
    row = {
        "function": name,
        "formula": group.attrs["formula"],
        "steepest": float(np.abs(np.diff(target)).max() * (len(target) - 1)),
    }
    mean = tuned["mean_error"][()]
    good = np.flatnonzero(mean <= GOOD)
    row["steps"] = int(lengths[good[0]]) if len(good) else None
    row["ratio"], row["margin"] = (float(tuned[key][good[0]]) if len(good) else None for key in ("ratio", "margin"))
    for steps in LENGTHS_SHOWN:
        at = list(lengths).index(steps)
        for kind, title in (("static", "still"), ("train", "spikes")):
            row[f"mean_{steps}_{title}"] = float(group["tuned"][kind]["mean_error"][at])
            row[f"maximum_{steps}_{title}"] = float(group["tuned"][kind]["maximum_error"][at])
        row[f"mean_{steps}_overlapping"] = float(group["overlap"]["train"]["mean_error"][at])
        row[f"ratio_{steps}"] = float(tuned["ratio"][at])
        row[f"ratio_{steps}_overlapping"] = float(group["overlap"]["train"]["ratio"][at])
        row[f"bound_{steps}"] = float(tuned["last_step"][at])
    paper = group["exponential"]["static"]["mean_error"]
    for steps in (8, 32):
        if len(paper) >= steps:
            row[f"paper_mean_{steps}"] = float(paper[steps - 1])
    return row


def run(study):
    with h5py.File(approximate(study)) as file:
        lengths = file["lengths"][()]
        rows = [row_of(name, file[name], lengths) for name in file if isinstance(file[name], h5py.Group)]
    study.csv("functions", rows)
    rows.sort(key=lambda row: row["maximum_8_spikes"])
    names = [row["function"] for row in rows]
    plots.lines(
        study.path("functions.svg"),
        "Windows of 8 steps: error in units of sigma",
        "",
        "|y - f(x) / sigma|",
        {
            "bound: last step": (names, [row["bound_8"] for row in rows]),
            "largest, x standing still": (names, [row["maximum_8_still"] for row in rows]),
            "largest, x from spikes": (names, [row["maximum_8_spikes"] for row in rows]),
            "mean, x from spikes": (names, [row["mean_8_spikes"] for row in rows]),
            "mean, delay 2": (names, [row["mean_8_overlapping"] for row in rows]),
        },
        logarithmic="y",
        even=True,
        turned=True,
    )
    cells = [
        [
            row["function"],
            row["steps"],
            row["ratio"],
            f"{row['mean_8_still']:.4f}",
            f"{row['maximum_8_still']:.4f}",
            f"{row['bound_8']:.4f}",
            f"{row['mean_8_spikes']:.4f}",
            f"{row['maximum_8_spikes']:.4f}",
            f"{row['mean_8_overlapping']:.4f} ({row['ratio_8_overlapping']})",
            f"{row.get('paper_mean_32', float('nan')):.4f}",
        ]
        for row in sorted(rows, key=lambda row: row["function"])
    ]
    heads = [
        "function",
        f"fewest steps for a mean error of {GOOD}",
        "ratio",
        "8 steps, x still: mean",
        "largest",
        "bound",
        "x from spikes: mean",
        "largest",
        "delay 2: mean (ratio)",
        "paper, T = 32, still: mean",
    ]
    within = sum(row["maximum_8_still"] <= row["bound_8"] * 1.001 for row in rows)
    above = [
        f"{row['function']} ({row['maximum_8_spikes'] / row['bound_8']:.0f} times)"
        for row in reversed(rows)
        if row["maximum_8_spikes"] > 4 * row["bound_8"]
    ]
    study.page(
        "functions",
        tables.markdown(heads, cells),
        f"{within} of {len(rows)} functions stay within the bound when x stands still. Where x "
        f"is decoded from spikes, the largest error is more than four times the last step for "
        f"{', '.join(above) or 'none'}: f passes on the error of x, "
        "as steep as it is.",
    )
