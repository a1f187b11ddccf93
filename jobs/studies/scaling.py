"""How runs scale: one CSV, and plots of speed-up, efficiency, bytes and timers as SVG.

    jobs/study.py strong CONFIG.toml --ranks 1,2,4 -o DIR     the same images on more ranks
    jobs/study.py weak   CONFIG.toml --ranks 1,2,4 -o DIR     as many images per rank (--images-per-rank) on more ranks
    jobs/study.py cores  CONFIG.toml --cores 1,2,4 -o DIR     the same cores as ranks, as threads of one rank, and as both,
                                                              strong and weak (--images-per-core)
    jobs/study.py deeper --depths 20,56,110 --ranks 1,2 -o DIR  generated ResNets (generate_network.py) of these depths

Cores are compared with replicas of one thread, which exchange nothing: what the machine gives. `of_replicas` is a split's
speed over that of as many replicas; all others share every image (--layout, default 1x0x0 there). Ranks of several
threads are not bound to cores: that of --launcher, which also passes OMP_NUM_THREADS on, is up to whom it starts.

--layout gives the split, with R, S or C standing for the number of ranks: Rx1x1 replicas, 1xSx1 stages, 1x1xC channel
shards, 0x0x0 (default) leaves it to the planner. The first rank count is the reference. A model is converted once, at
the beginning. In strong and deeper studies every output is compared with that of the first rank count, bit for bit.
--launcher is what starts N ranks, with N in the place of {ranks}; "mpirun -np {ranks}" knows the nodes of a Slurm job.
Times are measured anew each time. Deeper also needs numpy and onnx.
"""
import argparse
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import h5py

from program import find_program

from . import plots, tables

JOBS = Path(__file__).resolve().parent.parent
PATH_LINE = r'(?m)^((?:onnx|network|test|calibration) *= *)"([^"]+\.(?:onnx|h5))"'


def execute(command, environment=None):
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise SystemExit(f"{shlex.join(command)}: exit code {done.returncode}\n{done.stdout.decode()}")


