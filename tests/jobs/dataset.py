"""What jobs/dataset.py makes, against torchvision's transforms written down anew: the sizes, the box of the crop, and
smoothing interpolation as a sum over float64 weights. Where torchvision itself is installed, its pixels have to be the same."""
import gzip
import json
import os
import pickle
import resource
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import h5py
import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, str(ROOT / "jobs" / "dataset.py"), "--progress", "never"]


def dataset(*arguments, code=0):
    done = subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == code, f"exit code {done.returncode}, {code} expected: {done.stdout}{done.stderr}"
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout + done.stderr


def read(path):
    with h5py.File(path) as file:
        content = {name: file[name].asstr()[()] if h5py.check_string_dtype(file[name].dtype) else file[name][()]
                   for name in file}
        return content | {"layout": file["images"].attrs.get("layout"), "says": dict(file.attrs)}


def leftovers():
    return [name for name in os.listdir(".") if name.endswith((".partial", ".h5"))]


def save(path, pixels, **options):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


# ---- torchvision's transforms, anew ----


def weights(size, wanted, kernel, support):
    """[wanted][size]: how much of each pixel is in each of the `wanted`; shrinking widens the kernel."""
    scale = size / wanted
    wide = max(scale, 1.0)
    matrix = np.zeros((wanted, size))
    for i in range(wanted):
        centre = (i + 0.5) * scale
        for j in range(max(0, int(centre - support * wide + 0.5)), min(size, int(centre + support * wide + 0.5))):
            matrix[i, j] = kernel(abs((j + 0.5 - centre) / wide))
    return matrix / matrix.sum(1, keepdims=True)


def triangle(t):
    return max(1.0 - t, 0.0)


def cubic(t, a=-0.5):
    if t < 1:
        return ((a + 2) * t - (a + 3)) * t * t + 1
    return (((t - 5) * t + 8) * t - 4) * a if t < 2 else 0.0


KERNELS = {"bilinear": (triangle, 1.0), "bicubic": (cubic, 2.0)}


def resized(pixels, height, width, kernel):
    """Columns first, and whole numbers between the two, as Pillow does it."""
    rows, columns = (weights(*sizes, *KERNELS[kernel]) for sizes in ((pixels.shape[0], height), (pixels.shape[1], width)))
    across = np.clip(np.floor(np.einsum("lk,jkc->jlc", columns, pixels.astype(float)) + 0.5), 0, 255)
    return np.clip(np.einsum("ij,jlc->ilc", rows, across), 0, 255)


