#!/usr/bin/env python3
"""How well this machine's cores are used, told honestly: two ranks against one rank, a thread each, in the same run.

    jobs/scale_out.py CONFIG.toml ... [--set section.key=value ...] [--repeat 3] [--many 16,32,64] [--csv FILE]

For every configuration and every repetition, one after the other: one process alone; two independent processes at once
(what the machine gives: 2.00 on two quiet, real cores, less where they share something); two ranks in each layout.
Printed are the medians over the repetitions of the ratios within one repetition, so that slow drifts of the machine
cancel out: the speed-up over one rank, and the speed-up relative to the two independent processes (scaled to 2). And,
for a machine that others use too, the speed-up between the quickest runs of all repetitions (best).
Every output is compared with that of one rank, bit for bit. --many: the same for more ranks than cores, with their memory:
what the fullest and the emptiest rank count of weights, state and spikes; what the planner predicts for the fullest; and
the largest resident set that a rank had, libraries and all. Runs take the plan that the prediction is for. Times are of
the evaluation alone, as the output file has them. Needs h5py.
"""
import argparse
import csv
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py

from program import ROOT, find_program

UNITS = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}
LAYOUTS = (("replicas", "2x1x1", 1.7), ("stages", "1x2x1", 1.7), ("channels", "1x1x2", 1.5))
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
               "OMPI_MCA_rmaps_base_oversubscribe": "1", "OMPI_MCA_hwloc_base_binding_policy": "none"}