class Scaling:
    def __init__(self, options):
        self.options, self.folder, self.rows = options, options.output, []
        self.folder.mkdir(parents=True, exist_ok=True)

    def settings(self):
        settings = ["--quiet", "--restart", "never", "--set", "checkpoint.directory="]
        for setting in self.options.set:
            settings += ["--set", setting]
        return settings

    def convert(self, config, name):
        """Converts the model once; a copy of the configuration, with absolute paths, names the converted network."""
        network, copy = (self.folder / f"{name}.snn.h5").resolve(), self.folder / f"{name}.toml"
        text = re.sub(PATH_LINE, lambda line: f'{line[1]}"{(config.parent / line[2]).resolve()}"', config.read_text())
        converted = re.sub(r"(?m)^onnx *=.*$", f'network = "{network}"', text)
        if converted != text:
            settings = [word for setting in self.options.set for word in ("--set", setting)]
            execute([self.options.program, "convert", str(config), "-o", str(network), *settings])
        copy.write_text(converted)
        return copy

    def run(self, config, name, ranks, extra=(), layout=None, threads=None, **facts):
        """`threads`: of each rank; None: what the program takes."""
        layout = layout or self.options.layout
        for letter in "RSC":
            layout = layout.replace(letter, str(ranks))
        output = self.folder / f"{'_'.join([name, *map(str, facts.values())])}_{ranks}.h5"
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)} if threads else None
        command = shlex.split(self.options.launcher.format(ranks=ranks)) + [
            self.options.program,
            "run",
            str(config),
            *self.settings(),
            "--layout",
            layout,
            "--set",
            f"output.file={output.resolve()}",
            *extra,
        ]
        best = None
        for _ in range(self.options.repeat):
            begun = time.monotonic()
            execute(command, environment)
            whole = time.monotonic() - begun
            row = {**facts, "network": name, "ranks": ranks, **self.read(output), "seconds_with_start": round(whole, 3)}
            best = row if best is None or row["seconds"] < best["seconds"] else best
        print(f"{name}: {ranks} ranks as {best['layout']}, threads {best['threads']}: {best['seconds']:.3f} s", flush=True)
        self.rows.append(best)
        return output

    @staticmethod
    def read(output):
        with h5py.File(output) as file:
            images, steps = file["predictions/snn"].shape
            row = {
                "layout": file["provenance/layout"][()].decode(),
                "threads": int(file["provenance/threads"][0]),
                "images": images,
                "timesteps": steps,
                "seconds": float(file["timers/evaluation"][()]),
                "raw_bytes": int(file["communication/raw_bytes"][:].sum()),
                "sent_bytes": int(file["communication/sent_bytes"][:].sum()),
                "shared_bytes": int(file["communication/shared_bytes"][:].sum()),
                "codec": file["communication/codec"][()].decode(),
                "memory_max": int(file["provenance/memory"][:].sum(axis=1).max()),
            }
            for column, name in enumerate(name.decode() for name in file["timers/names"][:]):
                row[f"{name}_mean"] = float(file["timers/mean"][column])
                row[f"{name}_max"] = float(file["timers/max"][column])
        row["images_per_second"] = row["images"] / row["seconds"]
        return row

    def compare(self, first, output, row):
        same = subprocess.run([self.options.program, "diff", str(first), str(output)], stdout=subprocess.DEVNULL)
        row["same_bits"] = "yes" if same.returncode == 0 else "NO"

    def relate(self, rows):
        """Speed-up and efficiency against the first of these rows."""
        for row in rows:
            row["speed_up"] = row["images_per_second"] / rows[0]["images_per_second"]
            row["efficiency"] = row["speed_up"] * rows[0]["ranks"] / row["ranks"]

    def write(self, groups, by, title):
        """`groups`: {name of a curve: rows}; `by`: the column along the x axis."""
        tables.write_csv(self.folder / "study.csv", self.rows)
        x = list(dict.fromkeys(row[by] for row in self.rows))

        def draw(name, what, unit, value, ideal=None):
            curves = {of: ([row[by] for row in rows], [value(row) for row in rows]) for of, rows in groups.items()}
            plots.lines(self.folder / f"{name}.svg", f"{title}: {what}", by, unit, curves | (ideal or {}), even=True)

        ideal = {"ideal": (x, [at / x[0] for at in x])} if by == "ranks" else {}
        draw("speed_up", "speed-up", "times", lambda row: row["speed_up"], ideal)
        draw("efficiency", "efficiency", "of the ideal", lambda row: row["efficiency"])
        draw("bytes", "sent or shared by all ranks", "MB", lambda row: (row["sent_bytes"] + row["shared_bytes"]) / 1e6)
        draw("memory", "fullest rank", "MB", lambda row: row["memory_max"] / 1e6)
        for name, rows in groups.items():
            timers = [key[:-5] for key in rows[0] if key.endswith("_mean")]
            parts = {timer: [row[f"{timer}_mean"] for row in rows] for timer in timers}
            plots.bars(
                self.folder / f"timers_{name}.svg".replace(" ", "_"),
                f"{title}: {name}, mean over ranks",
                by,
                "seconds",
                [row[by] for row in rows],
                parts,
            )


def strong(study, config, name, **facts):
    config = study.convert(config, name)
    begin, first = len(study.rows), None
    for ranks in study.options.ranks:
        output = study.run(config, name, ranks, **facts)
        first = first or output
        study.compare(first, output, study.rows[-1])
    study.relate(study.rows[begin:])
    return study.rows[begin:]


def weak(study):
    name = study.options.config.stem
    config = study.convert(study.options.config, name)
    for ranks in study.options.ranks:
        study.run(config, name, ranks, ("--set", f"data.images={study.options.images_per_rank * ranks}"))
    study.relate(study.rows)
    study.write({name: study.rows}, "ranks", "Weak scaling")


