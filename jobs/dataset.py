#!/usr/bin/env python3
"""Makes the HDF5 data set that snn_dist reads, from images as people have them.

    jobs/dataset.py val/ -o test.h5 --resize 256 --crop 224            one folder for each class, JPEG, PNG or WebP
    jobs/dataset.py val.txt -o test.h5 --resize 256 --crop 224         a list: file and label in each line
    jobs/dataset.py test_batch.bin -o test.h5                          CIFAR-10 or -100, binary or Python version
    jobs/dataset.py t10k-images-idx3-ubyte.gz -o test.h5               MNIST and its like
    jobs/dataset.py images.npy --labels labels.npy -o test.h5          NumPy; or one .npz

    jobs/dataset.py train/ -o calib.h5 --images 500 --resize 256 --crop 224                       some of many
    jobs/dataset.py all/ -o test.h5 --calibration calib.h5 --calibration-images 500 ...           both, no image in both

--resize and --crop do what torchvision's Resize and CenterCrop do with Pillow images: --resize N makes the shorter side N,
--resize HxW both; interpolation smooths when it shrinks (antialias). Images that cannot be read are listed and left out.
Where some are chosen, all classes have as many as another if there are enough, and the seed decides. The file says in its
attributes what was done; with `label_names` (names of the classes), `files` (of the images) and `refused`. It appears
under its name when it is complete. Needs Pillow, NumPy and h5py.

Exit codes: 0 done (images may have been refused); 2 bad usage or input; 3 the file cannot be written; 130, 143 stopped.
"""
import argparse
import contextlib
import json
import os
import random
import re
import shlex
import signal
import sys
import tempfile
import time
import zlib
from collections import defaultdict, deque
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

try:
    import h5py
    import numpy as np
    import PIL
    from PIL import Image
except ImportError as error:
    print(f"dataset.py: {error}: it needs Pillow, NumPy and h5py, and {sys.executable} has not all of them", file=sys.stderr)
    sys.exit(2)

from dataset_sources import Files, Refused, Unusable, open_source, read_names

INTERPOLATIONS = {"nearest": Image.Resampling.NEAREST, "bilinear": Image.Resampling.BILINEAR,
                  "bicubic": Image.Resampling.BICUBIC, "box": Image.Resampling.BOX,
                  "hamming": Image.Resampling.HAMMING, "lanczos": Image.Resampling.LANCZOS}
JOB_IMAGES = 32  # that a process is given at once
PIECE_BYTES = 1 << 16  # of the file, compressed at once; what is one image is unpacked by all threads of a rank
COMPRESSION = 1  # zlib's level: photographs do not get much smaller
LISTED = 20  # refused images that are printed; all are in the file
MOST_PIXELS = 1 << 26


# ---- one image ----


def resize(image, size, interpolation):
    """torchvision's Resize: size (n,) for the shorter side, or (height, width)."""
    width, height = image.size
    if len(size) == 2:
        wanted = (size[1], size[0])
    elif width <= height:
        wanted = (size[0], int(size[0] * height / width))
    else:
        wanted = (int(size[0] * width / height), size[0])
    return image if wanted == image.size else image.resize(wanted, INTERPOLATIONS[interpolation])


