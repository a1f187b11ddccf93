#!/usr/bin/env python3
"""Studies: one question each, answered by evaluations: a table (CSV), a picture (SVG), and a page (Markdown) with a
paragraph.

    jobs/study.py ablation CONFIG -o DIR         what matters: schedules, windows, encodings, scales, weights, forms
    jobs/study.py depth CONFIG... -o DIR         errors layer by layer: a neuron's own and those that it inherits
    jobs/study.py timesteps CONFIG... -o DIR     accuracy at T = 1 ... 256 with 95 % intervals
    jobs/study.py functions -o DIR               which functions a window can follow
    jobs/study.py accuracy CONFIG... -o DIR      trained, the paper's dynamics, windows, and what `tune` finds
    jobs/study.py energy CONFIG... -o DIR        what equal accuracy costs; what a neuromorphic core would need
    jobs/study.py baseline CONFIG... -o DIR      integrate-and-fire beside signGD and windows (ReLU networks)
    jobs/study.py strong|weak|cores|deeper ... -o DIR  how runs scale with ranks, threads and depth (jobs/studies/scaling.py)

Evaluations are made once and kept in DIR/runs: ended early (Ctrl-C, a batch system's SIGTERM), a study goes on with
the same command, and studies with the same DIR share what they have in common. Results of different builds of snn_dist
are not mixed. --launcher "mpirun -np 8" evaluates on so many ranks; results do not depend on it. Needs python3-h5py;
pictures need python3-matplotlib. Answers that were found with these: jobs/studies/README.md.
"""
import argparse
import signal
import sys
from pathlib import Path

import h5py

from program import find_program
from studies import ablation, accuracy, baseline, depth, energy, functions, plots, scaling, tables, timesteps
from studies.runs import STOPPED, Refused, Runs

QUESTIONS = {
    "ablation": ablation,
    "depth": depth,
    "timesteps": timesteps,
    "accuracy": accuracy,
    "functions": functions,
    "energy": energy,
    "baseline": baseline,
}


class Study:
    """What a question gets: its options, its folder, evaluations, and where answers go."""

    def __init__(self, options):
        self.options, self.folder = options, options.output
        self.folder.mkdir(parents=True, exist_ok=True)
        self.runs = Runs(self.folder, options.program, options.launcher, self.announce)

    @staticmethod
    def announce(line):
        print(line, flush=True)

    @staticmethod
    def stem(config):
        return Path(config).stem

    def images(self, config):
        """As many as are asked for, no more than the config's data.images or the test set has."""
        data = tables.read_toml(config).get("data", {})
        if "test" not in data:
            raise tables.BadInput(f"{config}: missing key data.test")
        with h5py.File(Path(config).parent / data["test"]) as file:
            return min(self.options.images, data.get("images") or self.options.images, len(file["labels"]))

    def path(self, name):
        return self.folder / name

    def csv(self, name, rows):
        tables.write_csv(self.path(f"{name}.csv"), rows)

    def page(self, name, table, paragraph):
        self.path(f"{name}.md").write_text(f"{paragraph.strip()}\n\n{table}", encoding="utf-8")
        print(
            f"\n{table}\n{paragraph.strip()}\n\n{self.path(name)}.csv, .md"
            + (" and pictures" if plots.pyplot else "; no pictures, for python3-matplotlib is not installed")
        )


def refuse(reason):
    print(f"study: error: {reason}", file=sys.stderr)
    raise SystemExit(2)


def end(*_):
    raise KeyboardInterrupt


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parsers = parser.add_subparsers(dest="question", required=True, metavar="QUESTION")
    for name, module in QUESTIONS.items():
        words = " ".join(module.__doc__.split())
        one = parsers.add_parser(name, description=words, help=words.replace("%", "%%"))
        module.add_arguments(one)
        one.add_argument(
            "-o", "--output", type=Path, required=True, metavar="DIR", help="folder for evaluations and answers"
        )
        one.add_argument(
            "--launcher",
            default="",
            help='what starts the ranks, for example "mpirun -np 8" (default: none, one process)',
        )
        one.add_argument("--program", default=find_program(), help="the snn_dist that is asked")
    scaling.add_parsers(parsers)
    return parser.parse_args()


def main():
    options = parse()
    if options.question not in QUESTIONS:
        scaling.run(options)
        return
    signal.signal(signal.SIGTERM, end)
    try:
        QUESTIONS[options.question].run(Study(options))
    except OSError as error:
        refuse(f"{error.filename}: {error.strerror}" if error.filename else error)
    except (tables.BadInput, Refused) as error:
        refuse(error)
    except KeyboardInterrupt:
        print("ended early: the same command goes on from here", flush=True)
        raise SystemExit(STOPPED)


if __name__ == "__main__":
    main()
