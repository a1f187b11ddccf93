// Runs exported timesteps in ONNX Runtime, and compares: node steps.js CASE...
// A case is four files: CASE.onnx; CASE.images, float32 pixels as the graph takes them; and what the program says of them,
// CASE.predictions, int32 [images][timesteps], and CASE.logits, float32 [images][classes] at the last timestep.
// All of it has to be the same, bit for bit. What is known of the graph here is what its description says.
// Where there is a CASE.x in place of images, the graph gives y for x, and CASE.y is what it should be.
const fs = require("fs");
const ort = require("onnxruntime-node");

const BATCH = 8;

function read(path, type) {
  const bytes = fs.readFileSync(path);
  return new type(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

const product = (numbers) => numbers.reduce((a, b) => a * b, 1);

// The first of the largest.
const argmax = (values) => values.reduce((best, value, i) => (value > values[best] ? i : best), 0);

// Logits of all timesteps of some images: [timestep] of [image][class].
async function run(session, shapes, pixels, count, timesteps) {
  const dims = (name) => [count, ...shapes[name].slice(1)];
  const feeds = { image: new ort.Tensor("float32", pixels, dims("image")) };
  for (const name of session.inputNames.filter((name) => name.startsWith("state."))) {
    // At t = 0 anything may go in.
    feeds[name] = new ort.Tensor("float32", new Float32Array(product(dims(name))).fill(123.25), dims(name));
  }
  const logits = [];
  for (let t = 0; t < timesteps; t++) {
    feeds.t = new ort.Tensor("int64", BigInt64Array.of(BigInt(t)), []);
    const results = await session.run(feeds);
    logits.push(results.logits.data);
    for (const name of session.outputNames.filter((name) => name.startsWith("next."))) {
      feeds["state." + name.slice("next.".length)] = results[name];
    }
  }
  return logits;
}

async function check(name) {
  const session = await ort.InferenceSession.create(name + ".onnx", { logSeverityLevel: 3, intraOpNumThreads: 1 });
  const shapes = Object.fromEntries(session.inputMetadata.map((input) => [input.name, input.shape]));
  const size = product(shapes.image.slice(1));
  const pixels = read(name + ".images", Float32Array);
  const predictions = read(name + ".predictions", Int32Array), last = read(name + ".logits", Float32Array);
  const images = pixels.length / size, timesteps = predictions.length / images, classes = last.length / images;
  const bits = new Int32Array(last.buffer);
  let different = 0, first = timesteps, differentLogits = 0;
  for (let begin = 0; begin < images; begin += BATCH) {
    const count = Math.min(BATCH, images - begin);
    const logits = await run(session, shapes, pixels.slice(begin * size, (begin + count) * size), count, timesteps);
    for (let image = 0; image < count; image++) {
      for (let t = 0; t < timesteps; t++) {
        const found = argmax(logits[t].slice(image * classes, (image + 1) * classes));
        if (found !== predictions[(begin + image) * timesteps + t]) {
          different++;
          first = Math.min(first, t);
        }
      }
      const end = logits[timesteps - 1].slice(image * classes, (image + 1) * classes);
      const endBits = new Int32Array(end.buffer);
      differentLogits += endBits.filter((value, c) => value !== bits[(begin + image) * classes + c]).length;
    }
  }
  await session.release();
  if (different > 0 || differentLogits > 0) {
    throw `${different} of ${predictions.length} predictions differ (first at t = ${first}), ${differentLogits} of ` +
      `${last.length} last logits`;
  }
  if (images === 0 || timesteps === 0) {
    throw "nothing to compare";
  }
  return `${predictions.length} predictions of ${images} images in ${timesteps} timesteps, ${last.length} last logits`;
}

// A function by itself. Zeros may have either sign.
async function checkFunction(name) {
  const session = await ort.InferenceSession.create(name + ".onnx", { logSeverityLevel: 3, intraOpNumThreads: 1 });
  const x = read(name + ".x", Float32Array), expected = read(name + ".y", Float32Array);
  const shape = session.inputMetadata[0].shape.slice(1);
  const y = (await session.run({ x: new ort.Tensor("float32", x, [x.length / product(shape), ...shape]) })).y.data;
  await session.release();
  const wrong = expected.findIndex((value, i) => !(value === y[i] || (Number.isNaN(value) && Number.isNaN(y[i]))));
  if (y.length !== expected.length || wrong >= 0) {
    throw `element ${wrong} is ${y[wrong]}, ${expected[wrong]} expected`;
  }
  return `${y.length} values`;
}

async function main() {
  for (const name of process.argv.slice(2)) {
    try {
      const done = fs.existsSync(name + ".x") ? await checkFunction(name) : await check(name);
      console.log(`same      ${name}: ${done}`);
    } catch (error) {
      console.log(`DIFFERENT ${name}: ${error}`);
      process.exitCode = 1;
    }
  }
}

main();
