"""Evaluations of a study, each made once. A finished one is kept in the study's folder under a name that says what went
into it: settings, model, data and the build of snn_dist. So a study that was ended goes on where it was, a wider one
takes over what a narrower one has, and all studies with the same folder share their evaluations."""
import csv
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import time
import tomllib
from pathlib import Path

import h5py
import numpy as np

from .tables import BadInput, read_toml

ENDINGS = {"run": ".h5", "layers": ".csv", "tune": ".txt"}
STOPPED = 4  # exit code of snn_dist: ended early, with a checkpoint
# What results do not depend on.
INDIFFERENT = ("output", "checkpoint", "parallel", "comm")
INDIFFERENT_KEYS = ("simulation.batch", "simulation.block")


class Refused(Exception):
    """snn_dist will not evaluate this: a network or settings that do not go together."""


def digest(*parts):
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def duration(seconds):
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    return (
        f"{seconds // 60} min {seconds % 60:02d} s"
        if seconds < 3600
        else f"{seconds // 3600} h {seconds // 60 % 60:02d} min"
    )


def name_of(config):
    """A generated network has its name from its folder."""
    path = Path(config)
    return path.parent.name if path.stem == "config" else path.stem


class Evaluation:
    """What the output of one evaluation says."""

    def __init__(self, path):
        self.path = path
        with h5py.File(path) as file:
            self.labels, self.spiking = file["predictions/label"][()], file["predictions/snn"][()]
            self.trained = file["predictions/ann"][()]
            self.latency, self.interval = (int(file[f"dynamics/{name}"][()]) for name in ("latency", "interval"))
            self.windows = int(file["dynamics"].attrs.get("steps", 0))
            self.seconds = float(file["timers/evaluation"][()])
            self.energy = {
                name: (value[()].item() if value.shape == () else value[()])
                for name, value in file["energy"].items()
                if name != "layer"
            }
            neurons = [int(layer.attrs["neurons"]) for layer in file["layers"].values()]
            self.neurons = sum(neurons)
            spikes = sum(int(layer["channel_spikes"][()].sum()) for layer in file["layers"].values())
            self.ones = spikes / self.images / self.neurons  # of a neuron and image
            rates = np.array([layer["firing_rate"][()] for layer in file["layers"].values()])
            self.firing = np.average(rates, axis=0, weights=neurons)

    @property
    def images(self):
        return len(self.labels)

    @property
    def spikes(self):
        """Of each neuron and image, signed ones: those that say "down" are spikes as well."""
        return self.windows if self.windows else self.latency

    def right(self, timestep=-1):
        return self.spiking[:, timestep] == self.labels

    def accuracy(self, timestep=-1):
        return 100.0 * self.right(timestep).mean()

    def trained_accuracy(self):
        return 100.0 * (self.trained == self.labels).mean()

    def agreement(self, timestep=-1):
        return float((self.spiking[:, timestep] == self.trained).mean())

    def per_image(self, name, timesteps=None):
        """An entry of /energy for one image; `timesteps`: of the first so many, in a run without windows."""
        part = 1.0 if timesteps is None else timesteps / self.latency
        return self.energy[name] / self.images * part


