"""Where images come from: folders, lists, CIFAR and MNIST files, NumPy arrays. For dataset.py.

A source knows how many images there are and their labels, and gives one image at a time, so that several processes can
ask. What is wrong with one image raises Refused with the reason; what is wrong with all of it raises Unusable.
"""
import gzip
import math
import os
import pickle
import zipfile
import zlib

import numpy as np
from PIL import Image

FORMATS = ["JPEG", "PNG", "WEBP"]
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
MOST_CLASSES = 1 << 31


class Refused(Exception):
    """One image that is not taken, and why."""


class Unusable(Exception):
    """A source that cannot be used at all, and why."""


class Source:
    """names: of the images; labels: integers; label_names: of the classes, or None; refused: what was left out already,
    as (name, reason); scattered: whether images come in the order of their classes."""

    label_names, scattered = None, True

    def __init__(self):
        self.names, self.labels, self.refused = [], [], []

    def image(self, index):
        """A Pillow image, or an array [height][width] or [height][width][channels]."""
        raise NotImplementedError

    def check_labels(self):
        """Leaves out images whose label is no class."""
        classes = MOST_CLASSES if self.label_names is None else len(self.label_names)
        wrong = [i for i, label in enumerate(self.labels) if not 0 <= label < classes]
        self.refused += [(self.names[i], f"label {self.labels[i]}, 0 to {classes - 1} expected") for i in wrong]
        return sorted(set(range(len(self.labels))) - set(wrong))


# ---- image files ----


def printable(path):
    """Names of files are bytes, and not always text."""
    return os.fsencode(path).decode("utf-8", "replace")


class Files(Source):
    """Image files, each with its label. At most `most_pixels` are decoded."""

    def __init__(self, mode, most_pixels):
        super().__init__()
        self.mode, self.most_pixels, self.paths = mode, most_pixels, []
        Image.MAX_IMAGE_PIXELS = None  # the size is looked at before anything is decoded

    def add(self, path, name, label):
        self.paths.append(path)
        self.names.append(printable(name))
        self.labels.append(label)

    def image(self, index):
        try:
            with Image.open(self.paths[index], formats=FORMATS) as file:
                width, height = file.size
                if width * height > self.most_pixels:
                    raise Refused(f"{width} x {height} pixels are more than --max-pixels {self.most_pixels}")
                return file.convert(self.mode)
        except Refused:
            raise
        except Image.UnidentifiedImageError:
            raise Refused("no JPEG, PNG or WebP image") from None
        except OSError as error:
            raise Refused(error.strerror or f"damaged: {error}") from None
        except Exception as error:  # Pillow's decoders raise many kinds on damaged files
            raise Refused(f"damaged: {type(error).__name__}: {error}") from None


def read_names(path):
    """The class names, one a line."""
    names = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if not names or len(set(names)) != len(names):
        raise Unusable(f"{path}: " + ("a class is named twice" if names else "no class names"))
    return names


class Folder(Files):
    """One folder for each class, its images at any depth. Labels count the folders in the order of their names."""

    scattered = False

    def __init__(self, root, classes, mode, most_pixels):
        super().__init__(mode, most_pixels)
        folders = sorted(entry.name for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))
        known = classes or folders
        self.label_names = [printable(name) for name in known]
        if not folders:
            raise Unusable(f"{root}: no class folders in it: one folder for each class expected, with images (or a list)")
        for entry in sorted(root.iterdir()):
            if entry.is_file() and not entry.name.startswith("."):
                self.refused.append((printable(entry.name), "not in a class folder"))
        for folder in folders:
            if folder not in known:
                self.refused.append((printable(folder), "its name is not among --classes"))
                continue
            before = len(self.paths)
            for path in sorted(path for path in (root / folder).rglob("*") if path.is_file()):
                name = str(path.relative_to(root))
                if path.suffix.lower() in SUFFIXES:
                    self.add(path, name, known.index(folder))
                elif not path.name.startswith("."):
                    self.refused.append((printable(name), "no .jpg, .jpeg, .png or .webp"))
            if len(self.paths) == before:
                self.refused.append((printable(folder), "a class without images"))


HEADINGS = {"file", "filename", "path", "image", "image_path", "name"}


def split_line(line):
    """File and label: separated by a tab, else by the last comma, else by the last blank."""
    for separator in ("\t", ",", None):
        parts = line.rsplit(separator, 1)
        if len(parts) == 2:
            return parts[0].strip().strip('"'), parts[1].strip().strip('"')
    return line.strip(), ""


