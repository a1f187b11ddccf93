"""compare_windows.py GOLDEN.json OUT.h5: a run with windows against the reference's results on the same images.

The trained network's accuracy is the golden one within one image. The spiking one's is at most 1.5 points below the
golden one, or below the trained network's where the golden one is above that, which is chance; and, where the reference
counted how often both give the same answer, that share is at most 0.03 below. One image is allowed where it is more than
that. More accurate than the reference is no fault.
"""
import json
import sys
from pathlib import Path

import h5py
import numpy

golden = json.load(open(sys.argv[1]))
out = h5py.File(sys.argv[2])
name = Path(sys.argv[1]).stem
images, total = golden["images"], int(out["accuracy/total"][()])
spiking = golden["snn_accuracy"]
latency = golden["latency"]
if isinstance(spiking, dict):
    assert list(spiking) == [str(latency)], spiking
    spiking = spiking[str(latency)]
bad = 0


def check(what, difference, limit):
    global bad
    kept = difference <= limit + 1e-6
    bad += not kept
    return f"{what} {'ok' if kept else 'TOO FAR'}"


assert total == images, (total, images)
answers = out["predictions/snn"][:, -1]
trained = int(out["accuracy/ann_correct"][()]) / images
found = int(out["accuracy/correct"][-1]) / images
agreement = float(numpy.mean(answers == out["predictions/ann"][:]))
verdicts = [
    check(f"trained {100 * trained:.2f} ({100 * golden['ann_accuracy']:.2f})",
          abs(trained - golden["ann_accuracy"]), 1 / images),
    check(f"spiking {100 * found:.2f} ({100 * spiking:.2f})", min(spiking, golden["ann_accuracy"]) - found, max(0.015, 1 / images)),
]
if "agreement" in golden:
    verdicts.append(check(f"agreement {agreement:.3f} ({golden['agreement']:.3f})", golden["agreement"] - agreement,
                          max(0.03, 1 / images)))
else:
    verdicts.append(f"agreement {agreement:.3f}")
print(f"{name}: {images} images, latency {len(out['accuracy/correct'])} ({latency}): " + ", ".join(verdicts))
sys.exit(bad > 0)