class Study:
    def __init__(self, options, config, folder):
        self.program, self.folder, self.runs = options.program, Path(folder), 0
        self.settings = ["--set", "checkpoint.directory="]
        for text in options.set:
            self.settings += ["--set", text]
        self.config = config

    def start(self, ranks, placement, wrapper=()):
        self.runs += 1
        output = self.folder / f"{self.runs}.h5"
        command = ["mpirun", "-np", str(ranks), *wrapper, self.program, "run", str(self.config), "--quiet", "--restart",
                   "never", *self.settings, "--set", f"output.file={output}", *placement]
        return subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE), output

    def finish(self, started):
        process, output = started
        errors = process.communicate()[1].decode()
        if process.returncode != 0:
            raise SystemExit(f"{' '.join(process.args)}: exit code {process.returncode}\n{errors}")
        return output

    def run(self, ranks, layout):
        return self.finish(self.start(ranks, ["--layout", layout]))

    def plan(self, ranks, layout):
        """A plan's file, and bytes that it predicts for the rank that needs most."""
        plan = self.folder / f"{ranks}.toml"
        command = [self.program, "plan", str(self.config), "--ranks", str(ranks), "--layout", layout, "-o", str(plan),
                   *self.settings]
        made = subprocess.run(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if made.returncode != 0:
            raise SystemExit(f"{' '.join(command)}: exit code {made.returncode}\n{made.stderr}")
        number, unit = next(line.split()[1:3] for line in made.stdout.splitlines() if line.split()[:1] == ["memory"])
        return plan, float(number) * UNITS[unit]

    def run_and_weigh(self, ranks, plan):
        """The output, and bytes of the largest resident set that a rank had."""
        peaks = self.folder / "peak"
        wrapper = [sys.executable, str(ROOT / "jobs/peak.py"), str(peaks)]
        output = self.finish(self.start(ranks, ["--plan", str(plan)], wrapper))
        return output, max(1024 * int(Path(f"{peaks}.{rank}").read_text()) for rank in range(ranks))

    def run_twice(self):
        started = [self.start(1, ["--layout", "1x1x1"]) for _ in range(2)]
        return [self.finish(each) for each in started]

    def same(self, a, b):
        return subprocess.run([self.program, "diff", str(a), str(b)], stdout=subprocess.DEVNULL).returncode == 0


def seconds_of(output):
    with h5py.File(output) as file:
        return float(file["timers/evaluation"][()])


def memory_of(output):
    """Bytes of weights, state and spikes: largest and smallest sum over the ranks."""
    with h5py.File(output) as file:
        sums = file["provenance/memory"][:].sum(axis=1)
        return int(sums.max()), int(sums.min()), file["provenance/layout"][()].decode()


def compare_two_ranks(study, name, repeat):
    ratios = {layout: [] for _, layout, _ in LAYOUTS}
    machine, whole, alone_seconds, quickest = [], True, [], {}
    for _ in range(repeat):
        reference = study.run(1, "1x1x1")
        alone = seconds_of(reference)
        alone_seconds.append(alone)
        machine.append(sum(alone / seconds_of(output) for output in study.run_twice()))
        for _, layout, _ in LAYOUTS:
            output = study.run(2, layout)
            seconds = seconds_of(output)
            ratios[layout].append(alone / seconds)
            quickest[layout] = min(seconds, quickest.get(layout, seconds))
            whole = whole and study.same(reference, output)
    rows = []
    for what, layout, target in LAYOUTS:
        relative = statistics.median(2 * ratio / each for ratio, each in zip(ratios[layout], machine))
        rows.append({"network": name, "layout": layout, "split": what, "seconds_np1": f"{min(alone_seconds):.2f}",
                     "two_processes": f"{statistics.median(machine):.2f}",
                     "speed_up": f"{statistics.median(ratios[layout]):.2f}", "relative": f"{relative:.2f}",
                     "best": f"{min(alone_seconds) / quickest[layout]:.2f}", "lowest": f"{min(ratios[layout]):.2f}", "highest": f"{max(ratios[layout]):.2f}",
                     "target": target, "same_bits": "yes" if whole else "NO"})
    return rows


def compare_many_ranks(study, name, counts):
    rows, reference, base = [], None, None
    for ranks in [1] + counts:
        plan, predicted = study.plan(ranks, "1x0x0")
        output, resident = study.run_and_weigh(ranks, plan)
        most, least, layout = memory_of(output)
        reference, base = reference or output, base or most
        rows.append({"network": name, "ranks": ranks, "layout": layout, "seconds": f"{seconds_of(output):.2f}",
                     "most_MB": f"{most / 1e6:.2f}", "least_MB": f"{least / 1e6:.2f}",
                     "share_of_np1": f"{most / base:.3f}", "ideal": f"{1 / ranks:.3f}",
                     "predicted_MB": f"{predicted / 1e6:.1f}",
                     "resident_MB": f"{resident / 1e6:.1f}",
                     "same_bits": "yes" if ranks == 1 or study.same(reference, output) else "NO"})
    return rows


def print_table(rows):
    widths = {key: max(len(key), *(len(str(row[key])) for row in rows)) for key in rows[0]}
    print("  ".join(key.ljust(width) for key, width in widths.items()))
    for row in rows:
        print("  ".join(str(row[key]).ljust(width) for key, width in widths.items()))
    print(flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", nargs="+", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="section.key=value")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--many", default="", help="rank counts, for example 16,32,64")
    parser.add_argument("--csv", type=Path)
    parser.add_argument("--program", default=find_program())
    options = parser.parse_intermixed_args()
    counts = [int(text) for text in options.many.split(",") if text]
    tables = []
    print(f"load of the machine: {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        for config in options.configs:
            name = config.stem if config.stem != "config" else config.parent.name
            study = Study(options, config, folder)
            rows = compare_many_ranks(study, name, counts) if counts else compare_two_ranks(study, name, options.repeat)
            print_table(rows)
            tables += rows
    if options.csv:
        with open(options.csv, "w", newline="") as file:
            writer = csv.DictWriter(file, tables[0])
            writer.writeheader()
            writer.writerows(tables)
    print(f"load of the machine: {os.getloadavg()[0]:.2f}")
    if any(row["same_bits"] != "yes" for row in tables):
        raise SystemExit("results differ")


if __name__ == "__main__":
    main()
