"""What steps.js compares an exported timestep with: case.py CASE DATA.h5 OUT.h5 MEAN STD (comma-separated numbers)

OUT.h5 is the program's output; CASE.onnx has to be there."""
import sys

import h5py
import numpy as np
import onnx

name, data, out = sys.argv[1:4]
mean, std = (np.array(text.split(","), np.float32) for text in sys.argv[4:6])
model = onnx.load(name + ".onnx")
onnx.checker.check_model(model, full_check=True)
about = {entry.key: entry.value for entry in model.metadata_props}
with h5py.File(out) as file:
    predictions, logits = file["predictions/snn"][()], file["predictions/logits"][()]
assert predictions.shape[1] == int(about["timesteps"]), (predictions.shape, about)
with h5py.File(data) as file:
    images, layout = file["images"][:len(predictions)], file["images"].attrs["layout"]
pixels = images if layout == "NHWC" else images[..., None]
pixels = ((pixels.astype(np.float32) / np.float32(255) - mean) / std).astype(np.float32)
np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)).tofile(name + ".images")
predictions.astype(np.int32).tofile(name + ".predictions")
logits.astype(np.float32).tofile(name + ".logits")
