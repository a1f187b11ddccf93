#!/usr/bin/env bash
# Data sets from images, lists, CIFAR, MNIST and NumPy files (dataset.py), and the program that reads them.
source "$(dirname "${BASH_SOURCE[0]}")/../cli/common.sh"
/usr/bin/python3 -c 'import h5py, PIL' 2>/dev/null || { echo "skipped: python3 without Pillow and h5py"; exit 77; }
SNN_DIST=$(realpath "$snn_dist") || exit 1
export SNN_DIST
cd "$work" && /usr/bin/python3 "$root/tests/jobs/dataset.py"