class InFolder(unittest.TestCase):
    """Every test has a folder of its own."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(dir=".")
        self.before = os.getcwd()
        os.chdir(self.folder.name)

    def tearDown(self):
        os.chdir(self.before)
        self.folder.cleanup()


class Transforms(InFolder):
    def setUp(self):
        super().setUp()
        generator = np.random.default_rng(5)
        self.pixels = {}
        for i, (height, width) in enumerate([(40, 61), (61, 40), (33, 33), (20, 90), (48, 64)]):
            rough = generator.integers(0, 256, (height // 4 + 1, width // 4 + 1, 3))
            smooth = resized(rough, height, width, "bicubic").astype(np.uint8)
            self.pixels[f"k/{i}.png"] = smooth
            save(f"photos/k/{i}.png", smooth)

    def test_interpolation_is_smooth_as_torchvision_does_it(self):
        sizes = {"k/0.png": (24, 36), "k/1.png": (36, 24), "k/2.png": (24, 24), "k/3.png": (24, 108), "k/4.png": (24, 32)}
        for kernel in KERNELS:
            for name, (height, width) in sizes.items():
                Path("one.txt").write_text(f"photos/{name} 0\n")
                dataset("one.txt", "-o", "r.h5", "--resize", 24, "--interpolation", kernel)
                found = read("r.h5")["images"][0]
                self.assertEqual(found.shape, (height, width, 3))
                expected = resized(self.pixels[name], height, width, kernel)
                self.assertLess(np.abs(found - expected).max(), 1.51, (name, kernel))

    def test_both_sides_can_be_given(self):
        dataset("photos", "-o", "r.h5", "--resize", "18x30")
        made = read("r.h5")
        for name, found in zip(made["files"], made["images"]):
            self.assertLess(np.abs(found - resized(self.pixels[name], 18, 30, "bilinear")).max(), 1.51)

    def test_the_box_of_the_crop(self):
        """Halves are rounded to the even number; what is too small gets black borders, the smaller half first."""
        rows, columns = np.mgrid[0:256, 0:256]
        plane = np.stack([rows, columns, 0 * rows], 2).astype(np.uint8)  # each pixel says where it is
        for (height, width), crop, (top, left) in [
            ((31, 40), (20, 20), (6, 10)),  # 5.5 becomes 6
            ((33, 35), (20, 20), (6, 8)),  # 6.5 becomes 6, 7.5 becomes 8
            ((20, 20), (20, 20), (0, 0)),
            ((21, 23), (20, 20), (0, 2)),  # 0.5 becomes 0
        ]:
            save("crops/k/a.png", plane[:height, :width])
            dataset("crops", "-o", "c.h5", "--crop", "{}x{}".format(*crop))
            self.assertEqual(tuple(read("c.h5")["images"][0, 0, 0, :2]), (top, left), (height, width))
        save("crops/k/a.png", np.full((10, 13, 3), 200, np.uint8))
        dataset("crops", "-o", "c.h5", "--crop", 16)
        expected = np.zeros((16, 16), bool)
        expected[3:13, 1:14] = True
        np.testing.assert_array_equal(read("c.h5")["images"][0, :, :, 1] == 200, expected)

    def test_a_constant_stays_and_a_ramp_stays_a_ramp(self):
        save("even/k/a.png", np.full((50, 70, 3), 77, np.uint8))
        dataset("even", "-o", "e.h5", "--resize", 20, "--crop", 16, "--interpolation", "bicubic")
        self.assertTrue((read("e.h5")["images"] == 77).all())
        ramp = np.broadcast_to(np.arange(0, 240, 2, dtype=np.uint8)[None, :, None], (120, 120, 3))
        save("even/k/a.png", np.ascontiguousarray(ramp))
        dataset("even", "-o", "e.h5", "--resize", 40)
        inner = read("e.h5")["images"][0, 20, 2:-2, 0]  # pixel i is the mean around 3 i + 1
        np.testing.assert_array_equal(inner, 2 * (3 * np.arange(2, 38) + 1))

    def test_large_images_are_kept_whole(self):
        generator = np.random.default_rng(6)
        images = generator.integers(0, 256, (5, 240, 250, 3)).astype(np.uint8)
        for i, image in enumerate(images):
            save(f"large/k/{i}.png", image)
        for processes in (1, 2):
            dataset("large", "-o", "l.h5", "--crop", 230, "--processes", processes)
            made = read("l.h5")
            for name, found in zip(made["files"], made["images"]):
                np.testing.assert_array_equal(found, images[int(name[2:-4]), 5:235, 10:240])

    def test_as_torchvision_itself(self):
        try:
            from torchvision import transforms
        except ImportError:
            self.skipTest("torchvision is not installed")
        for kernel in ("nearest", "bilinear", "bicubic", "lanczos"):
            dataset("photos", "-o", "t.h5", "--resize", 37, "--crop", "32x41", "--interpolation", kernel)
            do = transforms.Compose([transforms.Resize(37, transforms.InterpolationMode(kernel)),
                                     transforms.CenterCrop((32, 41))])
            made = read("t.h5")
            for name, found in zip(made["files"], made["images"]):
                np.testing.assert_array_equal(found, np.asarray(do(Image.open(f"photos/{name}"))), (name, kernel))


# ---- image files ----


def flat(value):
    return np.full((12, 14, 3), value, np.uint8)


class Folders(InFolder):
    def setUp(self):
        super().setUp()
        for label, name in enumerate(["ant", "bee", "cat"]):
            for i in range(10 + 10 * label):
                save(f"many/{name}/{i}.{('png', 'webp')[i % 2]}", flat(60 * label + i), **({"lossless": True} if i % 2 else {}))

    def test_labels_are_folders_and_pixels_are_kept(self):
        dataset("many", "-o", "m.h5")
        made = read("m.h5")
        self.assertEqual(list(made["label_names"]), ["ant", "bee", "cat"])
        self.assertEqual((len(made["images"]), made["layout"], made["images"].dtype), (60, "NHWC", np.uint8))
        for file, label, image in zip(made["files"], made["labels"], made["images"]):
            name, number = file.split("/")
            self.assertEqual(made["label_names"][label], name)
            np.testing.assert_array_equal(image, flat(60 * label + int(number.split(".")[0])))
        self.assertNotEqual(list(made["labels"]), sorted(made["labels"]))  # the first are some of every class
        says = made["says"]
        self.assertEqual((says["images"], says["refused"], says["transforms"], says["selection"]), (60, 0, "RGB", "all"))
        self.assertIn("many -o m.h5", says["command"])

    def test_calibration_is_apart_balanced_and_the_same_again(self):
        arguments = ["many", "--calibration-images", 24, "--seed", 3]
        dataset(*arguments, "-o", "a.h5", "--calibration", "b.h5", "--processes", 3)
        test, calibration = read("a.h5"), read("b.h5")
        self.assertEqual((len(test["files"]), len(calibration["files"])), (36, 24))
        self.assertEqual(len(set(test["files"]) | set(calibration["files"])), 60)
        self.assertEqual(list(np.bincount(calibration["labels"])), [8, 8, 8])
        dataset(*arguments, "-o", "c.h5", "--calibration", "d.h5", "--processes", 1)
        for one, other in ((test, read("c.h5")), (calibration, read("d.h5"))):
            self.assertEqual(list(one["files"]), list(other["files"]))
            np.testing.assert_array_equal(one["images"], other["images"])
        dataset("many", "--calibration-images", 24, "--seed", 4, "-o", "c.h5", "--calibration", "d.h5")
        self.assertNotEqual(set(read("d.h5")["files"]), set(calibration["files"]))

    def test_some_of_many(self):
        dataset("many", "-o", "s.h5", "--images", 35, "--grey")
        made = read("s.h5")
        self.assertEqual(sorted(np.bincount(made["labels"])), [10, 12, 13])  # there are 10 ants
        self.assertEqual((made["layout"], made["images"].shape), ("NHW", (35, 12, 14)))
        self.assertIn("61 images wanted, 60 there", dataset("many", "-o", "s.h5", "--images", 61, code=2))

    def test_progress_for_programs(self):
        said = dataset("many", "-o", "p.h5", "--progress", "json")
        lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
        self.assertEqual((lines[0]["done"], lines[0]["left"]), (0, None))
        self.assertEqual((lines[-1]["done"], lines[-1]["of"], lines[-1]["left"]), (60, 60, 0))
        self.assertEqual(set(lines[0]), {"stage", "done", "of", "unit", "seconds", "left"})

    def test_wrong_files_are_listed(self):
        whole = Path("many/ant/0.png").read_bytes()
        for name, content in {"ant/none.png": b"text", "ant/empty.jpg": b"", "bee/cut.png": whole[:45], "bee/notes.txt": b"",
                              "top.png": whole}.items():
            Path("wrong", name).parent.mkdir(parents=True, exist_ok=True)
            Path("wrong", name).write_bytes(content)
        save("wrong/cat/wide.png", np.zeros((60, 2000, 3), np.uint8))
        save("wrong/cat/good.png", flat(3))
        Image.new("1", (60000, 3000)).save("wrong/cat/bomb.png")  # a small file of 180 million pixels
        os.makedirs("wrong/dog")
        said = dataset("wrong", "-o", "w.h5", "--resize", "8x8")
        made = read("w.h5")
        self.assertEqual(sorted(made["files"]), ["cat/good.png", "cat/wide.png"])
        self.assertEqual(made["says"]["refused"], len(made["refused"]))
        for text in ["ant/none.png: no JPEG, PNG or WebP image", "ant/empty.jpg: no JPEG, PNG or WebP image",
                     "bee/notes.txt: no .jpg, .jpeg, .png or .webp", "top.png: not in a class folder",
                     "cat/bomb.png: 60000 x 3000 pixels are more than --max-pixels", "dog: a class without images",
                     "bee/cut.png: damaged: "]:
            self.assertIn(f"refused: {text}", said)
            self.assertTrue(any(line.startswith(text) for line in made["refused"]), text)
        self.assertIn("w.h5: 2 images, 8 x 8 x 3 uint8, 1 classes; 7 refused", said)

    def test_sizes_have_to_be_the_same(self):
        save("sizes/k/a.png", flat(1))
        save("sizes/k/b.png", np.zeros((9, 9, 3), np.uint8))
        said = dataset("sizes", "-o", "z.h5")
        self.assertRegex(said, r"k/[ab].png: (9 x 9|12 x 14) pixels, the first image has (12 x 14|9 x 9) \(see --resize")
        self.assertEqual(len(read("z.h5")["images"]), 1)
        self.assertIn("more than --max-pixels", dataset("sizes", "-o", "y.h5", "--resize", 9000, code=2))

    def test_nothing_there_is_an_error(self):
        Path("bare/k").mkdir(parents=True)
        Path("none").mkdir()
        self.assertIn("none: no class folders in it", dataset("none", "-o", "x.h5", code=2))
        self.assertIn("k: a class without images", dataset("bare", "-o", "x.h5", code=2))
        Path("bare/k/a.png").write_bytes(b"no")
        self.assertIn("no image for x.h5\n  k/a.png: no JPEG", dataset("bare", "-o", "x.h5", code=2))
        self.assertIn("missing: no such file or folder", dataset("missing", "-o", "x.h5", code=2))
        self.assertIn("no folder away", dataset("many", "-o", "away/x.h5", code=2))
        self.assertIn("named as --output and as --calibration", dataset("many", "-o", "x.h5", "--calibration", "x.h5", code=2))
        self.assertEqual(leftovers(), [])

    def test_classes_give_the_labels(self):
        Path("classes.txt").write_text("zebra\ncat\nbee\n")
        said = dataset("many", "-o", "n.h5", "--classes", "classes.txt")
        made = read("n.h5")
        self.assertIn("ant: its name is not among --classes", said)
        self.assertEqual(list(np.bincount(made["labels"])), [0, 30, 20])
        self.assertEqual(list(made["label_names"]), ["zebra", "cat", "bee"])

    def test_lists(self):
        Path("list.csv").write_text("filename,label\nmany/ant/0.png,7\nmany/bee/0.png,2\nmany/cat/0.png,-1\n"
                                    "many/cat/2.png,two\nmany/gone.png,1\nmany/cat/4.png\nmany/cat/6.png,99999999999999999999\n")
        said = dataset("list.csv", "-o", "l.h5")
        self.assertEqual(list(read("l.h5")["labels"]), [7, 2])
        self.assertNotIn("label_names", read("l.h5"))
        for text in ["list.csv:4: many/cat/0.png: label -1, 0 to 2147483647 expected",
                     "list.csv:5: many/cat/2.png: label 'two', a number expected",
                     "list.csv:6: many/gone.png: No such file or directory",
                     "list.csv:7: many/cat/4.png: label '', a number expected"]:
            self.assertIn(f"refused: {text}", said)
        Path("list.txt").write_text("many/ant/0.png winged\nmany/bee/0.png\twinged thing\nmany/cat/0.png furry\n")
        dataset("list.txt", "-o", "l.h5")
        self.assertEqual(list(read("l.h5")["label_names"]), ["furry", "winged", "winged thing"])
        self.assertEqual(list(read("l.h5")["labels"]), [1, 2, 0])
        Path("list.txt").write_text("many/ant/0.png cat\nmany/bee/0.png dog\n")
        Path("classes.txt").write_text("dog\nbird\n")
        said = dataset("list.txt", "-o", "l.h5", "--classes", "classes.txt")
        self.assertIn("list.txt:1: many/ant/0.png: label 'cat', a name of --classes expected", said)
        self.assertEqual(list(read("l.h5")["labels"]), [0])
        Path("list.txt").write_bytes(b"\xff\xfe\x00")
        self.assertIn("neither a list of images", dataset("list.txt", "-o", "x.h5", code=2))

    def test_interrupted_it_leaves_nothing(self):
        generator = np.random.default_rng(1)
        for i in range(40):
            save(f"slow/k/{i}.png", generator.integers(0, 256, (700, 700, 3)).astype(np.uint8))
        for number, processes in ((signal.SIGTERM, 2), (signal.SIGINT, 1)):
            process = subprocess.Popen([*COMMAND, "slow", "-o", "slow.h5", "--resize", "690", "--processes", str(processes)],
                                       stderr=subprocess.PIPE, text=True)
            while process.poll() is None and not leftovers():
                time.sleep(0.01)
            time.sleep(0.1)
            process.send_signal(number)
            said = process.communicate()[1]
            self.assertEqual((process.returncode, said), (128 + number, ""))
            self.assertEqual(leftovers(), [])

    def test_a_full_disk_leaves_nothing(self):
        generator = np.random.default_rng(1)
        np.savez("large.npz", images=generator.integers(0, 256, (100, 32, 32, 3)).astype(np.uint8), labels=np.zeros(100, int))
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        done = subprocess.run([*COMMAND, "large.npz", "-o", "large.h5"], stderr=subprocess.PIPE, text=True, preexec_fn=limit)
        self.assertEqual((done.returncode, leftovers()), (3, []), done.stderr)
        self.assertIn("dataset.py: cannot write large.h5: File too large", done.stderr)

    def test_what_was_there_stays_if_it_fails(self):
        Path("old.h5").write_text("old")
        Path("bare/k").mkdir(parents=True)
        Path("bare/k/a.png").write_bytes(b"no")
        dataset("bare", "-o", "old.h5", code=2)
        self.assertEqual(Path("old.h5").read_text(), "old")


# ---- arrays ----


class ArrayFiles(InFolder):
    def setUp(self):
        super().setUp()
        generator = np.random.default_rng(2)
        self.images = generator.integers(0, 256, (7, 32, 32, 3)).astype(np.uint8)
        self.planes = self.images.transpose(0, 3, 1, 2).reshape(7, -1)
        self.labels = np.array([3, 1, 4, 1, 5, 9, 2])

    def check(self, path, images=None, labels=None, names=None):
        made = read(path)
        np.testing.assert_array_equal(made["images"], self.images if images is None else images)
        np.testing.assert_array_equal(made["labels"], self.labels if labels is None else labels)
        self.assertEqual(list(made.get("label_names", [])), names or [])

    def test_cifar(self):
        Path("bin").mkdir()
        Path("bin/batches.meta.txt").write_text("".join(f"class {i}\n" for i in range(10)) + "\n")
        records = np.concatenate([self.labels[:, None].astype(np.uint8), self.planes], 1)
        records[:4].tofile("bin/data_batch_1.bin")
        records[4:].tofile("bin/data_batch_2.bin")
        dataset("bin/data_batch_1.bin", "bin/data_batch_2.bin", "-o", "c.h5")
        self.check("c.h5", names=[f"class {i}" for i in range(10)])
        Path("bin100").mkdir()
        np.concatenate([np.full((7, 1), 6, np.uint8), records], 1).tofile("bin100/test.bin")
        dataset("bin100/test.bin", "-o", "c.h5")
        self.check("c.h5")
        dataset("bin100/test.bin", "-o", "c.h5", "--cifar100", "coarse")
        self.check("c.h5", labels=[6] * 7)
        Path("bin100/test.bin").write_bytes(records.tobytes()[:-1])
        self.assertIn("are no records of CIFAR", dataset("bin100/test.bin", "-o", "x.h5", code=2))

    def test_cifar_for_python(self):
        Path("py").mkdir()
        with open("py/batches.meta", "wb") as file:
            pickle.dump({b"label_names": [b"c%d" % i for i in range(10)]}, file, 2)
        with open("py/test_batch", "wb") as file:
            pickle.dump({b"data": self.planes, b"labels": self.labels.tolist(), b"batch_label": b"x"}, file, 2)
        dataset("py/test_batch", "-o", "p.h5")
        self.check("p.h5", names=[f"c{i}" for i in range(10)])
        os.remove("py/batches.meta")
        with open("py/test", "wb") as file:
            pickle.dump({"data": self.planes, "fine_labels": self.labels.tolist(), "coarse_labels": [8] * 7}, file)
        dataset("py/test", "-o", "p.h5", "--cifar100", "coarse")
        self.check("p.h5", labels=[8] * 7)

    def test_pickles_run_nothing(self):
        class Trap:
            def __reduce__(self):
                return os.system, ("touch trapped",)
        for name, content in {"trap": {b"data": Trap()}, "number": 5, "wrong": {b"data": self.planes, b"labels": "x"}}.items():
            with open(name, "wb") as file:
                pickle.dump(content, file, 2)
        self.assertIn("asks for posix.system", dataset("trap", "-o", "x.h5", code=2))
        self.assertFalse(Path("trapped").exists())
        self.assertIn("without the dictionary", dataset("number", "-o", "x.h5", code=2))
        self.assertIn("without the images and labels", dataset("wrong", "-o", "x.h5", code=2))
        Path("cut").write_bytes(Path("wrong").read_bytes()[:100])
        self.assertIn("cut: damaged pickle", dataset("cut", "-o", "x.h5", code=2))

    def test_mnist(self):
        Path("mnist").mkdir()
        grey = self.images[..., 0]
        head = b"\0\0\x08" + bytes([3]) + b"".join(n.to_bytes(4, "big") for n in grey.shape)
        labels = b"\0\0\x08" + bytes([1]) + (7).to_bytes(4, "big") + bytes(self.labels.tolist())
        Path("mnist/t10k-images.idx3-ubyte").write_bytes(head + grey.tobytes())
        self.assertIn("its labels are looked for in t10k-labels.idx1-ubyte",
                      dataset("mnist/t10k-images.idx3-ubyte", "-o", "x.h5", code=2))
        Path("mnist/t10k-labels.idx1-ubyte").write_bytes(labels)
        dataset("mnist/t10k-images.idx3-ubyte", "-o", "g.h5")
        self.check("g.h5", images=grey)
        self.assertEqual(read("g.h5")["layout"], "NHW")
        with gzip.open("mnist/x-images-idx3-ubyte.gz", "wb") as file:
            file.write(head + grey.tobytes())
        with gzip.open("mnist/x-labels-idx1-ubyte.gz", "wb") as file:
            file.write(labels)
        dataset("mnist/x-images-idx3-ubyte.gz", "-o", "g.h5", "--resize", 28)
        self.assertEqual(read("g.h5")["images"].shape, (7, 28, 28))
        Path("mnist/t10k-images.idx3-ubyte").write_bytes(head + grey.tobytes()[:-1])
        self.assertIn("shorter than the", dataset("mnist/t10k-images.idx3-ubyte", "-o", "x.h5", code=2))
        Path("mnist/x-images-idx3-ubyte.gz").write_bytes(Path("mnist/x-images-idx3-ubyte.gz").read_bytes()[:200])
        self.assertIn("damaged", dataset("mnist/x-images-idx3-ubyte.gz", "-o", "x.h5", code=2))

    def test_numpy(self):
        np.save("i.npy", self.images.transpose(0, 3, 1, 2).astype(float) / 255)
        np.save("l.npy", self.labels[:, None])
        self.assertIn("images without labels", dataset("i.npy", "-o", "x.h5", code=2))
        dataset("i.npy", "--labels", "l.npy", "-o", "f.h5")
        self.check("f.h5", images=(self.images / 255).astype(np.float32))
        self.assertIn("only grey and RGB bytes", dataset("i.npy", "--labels", "l.npy", "-o", "x.h5", "--crop", 8, code=2))
        np.savez("a.npz", x_test=self.images, y_test=self.labels, x_train=self.images)
        self.assertIn("it holds x_test, y_test, x_train; say", dataset("a.npz", "-o", "x.h5", code=2))
        dataset("a.npz", "-o", "f.h5", "--keys", "x_test,y_test")
        self.check("f.h5")
        np.savez("b.npz", x=self.images[..., 0], y=np.array([0, 1, -2, 0, 1, 0, 1]))
        said = dataset("b.npz", "-o", "f.h5")
        self.assertIn("refused: b.npz: image 2: label -2, 0 to 2147483647 expected", said)
        self.assertEqual(list(read("f.h5")["labels"]), [0, 1, 0, 1, 0, 1])
        np.savez("d.npz", x=np.zeros((2, 3, 5, 3), np.uint8), y=np.zeros(2, int))
        self.assertIn("--layout NHWC or NCHW?", dataset("d.npz", "-o", "x.h5", code=2))
        dataset("d.npz", "-o", "f.h5", "--layout", "NCHW")
        self.assertEqual(read("f.h5")["images"].shape, (2, 5, 3, 3))
        np.save("o.npy", np.array([{}], object), allow_pickle=True)
        self.assertIn("Python objects in dtype", dataset("o.npy", "--labels", "l.npy", "-o", "x.h5", code=2))
        Path("cut.npz").write_bytes(Path("a.npz").read_bytes()[:500])
        dataset("cut.npz", "-o", "x.h5", code=2)

    def test_the_program_reads_what_it_makes(self):
        with h5py.File(ROOT / "configs" / "digits_test.h5") as file:
            np.savez("digits.npz", images=file["images"][()], labels=file["labels"][()])
        dataset("digits.npz", "-o", "digits.h5")
        for name, test in (("as_it_is", ROOT / "configs" / "digits_test.h5"), ("made", "digits.h5")):
            subprocess.run([os.environ["SNN_DIST"], "run", str(ROOT / "configs" / "digits.toml"), "--quiet", "--restart", "never",
                            "--set", f"data.test={test}", "--set", f"output.file={name}.out.h5",
                            "--set", 'checkpoint.directory=""'], check=True)
        done = subprocess.run([os.environ["SNN_DIST"], "diff", "as_it_is.out.h5", "made.out.h5"], capture_output=True, text=True)
        self.assertIn("hold the same results", done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=1)