def centre_crop(image, size):
    """torchvision's CenterCrop, which pads smaller images with black."""
    height, width = size if len(size) == 2 else (size[0], size[0])
    across, down = max(width - image.width, 0), max(height - image.height, 0)
    if across > 0 or down > 0:
        padded = Image.new(image.mode, (image.width + across, image.height + down))
        padded.paste(image, (across // 2, down // 2))
        image = padded
    left, top = round((image.width - width) / 2), round((image.height - height) / 2)  # a half to the even number
    return image.crop((left, top, left + width, top + height))


def transform(image, options):
    if isinstance(image, np.ndarray):
        if options.resize is None and options.crop is None:
            return image
        if image.dtype != np.uint8 or image.ndim not in (2, 3) or image.shape[2:] not in ((), (1,), (3,)):
            raise Refused(f"{image.dtype} of shape {image.shape}: only grey and RGB bytes can be resized and cropped")
        image = Image.fromarray(image[:, :, 0] if image.shape[2:] == (1,) else image)
    if options.resize is not None:
        stretch = max(image.size) / min(image.size) if len(options.resize) == 1 else 1
        if stretch * options.resize[0] * options.resize[-1] > options.max_pixels:
            raise Refused(f"{image.width} x {image.height} would be resized to more than --max-pixels {options.max_pixels}")
        image = resize(image, options.resize, options.interpolation)
    if options.crop is not None:
        image = centre_crop(image, options.crop)
    return np.asarray(image)


class Packed:
    """An image that is a piece of the file by itself, compressed by the process that made it: most of the work."""

    def __init__(self, image):
        self.shape, self.dtype, self.ndim, self.nbytes = image.shape, image.dtype, image.ndim, image.nbytes
        self.data = zlib.compress(np.ascontiguousarray(image), COMPRESSION)


def images_a_piece(nbytes, total):
    return max(1, min(total, PIECE_BYTES // max(nbytes, 1)))


# Of a process: what it makes images from.
work = None


def start_process(source, options):
    global work
    work = source, options
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it ends it
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def make(indices):
    """Each image, or the reason why there is none."""
    made = []
    source, options = work
    for index in indices:
        try:
            image = transform(source.image(index), options)
            made.append(Packed(image) if images_a_piece(image.nbytes, 2) == 1 else image)
        except Refused as reason:
            made.append(str(reason))
    return made


def images_of(source, indices, options):
    """(index, image or reason) in the order of `indices`, from several processes; few images are under way."""
    jobs = [indices[i:i + JOB_IMAGES] for i in range(0, len(indices), JOB_IMAGES)]
    if options.processes == 1:
        global work
        work = source, options
        for job in jobs:
            yield from zip(job, make(job))
        return
    with ProcessPoolExecutor(options.processes, initializer=start_process, initargs=(source, options)) as pool:
        try:
            waiting = deque()
            for job in jobs:
                waiting.append((job, pool.submit(make, job)))
                if len(waiting) >= 4 * options.processes:
                    done, future = waiting.popleft()
                    yield from zip(done, future.result())
            for done, future in waiting:
                yield from zip(done, future.result())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


# ---- which images ----


def balanced(indices, labels, count, generator):
    """`count` of the indices, as equally many of every class as there are."""
    classes = defaultdict(list)
    for index in indices:
        classes[labels[index]].append(index)
    for label in sorted(classes):
        generator.shuffle(classes[label])
    chosen = []
    while len(chosen) < count:
        turn = sorted(label for label in classes if classes[label])
        if len(turn) > count - len(chosen):
            turn = generator.sample(turn, count - len(chosen))
        chosen += [classes[label].pop() for label in turn]
    return chosen


def first_reasons(refused):
    return "".join(f"\n  {name}: {reason}" for name, reason in refused[:LISTED])


def choose(source, options):
    """Indices of the output's images, and of the calibration's."""
    generator = random.Random(options.seed)
    indices, calibration = source.check_labels(), []
    if not indices:
        raise Unusable("no images" + first_reasons(source.refused))
    wanted = options.calibration_images if options.calibration is not None else 0
    if wanted + max(options.images, 1) > len(indices):
        raise Unusable(f"{wanted + max(options.images, 1)} images wanted, {len(indices)} there: give fewer with --images")
    if wanted > 0:
        calibration = balanced(indices, source.labels, wanted, generator)
        taken = set(calibration)
        indices = [index for index in indices if index not in taken]
    if options.images > 0:
        indices = balanced(indices, source.labels, options.images, generator)
    elif not source.scattered:
        generator.shuffle(indices)
    elif wanted > 0:
        calibration.sort()
    return indices, calibration


# ---- the file ----


class Progress:
    """A line that is written over on a terminal; else one every ten seconds, if at all; or objects as snn_dist writes them."""

    def __init__(self, kind, total):
        self.json, self.total, self.done = kind == "json", total, 0
        self.terminal = not self.json and sys.stderr.isatty()
        self.shown = kind in ("always", "json") or (kind == "auto" and self.terminal)
        self.interval = 0.5 if self.json else 0.2 if self.terminal else 10
        self.begin = self.last = time.monotonic()
        if self.json:
            self.put_json(0)

    def put_json(self, seconds):
        left = round(seconds * (self.total - self.done) / self.done, 3) if self.done else None
        line = {"stage": "data set", "done": self.done, "of": self.total, "unit": "images", "seconds": round(seconds, 3), "left": left}
        print(json.dumps(line), file=sys.stderr, flush=True)

    def step(self):
        now = time.monotonic()
        self.done += 1
        if not self.shown or now - self.last < self.interval and not (self.json and self.done == self.total):
            return
        self.last = now
        if self.json:
            self.put_json(now - self.begin)
        else:
            rate = self.done / (now - self.begin)
            left = (self.total - self.done) / rate
            text = f"{self.done} of {self.total} images, {rate:.0f} images/s, {left:.0f} s left"
            begin, end = ("\r", "\033[K") if self.terminal else ("", "\n")
            print(f"{begin}{text}", end=end, file=sys.stderr, flush=True)

    def finish(self):
        if self.shown and self.terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


class Writer:
    """A data set under another name in the same folder; `keep` gives it its own."""

    def __init__(self, path):
        self.path, self.count, self.first = path, 0, None
        self.labels, self.names, self.refused = [], [], []
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial")
        os.close(handle)
        self.partial = Path(name)
        self.file = h5py.File(name, "w")

    def add(self, image, label, name, total):
        if self.first is None:
            self.first = image
            chunk = (images_a_piece(image.nbytes, total), *image.shape)
            self.images = self.file.create_dataset("images", (total, *image.shape), image.dtype, chunks=chunk,
                                                   compression=COMPRESSION, maxshape=(total, *image.shape))
            if image.ndim > 1:
                self.images.attrs["layout"] = "NHWC" if image.ndim == 3 else "NHW"
            self.pending = []
        if image.shape != self.first.shape or image.dtype != self.first.dtype:
            sizes = [" x ".join(map(str, array.shape[:2])) for array in (image, self.first)]
            self.refused.append((name, f"{sizes[0]} pixels, the first image has {sizes[1]} (see --resize and --crop)"))
            return
        self.pending.append(image)
        self.labels.append(label)
        self.names.append(name)
        if len(self.pending) == self.images.chunks[0]:
            self.flush()

    def flush(self):
        if isinstance(self.first, Packed):
            self.images.id.write_direct_chunk((self.count, *[0] * self.first.ndim), self.pending[0].data)
        else:
            self.images[self.count:self.count + len(self.pending)] = self.pending
        self.count += len(self.pending)
        self.pending = []

    def finish(self, source, options, attributes):
        """Everything but the images; the file is complete then."""
        if self.first is None:
            raise Unusable(f"no image for {self.path.name}" + first_reasons(self.refused))
        if self.pending:
            self.flush()
        self.images.resize(self.count, axis=0)
        texts = h5py.string_dtype()
        self.file["labels"] = np.array(self.labels, np.int64)
        if source.label_names is not None:
            self.file.create_dataset("label_names", data=source.label_names, dtype=texts)
        if isinstance(source, Files):
            self.file.create_dataset("files", data=self.names, dtype=texts)
        if self.refused:
            self.file.create_dataset("refused", data=[": ".join(pair) for pair in self.refused], dtype=texts)
        for key, value in attributes.items():
            self.file.attrs[key] = value
        self.file.attrs["images"], self.file.attrs["refused"] = self.count, len(self.refused)
        self.file.close()
        with self.partial.open("rb") as file:
            os.fsync(file.fileno())

    def keep(self):
        umask = os.umask(0)
        os.umask(umask)
        self.partial.chmod(0o666 & ~umask)
        os.replace(self.partial, self.path)

    def discard(self):
        with contextlib.suppress(Exception):
            self.file.close()
        self.partial.unlink(missing_ok=True)


def done_to_images(source, options):
    steps = [{"RGB": "RGB", "L": "grey"}[options.mode]] if isinstance(source, Files) else []
    if options.resize is not None:
        size = f"shorter side {options.resize[0]}" if len(options.resize) == 1 else "{} x {}".format(*options.resize)
        steps.append(f"resized to {size} ({options.interpolation}, antialiased)")
    if options.crop is not None:
        steps.append("centre crop {} x {}".format(options.crop[0], options.crop[-1]))
    return ", ".join(steps) or "none"


def describe(source, options, role):
    attributes = {"source": ", ".join(path.name for path in options.source), "made_by": "snn_dist jobs/dataset.py",
                  "command": shlex.join(["dataset.py", *options.command]), "transforms": done_to_images(source, options),
                  "pillow": PIL.__version__, "seed": options.seed}
    chosen = role == "calibration" or options.images > 0
    attributes["selection"] = "random, as many of every class" if chosen else "all"
    if options.calibration is not None:
        other = options.output if role == "calibration" else options.calibration
        attributes["selection"] += f"{'; none' if chosen else ' but those'} in {other.name}"
    return attributes


def write(source, options):
    indices, calibration = choose(source, options)
    progress = Progress(options.progress, len(indices) + len(calibration))
    writers = []
    try:
        for role, path, chosen in (("test", options.output, indices), ("calibration", options.calibration, calibration)):
            if not chosen:
                continue
            writer = Writer(path)
            writers.append(writer)
            writer.refused += source.refused if role == "test" else []
            for index, image in images_of(source, chosen, options):
                if isinstance(image, str):
                    writer.refused.append((source.names[index], image))
                else:
                    writer.add(image, source.labels[index], source.names[index], len(chosen))
                progress.step()
            writer.finish(source, options, describe(source, options, role))
        progress.finish()
        for writer in writers:
            writer.keep()
    except BaseException:
        progress.finish()
        for writer in writers:
            writer.discard()
        raise
    return writers


def report(writers):
    refused = [f"{name}: {reason}" for writer in writers for name, reason in writer.refused]
    for line in refused[:LISTED]:
        print(f"refused: {line}", file=sys.stderr)
    if len(refused) > LISTED:
        print(f"refused: and {len(refused) - LISTED} more; `refused` in {writers[0].path} has all", file=sys.stderr)
    for writer in writers:
        shape = " x ".join(map(str, writer.first.shape))
        print(f"{writer.path}: {writer.count} images, {shape} {writer.first.dtype}, {len(set(writer.labels))} classes"
              + (f"; {len(writer.refused)} refused" if writer.refused else ""))


# ---- the command ----


def size(text):
    numbers = text.lower().split("x")
    if len(numbers) not in (1, 2) or not all(n.isascii() and n.isdigit() and 0 < int(n) < 1 << 15 for n in numbers):
        raise argparse.ArgumentTypeError(f"'{text}': N or HEIGHTxWIDTH expected")
    return tuple(map(int, numbers))


def count(least):
    def parse(text):
        if not (text.isascii() and text.isdigit() and int(text) >= least):
            raise argparse.ArgumentTypeError(f"'{text}': a whole number of at least {least} expected")
        return int(text)
    return parse


def keys(text):
    names = text.split(",")
    if len(names) != 2:
        raise argparse.ArgumentTypeError(f"'{text}': IMAGES,LABELS expected")
    return names


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", nargs="+", type=Path, help="a folder, a list, or files of CIFAR, MNIST or NumPy")
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="FILE.h5")
    parser.add_argument("--images", type=count(0), default=0, metavar="N", help="so many, chosen at random; 0 = all")
    parser.add_argument("--calibration", type=Path, metavar="FILE.h5", help="a second file, with images of its own")
    parser.add_argument("--calibration-images", type=count(1), default=500, metavar="N", help="(500)")
    parser.add_argument("--seed", type=count(0), default=1, metavar="N", help="of what is random (1)")
    parser.add_argument("--resize", type=size, metavar="N|HxW", help="the shorter side, or both")
    parser.add_argument("--crop", type=size, metavar="N|HxW", help="the middle of the image, after --resize")
    parser.add_argument("--interpolation", choices=INTERPOLATIONS, default="bilinear", help="of --resize (bilinear)")
    parser.add_argument("--grey", dest="mode", action="store_const", const="L", default="RGB",
                        help="image files become grey, not RGB")
    parser.add_argument("--classes", type=Path, metavar="FILE",
                        help="names of the classes in the order of their labels, one a line (else folders in order of name)")
    parser.add_argument("--labels", type=Path, metavar="FILE", help="labels of a .npy, or of MNIST's images")
    parser.add_argument("--keys", type=keys, metavar="IMAGES,LABELS", help="names of the two arrays in a .npz")
    parser.add_argument("--layout", choices=("NHWC", "NCHW"), help="of a .npy or .npz, where its shape does not say")
    parser.add_argument("--cifar100", choices=("fine", "coarse"), default="fine", help="which labels of CIFAR-100 (fine)")
    parser.add_argument("--max-pixels", type=count(1), default=MOST_PIXELS, metavar="N",
                        help=f"larger images are refused before they are decoded ({MOST_PIXELS})")
    parser.add_argument("--processes", type=count(1), default=len(os.sched_getaffinity(0)), metavar="N",
                        help="(all processors)")
    parser.add_argument("--progress", choices=("auto", "always", "never", "json"), default="auto")
    options = parser.parse_args(arguments)
    options.command = arguments
    return options


def check_outputs(options):
    paths = [path for path in (options.output, options.calibration) if path is not None]
    for path in paths:
        if not path.parent.is_dir():
            raise Unusable(f"{path}: there is no folder {path.parent}: make it")
        if path.resolve() in [source.resolve() for source in options.source]:
            raise Unusable(f"{path}: is a source, too")
    if len({path.resolve() for path in paths}) < len(paths):
        raise Unusable(f"{paths[0]}: named as --output and as --calibration")


def stop(number, _):
    raise SystemExit(128 + number)


def main(arguments):
    options = parse(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    try:
        if options.classes is not None:
            options.classes = read_names(options.classes)
        check_outputs(options)
        source = open_source(options.source, options)
    except (Unusable, OSError) as error:
        print(f"dataset.py: {error}", file=sys.stderr)
        return 2
    try:
        report(write(source, options))
    except Unusable as error:
        print(f"dataset.py: {error}", file=sys.stderr)
        return 2
    except BrokenProcessPool:
        print("dataset.py: a process was killed, perhaps for its memory: fewer --processes or --max-pixels", file=sys.stderr)
        return 3
    except (OSError, RuntimeError) as error:  # h5py raises both
        reason = re.search("error message = '([^']*)'", str(error))  # in the middle of HDF5's
        reason = reason[1] if reason else getattr(error, "strerror", None) or error
        if isinstance(error, PermissionError) and error.filename is None:  # none of ours: multiprocessing's semaphores
            reason = f"{reason}: the processes that read images need /dev/shm"
        print(f"dataset.py: cannot write {options.output}: {reason}", file=sys.stderr, flush=True)
        os._exit(3)  # HDF5 may crash when it closes what it could not write
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