def both(cores):
    """Ranks and threads of a rank that are most alike, or None: there must be several of both."""
    ranks = max(ranks for ranks in range(1, int(cores**0.5) + 1) if cores % ranks == 0)
    return (ranks, cores // ranks) if ranks > 1 else None


def cores(study):
    options = study.options
    name = options.config.stem if options.config.stem != "config" else options.config.resolve().parent.name
    config = study.convert(options.config, name)
    curves = {}
    for kind in ("strong", "weak"):
        for count in options.cores:
            number = options.images_per_core * (count if kind == "weak" else max(options.cores))
            splits = {"replicas": (count, 1), "ranks": (count, 1), "threads": (1, count), "ranks x threads": both(count)}
            first = None
            for split, of in splits.items():
                if of is None or (count == 1 and split != "replicas"):
                    continue
                output = study.run(
                    config,
                    name,
                    of[0],
                    ("--set", f"data.images={number}"),
                    layout="Rx1x1" if split == "replicas" else options.layout,
                    threads=of[1],
                    scaling=kind,
                    cores=count,
                    split=split.replace(" ", ""),
                )
                row = study.rows[-1]
                first = first or (output, row)
                study.compare(first[0], output, row)
                row["of_replicas"] = row["images_per_second"] / first[1]["images_per_second"]
                one = next(row for row in study.rows if row["scaling"] == kind)
                row["speed_up"] = row["images_per_second"] / one["images_per_second"] * one["cores"]
                for curve in splits if count == 1 else [split]:  # on one core all are the same
                    curves.setdefault(f"{curve}, {kind}", []).append(row)
    tables.write_csv(study.folder / "study.csv", study.rows)
    shown = "scaling images cores split layout threads images_per_second speed_up of_replicas same_bits".split()
    cells = [[f"{row[key]:.3g}" if isinstance(row[key], float) else row[key] for key in shown] for row in study.rows]
    print(tables.markdown(shown, cells))
    plots.lines(
        study.folder / "cores.svg",
        f"Cores: {name}",
        "cores",
        "speed-up",
        {
            curve: ([row["cores"] for row in rows], [row["speed_up"] for row in rows])
            for curve, rows in curves.items()
            if rows[-1]["cores"] > 1
        },
        even=True,
    )


def deeper(study):
    options = study.options
    by_ranks = {f"{ranks} ranks": [] for ranks in options.ranks}
    for each in options.depths:
        folder = study.folder / f"resnet{each}"
        execute(
            [
                sys.executable,
                str(JOBS / "generate_network.py"),
                "resnet",
                "--depth",
                str(each),
                "-o",
                str(folder),
                "--images",
                str(options.images),
                "--width",
                str(options.width),
            ]
        )
        for row in strong(study, folder / "config.toml", f"resnet{each}", depth=each):
            by_ranks[f"{row['ranks']} ranks"].append(row)
    study.write(by_ranks, "depth", "Depth")


def numbers(words):
    return [int(word) for word in words.split(",")]


def add_parsers(parsers):
    for name, line in (
        ("strong", "the same images on more ranks"),
        ("weak", "as many images per rank on more ranks"),
        ("cores", "cores as ranks, as threads and as both, beside replicas"),
        ("deeper", "generated ResNets of several depths"),
    ):
        parser = parsers.add_parser(
            name, description=__doc__, help=line, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        if name != "deeper":
            parser.add_argument("config", type=Path, metavar="CONFIG")
        if name == "weak":
            parser.add_argument("--images-per-rank", type=int, default=64)
        if name == "cores":
            parser.add_argument("--cores", type=numbers, default=[1, os.cpu_count()])
            parser.add_argument("--images-per-core", type=tables.positive, default=64)
        if name == "deeper":
            parser.add_argument("--depths", type=numbers, default=[20, 56, 110])
            parser.add_argument("--width", type=int, default=16, help="channels of the first stage")
            parser.add_argument("--images", type=int, default=32, help="in the test set")
        parser.add_argument(
            "-o", "--output", type=Path, required=True, help="folder for the CSV, the plots and the outputs"
        )
        if name != "cores":
            parser.add_argument("--ranks", type=numbers, default=[1, 2])
        parser.add_argument("--layout", default="1x0x0" if name == "cores" else "0x0x0")
        parser.add_argument("--repeat", type=int, default=1, help="the quickest of so many runs counts")
        parser.add_argument("--set", action="append", default=[], metavar="section.key=value")
        unbound = " --bind-to none -x OMP_NUM_THREADS" if name == "cores" else ""
        parser.add_argument("--launcher", default="mpirun -np {ranks}" + unbound)
        parser.add_argument("--program", default=find_program())


def run(options):
    study = Scaling(options)
    if options.question == "strong":
        strong(study, options.config, options.config.stem)
        study.write({options.config.stem: study.rows}, "ranks", "Strong scaling")
    elif options.question == "weak":
        weak(study)
    elif options.question == "cores":
        cores(study)
    else:
        deeper(study)
    print(f"{options.output}/study.csv and plots (*.svg)")
    if any(row.get("same_bits") == "NO" for row in study.rows):
        raise SystemExit("results differ between rank counts")
