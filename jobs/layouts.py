#!/usr/bin/env python3
"""Whether the planner chooses well on this machine: its choice against every layout that so many ranks can have.

    jobs/layouts.py CONFIG.toml ... [--ranks 2] [--threads 1,2] [--images N] [--set section.key=value ...] [--repeat 3]
                    [--tolerance 10] [--run "chrt -f 10"] [--csv FILE]

For every configuration, number of ranks and number of threads all layouts are run in turn, --repeat times, and the fastest
run of each counts, because other work on the machine only ever makes runs slower. The planner's choice is marked with *;
where it divides stages differently it is none of the others and is run beside them. Every output is compared with the
first one, bit for bit. Exit code 1 if a choice is more than --tolerance per cent slower than the best, or bits differ.
Times are of the evaluation alone. For one image: --images 1 --set parallel.objective=latency. --run goes before mpirun.
Convert networks first (snn_dist convert, model.network), so that no run evaluates the trained one. Needs h5py.
"""
import argparse
import csv
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py

from program import find_program


def layouts_of(ranks):
    """All replicas x stages x channel shards of so many ranks."""
    sizes = [size for size in range(1, ranks + 1) if ranks % size == 0]
    return [f"{replicas}x{stages}x{ranks // replicas // stages}" for replicas in reversed(sizes) for stages in reversed(sizes)
            if ranks // replicas % stages == 0]


class Trial:
    def __init__(self, options, config, folder):
        self.options, self.config, self.folder, self.reference = options, config, Path(folder), None
        self.settings = ["--set", "checkpoint.directory=", "--set", f"data.images={options.images}"]
        for text in options.set:
            self.settings += ["--set", text]

    def run(self, ranks, threads, layout):
        """Seconds, and the layout that it was; without one the planner chooses."""
        output = self.folder / "out.h5"
        command = [*shlex.split(self.options.run), "mpirun", "--oversubscribe", "--bind-to", "none", "-np", str(ranks),
                   self.options.program, "run", str(self.config), "--quiet", "--restart", "never", *self.settings,
                   "--set", f"output.file={output}", *(["--layout", layout] if layout else [])]
        done = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": str(threads)}, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr}")
        if self.reference is None:
            self.reference = self.folder / "reference.h5"
            output.rename(self.reference)
            output = self.reference
        elif subprocess.run([self.options.program, "diff", str(self.reference), str(output)], stdout=subprocess.DEVNULL).returncode:
            raise SystemExit(f"{' '.join(command)}: other results than the first run's")
        with h5py.File(output) as file:
            return float(file["timers/evaluation"][()]), file["provenance/layout"][()].decode()

    def compare(self, ranks, threads):
        """{layout: seconds}, and the planner's choice."""
        _, chosen = self.run(ranks, threads, None)
        fastest = {}
        for _ in range(self.options.repeat):
            for layout in dict.fromkeys([*layouts_of(ranks), chosen]):
                seconds, _ = self.run(ranks, threads, layout if "[" not in layout else None)
                fastest[layout] = min(seconds, fastest.get(layout, seconds))
        return fastest, chosen


def numbers(text):
    return [int(word) for word in text.split(",")]


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", nargs="+", type=Path)
    parser.add_argument("--ranks", type=numbers, default=[2])
    parser.add_argument("--threads", type=numbers, default=[1, 2])
    parser.add_argument("--images", type=int, default=0, help="0: all")
    parser.add_argument("--set", action="append", default=[], metavar="section.key=value")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--tolerance", type=float, default=10.0, help="per cent")
    parser.add_argument("--run", default="", metavar="COMMAND")
    parser.add_argument("--csv", type=Path)
    parser.add_argument("--program", default=find_program())
    return parser.parse_args()


def main():
    options = parse()
    rows, missed = [], 0
    for config in options.configs:
        name = config.stem if config.stem not in ("config", "model") else config.parent.name
        with tempfile.TemporaryDirectory() as folder:
            trial = Trial(options, config, folder)
            for ranks, threads in [(ranks, threads) for ranks in options.ranks for threads in options.threads]:
                fastest, chosen = trial.compare(ranks, threads)
                best = min(fastest.values())
                slower = 100 * (fastest[chosen] / best - 1)
                missed += slower > options.tolerance
                times = "  ".join(f"{layout}{'*' * (layout == chosen)} {seconds:.4g}" for layout, seconds in fastest.items())
                print(f"{name}, {ranks} ranks x {threads} threads, seconds: {times}; choice {slower:.1f} % slower than the best",
                      flush=True)
                rows += [{"network": name, "ranks": ranks, "threads": threads, "layout": layout, "seconds": seconds,
                          "chosen": layout == chosen} for layout, seconds in fastest.items()]
    if options.csv:
        with open(options.csv, "w", newline="") as file:
            writer = csv.DictWriter(file, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)
    if missed:
        print(f"{missed} choices are more than {options.tolerance:g} % slower than the best layout")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
