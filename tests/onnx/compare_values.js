// ONNX Runtime's outputs against those of trained_values: compare_values.js MODEL.onnx IMAGES PREFIX. The largest
// difference of an image's outputs may be 1e-4 of the largest of its outputs.
"use strict";
const fs = require("fs");
const ort = require("onnxruntime-node");

const TOLERANCE = 1e-4;

function floats(path) {
  const bytes = fs.readFileSync(path);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

async function main([model, count, prefix]) {
  const images = floats(`${prefix}.images`);
  const values = floats(`${prefix}.values`);
  const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1, logSeverityLevel: 3 });
  // A model that takes several images at once is fed one, as often as its batch says.
  const shape = session.inputMetadata[0].shape.map((size) => (typeof size === "number" && size > 0 ? size : 1));
  const size = images.length / count;
  const classes = values.length / count;
  const batch = shape.reduce((product, dimension) => product * dimension, 1) / size;
  let worst = 0;
  for (let i = 0; i < count; i++) {
    const input = new Float32Array(size * batch);
    for (let b = 0; b < batch; b++) {
      input.set(images.subarray(i * size, (i + 1) * size), b * size);
    }
    const outputs = await session.run({ [session.inputNames[0]]: new ort.Tensor("float32", input, shape) });
    const found = outputs[session.outputNames[0]].data;
    if (found.length !== classes * batch) {
      throw new Error(`${found.length / batch} outputs, trained_values has ${classes}`);
    }
    const largest = found.subarray(0, classes).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    for (let c = 0; c < classes; c++) {
      const relative = Math.abs(found[c] - values[i * classes + c]) / largest;
      worst = Math.max(worst, relative); // not a number where either is none
    }
  }
  console.log(`${count} images, ${classes} outputs: largest difference ${worst.toExponential(1)} of the largest output`);
  return worst <= TOLERANCE ? 0 : 1;
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error) => {
    console.error(error.message);
    process.exit(2);
  },
);
