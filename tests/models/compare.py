"""compare.py GOLDEN.json FORM INT16.h5 [FLOAT32.h5]: accuracy against the golden one, integer against float32 weights.

With FLOAT32.h5, of the first images only: within 1.5 points of the golden accuracy for every T >= 28, and float32 weights
give another answer for one image in twenty at most, from T = 32 on.
Without: within 2 points at every T at which the golden accuracy is within 5 points of the trained network's, and at T = 64
not more than 1 point below the trained network. FORM "decomposed": the former from T = 32 on, for its chains of neurons
take longer to settle than the fused ones of the reference.
"""
import json
import sys

import h5py

golden = json.load(open(sys.argv[1]))
int16, *float32 = (h5py.File(name) for name in sys.argv[3:])
first = 32 if sys.argv[2] == "decomposed" else 0
images = golden["images"]
trained = 100.0 * golden["ann_accuracy"]
bad = 0


def points(file, steps):
    return 100.0 * int(file["accuracy/correct"][steps - 1]) / int(file["accuracy/total"][()])


def check(what, difference, limit):
    global bad
    verdict = "ok" if abs(difference) <= limit + 1e-9 else "TOO FAR"
    bad += verdict != "ok"
    print(f"{what}: {difference:+.2f} points (limit {limit}) {verdict}")


check("trained network", 100.0 * int(int16["accuracy/ann_correct"][()]) / images - trained, 100.0 / images)
for steps, accuracy in golden["snn_accuracy"].items():
    steps, accuracy = int(steps), 100.0 * accuracy
    if steps > 64:
        continue
    if float32 and steps >= 28:
        check(f"T = {steps}, int16 against golden", points(int16, steps) - accuracy, 1.5)
    if float32 and steps >= 32:
        answers = float32[0]["predictions/snn"][:, steps - 1]
        other = (answers != int16["predictions/snn"][: len(answers), steps - 1]).mean()
        check(f"T = {steps}, answers of int16 that float32 does not give", 100.0 * float(other), 5.0)
    elif not float32 and abs(accuracy - trained) <= 5.0 and steps >= first:
        # More accurate than the golden one is no fault.
        check(f"T = {steps}, golden {accuracy:.1f}", min(points(int16, steps) - accuracy, 0.0), 2.0)
if not float32:
    check(f"T = 64, trained {trained:.1f}", min(points(int16, 64) - trained, 0.0), 1.0)
sys.exit(bad > 0)
