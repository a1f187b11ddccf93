"""compare.py GOLDEN.json INT16.h5 FLOAT32.h5: accuracy against the golden one, integer against float32 weights."""
import json
import sys

import h5py

golden = json.load(open(sys.argv[1]))
int16, float32 = (h5py.File(name) for name in sys.argv[2:4])
images = golden["images"]
bad = 0


def points(file, steps):
    return 100.0 * int(file["accuracy/correct"][steps - 1]) / int(file["accuracy/total"][()])


def check(what, difference, limit):
    global bad
    verdict = "ok" if abs(difference) <= limit + 1e-9 else "TOO FAR"
    bad += verdict != "ok"
    print(f"{what}: {difference:+.2f} points (limit {limit}) {verdict}")


check("trained network", 100.0 * (int(int16["accuracy/ann_correct"][()]) / images - golden["ann_accuracy"]), 100.0 / images)
for steps, accuracy in golden["snn_accuracy"].items():
    if 28 <= int(steps) <= 64:
        check(f"T = {steps}, int16 against golden", points(int16, int(steps)) - 100.0 * accuracy, 1.5)
        check(f"T = {steps}, int16 against float32", points(int16, int(steps)) - points(float32, int(steps)), 1.0)
sys.exit(bad > 0)