class List(Files):
    """A text file with an image file and its label in each line; paths are relative to its folder. Labels are numbers if
    the first one is, else names."""

    def __init__(self, path, classes, mode, most_pixels):
        super().__init__(mode, most_pixels)
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            raise Unusable(f"{path}: neither a list of images nor a file of CIFAR, MNIST or NumPy") from None
        rows = [(number, *split_line(line)) for number, line in enumerate(lines, 1) if line.strip()]
        if rows and rows[0][1].lower() in HEADINGS:
            rows = rows[1:]
        if not rows:
            raise Unusable(f"{path}: an empty list; a file and its label expected in each line")
        numbered = rows[0][2].isascii() and rows[0][2].lstrip("-").isdigit() and rows[0][2] not in (classes or [])
        self.label_names = classes
        if classes is None and not numbered:
            self.label_names = sorted({label for _, _, label in rows if label})
        for number, file, label in rows:
            try:
                value = int(label) if numbered else self.label_names.index(label)
                self.add(path.parent / file, f"{path.name}:{number}: {file}", value)
            except ValueError:
                expected = "a number" if numbered else "a name of --classes" if classes else "a name"
                self.refused.append((f"{path.name}:{number}: {file}", f"label '{label}', {expected} expected"))


# ---- arrays ----


class Arrays(Source):
    """Images that lie in arrays [images][height][width] or [...][channels], uint8 or float32, or vectors of floats."""

    def __init__(self, origin, images, labels):
        super().__init__()
        self.images, self.labels = images, labels
        if len(images) != len(labels):
            raise Unusable(f"{origin}: {len(images)} images, but {len(labels)} labels")
        self.names = [f"{origin}: image {i}" for i in range(len(images))]

    def image(self, index):
        return self.images[index]


def join(sources):
    """Several files of the same kind as one source."""
    if len(sources) == 1:
        return sources[0]
    shapes = {source.images.shape[1:] for source in sources}
    if len(shapes) > 1 or len({source.images.dtype for source in sources}) > 1:
        raise Unusable(f"files with images of different shapes or types: {', '.join(map(str, shapes))}")
    joined = Arrays("", np.concatenate([source.images for source in sources]),
                    np.concatenate([source.labels for source in sources]))
    joined.names = [name for source in sources for name in source.names]
    joined.label_names = sources[0].label_names
    return joined


# CIFAR: a pixel plane for each colour, 32 x 32.
CIFAR_BYTES = 3 * 32 * 32


def cifar_images(data):
    return np.ascontiguousarray(data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))


def cifar_names(path, fine):
    """The names of the classes lie beside the data: text files with the binary version, a pickle with Python's."""
    for name in ("batches.meta.txt", "fine_label_names.txt" if fine else "coarse_label_names.txt"):
        if (path.parent / name).is_file():
            return read_names(path.parent / name)
    for name in ("batches.meta", "meta"):
        if (path.parent / name).is_file():
            meta = unpickle(path.parent / name)
            names = meta.get(b"label_names", meta.get(b"fine_label_names" if fine else b"coarse_label_names"))
            names = names if isinstance(names, list) else []
            return [text.decode() if isinstance(text, bytes) else str(text) for text in names] or None
    return None


def cifar_binary(path, labels_kind):
    """Records of one label and 3072 bytes (CIFAR-10), or two labels (CIFAR-100: coarse, fine)."""
    size = path.stat().st_size
    labels = [count for count in (1, 2) if size > 0 and size % (CIFAR_BYTES + count) == 0]
    if len(labels) != 1:
        raise Unusable(f"{path}: {size} bytes are no records of CIFAR-10 or CIFAR-100")
    records = np.fromfile(path, np.uint8).reshape(-1, CIFAR_BYTES + labels[0])
    fine = labels[0] == 1 or labels_kind == "fine"
    source = Arrays(path.name, cifar_images(records[:, labels[0]:]),
                    records[:, labels[0] - 1 if fine else 0].astype(np.int64))
    source.label_names = cifar_names(path, fine)
    return source


class SafeUnpickler(pickle.Unpickler):
    """Pickles can run any code. This one makes nothing but numbers, texts, containers and NumPy arrays."""

    ALLOWED = {("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct"),
               ("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")}

    def find_class(self, module, name):
        if (module, name) not in self.ALLOWED:
            raise Unusable(f"a pickle that asks for {module}.{name}, which no CIFAR file does")
        return super().find_class(module, name)


def unpickle(path):
    try:
        with path.open("rb") as file:
            content = SafeUnpickler(file, encoding="bytes").load()
    except Unusable as error:
        raise Unusable(f"{path}: {error}") from None
    except Exception as error:  # whatever a damaged pickle leads to
        raise Unusable(f"{path}: damaged pickle: {error}") from None
    if not isinstance(content, dict):
        raise Unusable(f"{path}: a pickle without the dictionary of a CIFAR file")
    return {key.encode() if isinstance(key, str) else key: value for key, value in content.items()}


def cifar_pickle(path, labels_kind):
    content = unpickle(path)
    data, fine = content.get(b"data"), labels_kind == "fine" or b"labels" in content
    labels = content.get(b"labels", content.get(b"fine_labels" if fine else b"coarse_labels"))
    if (not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.shape[1:] != (CIFAR_BYTES,)
            or not isinstance(labels, list) or not all(isinstance(label, int) for label in labels)):
        raise Unusable(f"{path}: a pickle without the images and labels of a CIFAR file")
    source = Arrays(path.name, cifar_images(data), as_labels(path, np.asarray(labels)))
    source.label_names = cifar_names(path, fine)
    return source