class Runs:
    def __init__(self, folder, program, launcher="", announce=print):
        self.folder, self.program, self.announce = Path(folder), str(program), announce
        self.launcher = shlex.split(launcher)
        self.digests = {}
        path = shutil.which(self.program)
        if path is None:
            raise BadInput(f"{self.program}: not there, or not a program. Build it, or name it with --program")
        self.build = self.file_digest(path)
        (self.folder / "runs").mkdir(parents=True, exist_ok=True)
        self.refuse_other_builds(path)
        self.left, self.spent = [], {}

    def refuse_other_builds(self, path):
        version = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout.split("\n")[0]
        mine, stamp = {"version": version, "build": self.build}, self.folder / "study.json"
        if not stamp.exists():
            stamp.write_text(json.dumps(mine, indent=1) + "\n")
            return
        theirs = json.loads(stamp.read_text())
        if theirs["build"] != self.build:
            raise BadInput(
                f"{self.folder} holds results of another build of snn_dist ({theirs['version']}, {theirs['build']}) "
                f"than "
                f"{path} ({version}, {self.build}), and results of different builds are not put into one table. "
                "Take another folder with -o, or that build with --program"
            )

    def file_digest(self, path):
        path = os.path.realpath(path)
        if path not in self.digests:
            with open(path, "rb") as file:
                self.digests[path] = hashlib.file_digest(file, "sha256").hexdigest()[:24]
        return self.digests[path]

    def key(self, config, settings):
        """Names what goes into a result."""
        values = {
            f"{section}.{key}": value for section, keys in read_toml(config).items() for key, value in keys.items()
        }
        for setting in settings:
            name, text = setting.split("=", 1)
            try:
                values[name] = tomllib.loads(f"value = {text}")["value"]
            except tomllib.TOMLDecodeError:
                values[name] = text
        for name in ("model.onnx", "model.network", "data.test", "data.calibration"):
            if values.get(name):
                values[name] = self.file_digest(Path(config).parent / values[name])
        counts = {
            name: value
            for name, value in values.items()
            if name.split(".")[0] not in INDIFFERENT and name not in INDIFFERENT_KEYS
        }
        return digest(self.build, json.dumps(counts, sort_keys=True))

    def path(self, config, settings, verb="run"):
        return self.folder / "runs" / f"{self.key(config, settings)}{ENDINGS[verb]}"

    def expect(self, evaluations, verb="run"):
        """`evaluations`: (config, settings) of a study that begins, for its progress."""
        missing = {self.path(*each, verb): str(each[0]) for each in evaluations if not self.path(*each, verb).exists()}
        self.left, self.spent = list(missing.values()), {}
        kept = len(evaluations) - len(missing)
        self.announce(f"{len(evaluations)} evaluations, {kept} of them made before")

    def time_left(self):
        """From the mean of the same network, or of all."""
        spent = [seconds for each in self.spent.values() for seconds in each]
        return sum(np.mean(self.spent.get(config, spent)) for config in self.left) if spent else None

    def evaluate(self, config, settings):
        """The evaluation, made unless it is there. Raises Refused."""
        path = self.path(config, settings)
        if not path.exists():
            checkpoints = path.with_suffix(".checkpoints")
            files = [f"output.file={path.resolve()}", f"checkpoint.directory={checkpoints.resolve()}"]
            self.make([*self.launcher, self.program, "run"], str(config), settings, files)
            shutil.rmtree(checkpoints, ignore_errors=True)
        return Evaluation(path)

    def layers(self, config, settings):
        """The rows of `snn_dist layers`, likewise."""
        path = self.path(config, settings, "layers")
        if not path.exists():
            unfinished = path.with_suffix(".part")
            self.make([self.program, "layers", "-o", str(unfinished)], str(config), settings)
            unfinished.rename(path)
        with open(path, newline="", encoding="utf-8") as file:
            return [
                {key: value if key in ("layer", "neuron") else float(value) for key, value in row.items()}
                for row in csv.DictReader(file)
            ]

    def tune(self, config):
        """What `snn_dist tune` prints, likewise. It has a memory of its own for when it is ended early."""
        path = self.path(config, [], "tune")
        if not path.exists():
            measured = path.with_suffix(".tuning")
            command = [*self.launcher, self.program, "tune"]
            said = self.make(command, str(config), [], [f"checkpoint.directory={measured.resolve()}"], quiet=False)
            unfinished = path.with_suffix(".part")
            unfinished.write_text(said, encoding="utf-8")
            unfinished.rename(path)
            shutil.rmtree(measured, ignore_errors=True)
        return path.read_text(encoding="utf-8")

    def make(self, command, config, settings, files=(), quiet=True):
        """Runs it, and gives what it has said."""
        command = [*command, config, "--progress", "never", *(["--quiet"] if quiet else [])]
        for setting in (*settings, *files):
            command += ["--set", setting]
        begun = time.monotonic()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            try:
                said, code = process.communicate()[0], process.returncode
            except KeyboardInterrupt:
                process.terminate()  # which it answers with a checkpoint
                process.communicate()
                code = STOPPED
        if code == STOPPED:
            self.announce("ended early: the same command goes on from here")
            raise SystemExit(STOPPED)
        if config in self.left:
            self.left.remove(config)
        if code == 2:
            raise Refused(said.strip().split("\n")[-1].removeprefix("snn_dist: error: "))
        if code != 0:
            raise SystemExit(f"{shlex.join(command)}: exit code {code}\n{said}")
        self.spent.setdefault(config, []).append(time.monotonic() - begun)
        self.announce(
            f"{name_of(config)}: {' '.join(settings)}: {duration(self.spent[config][-1])}; {len(self.left)} left"
            + (f", about {duration(self.time_left())}" if self.left else "")
        )
        return said
