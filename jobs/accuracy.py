#!/usr/bin/env python3
"""The table of accuracies in the README: trained network, the paper's dynamics, windows, and what `tune` finds.

    jobs/accuracy.py CONFIG.toml [CONFIG.toml ...] [--program snn_dist] [--ranks 1] [--images N] [-o table.md]

Each CONFIG.toml names a model, test and calibration data; its [neuron] section is overridden. For every network it runs
  - the paper's synchronous dynamics (eta0 = 0.15, gamma = 0.95, float encoding), accuracy at T = 32 and T = 64,
  - windows of 6, 8 and 10 steps, delay = steps, ratio 1/2, margin 1/4: latency steps x depth,
  - `tune`, and runs what it recommends and the least latency that loses nothing.
Percent correct on the test images; agr. is the share of answers that are the trained network's; speed is the images per
second of windows of 8 over those of T = 64, in the same run of this script.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile

import h5py

from program import find_program


def run(program, ranks, config, settings, folder):
    """Runs the evaluation; what the output says."""
    output = os.path.join(folder, "out.h5")
    command = [program, "run", config, "--progress", "never", "--restart", "never", "--set", f"output.file={output}",
               "--set", 'checkpoint.directory=""']
    for setting in settings:
        command += ["--set", setting]
    if ranks > 1:
        command = ["mpirun", "--oversubscribe", "-np", str(ranks)] + command
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    with h5py.File(output) as file:
        labels, spiking, trained = (file[f"predictions/{name}"][()] for name in ("label", "snn", "ann"))
        result = {
            "images": len(labels),
            "trained": 100.0 * (trained == labels).mean(),
            "accuracy": [100.0 * (spiking[:, t] == labels).mean() for t in range(spiking.shape[1])],
            "agreement": (spiking[:, -1] == trained).mean(),
            "latency": spiking.shape[1],
        }
    result["speed"] = float(re.search(r"speed +([0-9.]+) images/s", done.stdout).group(1))
    return result


def tune(program, ranks, config, folder):
    """What `tune` recommends, and its least latency without loss, as settings; how many spikes each takes."""
    command = [program, "tune", config, "--progress", "never", "--set", f"checkpoint.directory={folder}"]
    if ranks > 1:
        command = ["mpirun", "--oversubscribe", "-np", str(ranks)] + command
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    row = re.compile(r"^([*+ ]) +(\d+) +(\d+) +(\d+) .*?(windows: delay (\d+), ratio ([0-9.]+), margin ([0-9.]+)|"
                     r"synchronous: eta0 ([0-9.]+), gamma ([0-9.]+))(?:, quantile ([0-9.]+))?(?:, (int8|float32))?$")
    found = {}
    for line in done.stdout.splitlines():
        match = row.match(line)
        if not match or match.group(1) == " ":
            continue
        mark, latency, spikes = match.group(1), match.group(2), match.group(4)
        if match.group(6):
            settings = [f"neuron.steps={spikes}", f"neuron.delay={match.group(6)}", f"neuron.ratio={match.group(7)}",
                        f"neuron.margin={match.group(8)}", "simulation.timesteps=0"]
        else:
            settings = [f"neuron.eta0={match.group(9)}", f"neuron.gamma={match.group(10)}",
                        "simulation.encoding=direct", f"simulation.timesteps={latency}"]
        settings.append(f"data.calibration_quantile={match.group(11) or '1.0'}")
        settings.append(f"simulation.weights={match.group(12) or 'int16'}")
        found[mark] = (settings, int(spikes))
    found.setdefault("+", found["*"])
    return found["*"], found["+"]


def row_of(arguments, config, folder):
    program, ranks = arguments.program, arguments.ranks
    images = [f"data.images={arguments.images}"] if arguments.images else []
    synchronous = ["neuron.steps=0", "neuron.schedule=exponential", "neuron.eta0=0.15", "neuron.gamma=0.95",
                   "simulation.encoding=float", "simulation.timesteps=64"]
    paper = run(program, ranks, config, images + synchronous, folder)
    cells = [os.path.splitext(os.path.basename(config))[0], str(paper["images"]), f"{paper['trained']:.1f}",
             f"{paper['accuracy'][31]:.1f}", f"{paper['accuracy'][63]:.1f}"]
    for steps in (6, 8, 10):
        windows = run(program, ranks, config,
                      images + [f"neuron.steps={steps}", "neuron.delay=-1", "neuron.ratio=0.5", "neuron.margin=0.25",
                                "simulation.timesteps=0"], folder)
        cells.append(f"{windows['accuracy'][-1]:.1f} ({windows['agreement']:.3f}, {windows['latency']})")
        if steps == 8:
            speed = windows["speed"] / paper["speed"]
    for settings, spikes in tune(program, ranks, config, arguments.keep or folder):
        tuned = run(program, ranks, config, images + settings, folder)
        cells.append(f"{tuned['accuracy'][-1]:.1f} ({tuned['agreement']:.3f}, {tuned['latency']}, {spikes})")
    return cells + [f"{speed:.1f}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", nargs="+", metavar="CONFIG.toml")
    parser.add_argument("--program", default=find_program())
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--images", type=int, default=0, help="of each test set, 0 = all")
    parser.add_argument("--keep", help="folder for what tune has measured, so that a second run goes on from there")
    parser.add_argument("-o", "--output", help="also write the table to this file")
    arguments = parser.parse_args()
    heads = ["network", "images", "trained", "paper T = 32", "paper T = 64", "windows 6 (agr., latency)",
             "windows 8 (agr., latency)", "windows 10 (agr., latency)", "tuned (agr., latency, spikes)",
             "least latency (agr., latency, spikes)", "speed"]
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    print("\n".join(lines), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for config in arguments.configs:
            lines.append("| " + " | ".join(row_of(arguments, config, folder)) + " |")
            print(lines[-1], flush=True)
    if arguments.output:
        with open(arguments.output, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