def read_idx(path):
    """An array as MNIST's files have it: [0, 0, 8 (uint8), dimensions], sizes of 4 bytes each, values."""
    try:
        with (gzip.open if is_gzip(path) else open)(path, "rb") as file:
            head = file.read(4)
            if len(head) < 4 or head[:3] != b"\0\0\x08" or not 1 <= head[3] <= 4:
                raise Unusable(f"{path}: no array of bytes as MNIST's files are")
            shape = [int.from_bytes(file.read(4), "big") for _ in range(head[3])]
            size = math.prod(shape)
            values = file.read(size + 1)
    except (OSError, EOFError, zlib.error, OverflowError, MemoryError) as error:
        raise Unusable(f"{path}: damaged: {error}") from None
    if len(values) != size:
        raise Unusable(f"{path}: {'longer' if len(values) > size else 'shorter'} than the {size} bytes of its array")
    return np.frombuffer(values, np.uint8).reshape(shape)


def mnist(path, labels):
    labels = labels or path.with_name(path.name.replace("images", "labels").replace("idx3", "idx1"))
    if labels == path or not labels.is_file():
        raise Unusable(f"{path}: its labels are looked for in {labels.name}, which is not there: --labels FILE")
    return Arrays(path.name, read_idx(path), as_labels(labels, read_idx(labels)))


IMAGE_KEYS, LABEL_KEYS = ("images", "image", "x", "data", "arr_0"), ("labels", "label", "y", "targets", "arr_1")


def as_labels(path, labels):
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise Unusable(f"{path}: labels are {labels.dtype} of shape {labels.shape}; integers, one for each image, expected")
    return labels.astype(np.int64)


def load_array(path, key=None):
    try:
        if key is None:
            return np.load(path, mmap_mode="r", allow_pickle=False)
        with np.load(path, allow_pickle=False) as archive:
            return archive[key]
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise Unusable(f"{path}: {error}") from None


def numpy_arrays(path, labels, keys, layout):
    """A .npy with its labels in another, or a .npz with both."""
    if path.suffix == ".npz":
        names = load_array(path).files
        chosen = keys or [next((key for key in wanted if key in names), None) for wanted in (IMAGE_KEYS, LABEL_KEYS)]
        if None in chosen or not set(chosen) <= set(names):
            raise Unusable(f"{path}: it holds {', '.join(names)}; say which are images and labels: --keys IMAGES,LABELS")
        images, found = load_array(path, chosen[0]), load_array(path, chosen[1])
    elif labels is None:
        raise Unusable(f"{path}: images without labels: --labels FILE.npy")
    else:
        images, found = load_array(path), load_array(labels)
    if images.dtype == np.float64:
        images = images.astype(np.float32)
    if images.dtype not in (np.uint8, np.float32) or images.ndim not in (2, 3, 4):
        raise Unusable(f"{path}: images are {images.dtype} of shape {images.shape}; uint8 or float32 of 2 to 4 dimensions "
                       "expected")
    if images.ndim == 4:
        first, last = images.shape[1] in (1, 3, 4), images.shape[3] in (1, 3, 4)
        if layout is None and first == last:
            raise Unusable(f"{path}: images have shape {images.shape}: --layout NHWC or NCHW?")
        if layout == "NCHW" or (layout is None and first):
            images = images.transpose(0, 2, 3, 1)
    return Arrays(path.name, images, as_labels(path, found))


def is_gzip(path):
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def open_file(path, options):
    with path.open("rb") as file:
        head = file.read(8)
    if path.suffix in (".npy", ".npz"):
        return numpy_arrays(path, options.labels, options.keys, options.layout)
    if head[:3] == b"\0\0\x08" or head[:2] == b"\x1f\x8b":
        return mnist(path, options.labels)
    if head[:1] == b"\x80":
        return cifar_pickle(path, options.cifar100)
    if path.suffix == ".bin":
        return cifar_binary(path, options.cifar100)
    return List(path, options.classes, options.mode, options.max_pixels)


def open_source(paths, options):
    """The images of all `paths`: one folder or list, or files of arrays."""
    for path in paths:
        if not path.exists():
            raise Unusable(f"{path}: no such file or folder")
    if len(paths) == 1 and paths[0].is_dir():
        return Folder(paths[0], options.classes, options.mode, options.max_pixels)
    if any(path.is_dir() for path in paths):
        raise Unusable("folders and files: give one folder, or files")
    sources = [open_file(path, options) for path in paths]
    if len(sources) > 1 and any(isinstance(source, Files) for source in sources):
        raise Unusable("several lists of images: give one list, or files of arrays")
    source = join(sources)
    if isinstance(source, Arrays) and options.mode != "RGB":
        raise Unusable("--grey is for image files: leave it out")
    if isinstance(source, Arrays) and options.classes is not None:
        source.label_names = options.classes
    return source
