"""Which snn_dist the scripts of this folder run."""
import os
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def find_program():
    """SNN_DIST, or else the one that was built here, is installed above here, or is on the PATH."""
    places = [ROOT / "build/release/snn_dist", ROOT.parent.parent / "bin/snn_dist", "snn_dist"]
    found = [os.environ.get("SNN_DIST")] + [shutil.which(place) for place in places]
    return next((path for path in found if path), "snn_dist")
