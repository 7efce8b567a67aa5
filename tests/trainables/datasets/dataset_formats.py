"""Writers of small datasets in the true on-disk formats, for the conformance test."""

from __future__ import annotations

import gzip
import json
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tests.trainables.datasets.pictures import class_folders, encoded, picture, write

SYNSETS = ("n01440764", "n02102040", "n02979186")
SYNSET_NAMES = ("tench", "English springer", "cassette player")


@dataclass(frozen=True)
class Format:
    """A format to test.

    Attributes:
        write: Writes a dataset; returns the keys of its section, and a file whose change has to
            change the fingerprint (None for archives, whose content is their address, and digits).
        class_names: Expected names.
        published: Images of each class in each published set.
        split: Images of each class that are split here.
        section: Further keys.
    """

    name: str
    write: Callable[[Path], tuple[dict, Path | None]]
    class_names: tuple[str, ...]
    published: dict[str, int]
    split: int
    section: dict = field(default_factory=dict)


def _folders(root):
    class_folders(root)
    return {"format": "folders", "path": str(root)}, root / "class_1" / "3.jpg"


def _folders_of_all_kinds(root):
    kinds = {"JPEG": "JPG", "PNG": "png", "WebP": "webp", "BMP": "bmp", "TIFF": "TIF", "GIF": "gif"}
    for label in range(2):
        for number in range(2):
            for kind, (format_, extension) in enumerate(kinds.items()):
                seed = label * 100 + number * 10 + kind
                name = f"{format_}_{number}.{extension}"
                options = {"lossless": True} if format_ == "WebP" else {}
                write(root / f"c{label}" / name, encoded(picture(seed), format_, **options))
    return {"format": "folders", "path": str(root)}, root / "c0" / "BMP_0.bmp"


def _zip_of_folders(root):
    source = class_folders(root / "source" / "photos")
    archive = root / "photos.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(source.rglob("*.jpg")):
            file.write(path, path.relative_to(source.parent))
        file.writestr("__MACOSX/photos/._0.jpg", b"\0\5\x16\7")
    return {"format": "folders", "path": str(archive)}, None


def _tar_of_folders(root):
    source = class_folders(root / "source" / "photos")
    archive = root / "photos.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        file.add(source, "photos")
    return {"format": "folders", "path": str(archive)}, None


def _split_folders(root, sets=("train", "val")):
    for number, name in enumerate(sets):
        for label, synset in enumerate(SYNSETS):
            for image in range(10 if name == "train" else 4):
                seed = number * 10000 + label * 100 + image
                write(root / name / synset / f"{synset}_{image}.JPEG", encoded(picture(seed)))
    return {"format": "split_folders", "path": str(root)}, root / "train" / SYNSETS[0] / (
        f"{SYNSETS[0]}_3.JPEG"
    )


def _split_folders_with_test(root):
    return _split_folders(root, ("train", "val", "test"))


def _lists(root):
    images = class_folders(root / "101_ObjectCategories", images=0)
    lists = {"train": [], "test": []}
    for label, name in enumerate(("accordion", "anchor", "BACKGROUND_Google")):
        for number in range(12):
            key = f"{name}/image_{number + 1:04d}.jpg"
            write(images / key, encoded(picture(label * 100 + number)))
            if name != "BACKGROUND_Google":
                lists["train" if number < 8 else "test"].append(key)
    for subset, lines in lists.items():
        (root / f"{subset}.txt").write_text("\n".join(lines) + "\n")
    keys = {"format": "lists", "path": str(root), "drop_classes": ["BACKGROUND_Google"]}
    return keys, images / "anchor" / "image_0001.jpg"


def cifar_batches():
    """Name, labels and pixels (images, 3072) of five training batches and the test batch."""
    names = [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]
    for number, name in enumerate(names):
        labels = [label for label in range(10) for _ in range(2)]
        images = [picture(number * 100 + i, 32, 32) for i in range(len(labels))]
        yield name, labels, np.stack([image.transpose(2, 0, 1).ravel() for image in images])


CIFAR_CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)


def _cifar_binary(root):
    folder = root / "cifar-10-batches-bin"
    for name, labels, pixels in cifar_batches():
        rows = np.column_stack([np.array(labels, np.uint8), pixels])
        write(folder / f"{name}.bin", rows.tobytes())
    (folder / "batches.meta.txt").write_text("\n".join(CIFAR_CLASSES) + "\n\n")
    return {"format": "cifar10", "path": str(root)}, folder / "data_batch_2.bin"


def _cifar_binary_archive(root):
    _cifar_binary(root / "source")
    archive = root / "cifar-10-binary.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        file.add(root / "source" / "cifar-10-batches-bin", "cifar-10-batches-bin")
    return {"format": "cifar10", "path": str(archive)}, None


def python2_pickle(name, labels, pixels):
    """A batch as Python 2's cPickle wrote it: protocol 2, byte strings, NumPy's state in one."""

    def text(value):
        return b"U" + bytes([len(value)]) + value

    rows = pixels.shape[0]
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        + b"(K\x01"
        + b"M"
        + struct.pack("<H", rows)
        + b"M"
        + struct.pack("<H", 3072)
        + b"\x86"
        + b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R"
        + b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        + b"\x89T"
        + struct.pack("<I", pixels.size)
        + pixels.tobytes()
        + b"tb"
    )
    return (
        b"\x80\x02}q\x01("
        + text(b"batch_label")
        + text(name)
        + text(b"labels")
        + b"]q\x02("
        + b"".join(b"K" + bytes([n]) for n in labels)
        + b"e"
        + text(b"data")
        + array
        + b"u."
    )


def _cifar_python(root):
    folder = root / "cifar-10-batches-py"
    for name, labels, pixels in cifar_batches():
        write(folder / name, python2_pickle(name.encode(), labels, pixels.astype(np.uint8)))
    meta = {"label_names": list(CIFAR_CLASSES), "num_vis": 3072}
    write(folder / "batches.meta", pickle.dumps(meta, 2))
    return {"format": "cifar10", "path": str(root)}, folder / "data_batch_2"


def idx(array):
    """An array of bytes as an IDX file."""
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


def _idx(root, ending="-ubyte.gz", pack=lambda raw: gzip.compress(raw, mtime=0)):
    for offset, (subset, each) in enumerate((("train", 5), ("t10k", 2))):
        labels = np.repeat(np.arange(10), each)
        images = np.stack([picture(offset * 1000 + i, 28, 28)[..., 0] for i in range(len(labels))])
        write(root / f"{subset}-images-idx3{ending}", pack(idx(images)))
        write(root / f"{subset}-labels-idx1{ending}", pack(idx(labels)))
    names = {str(label): f"thing {label}" for label in range(10)}
    keys = {"format": "idx", "path": str(root), "class_names": names}
    return keys, root / f"train-images-idx3{ending}"


def _idx_plain(root):
    return _idx(root, "-ubyte", lambda raw: raw)


def _parquet(root, splits=(("train", 10), ("test", 4)), column="image"):
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = ["cat", "dog", "fox"]
    features = {column: {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema([(column, kind), ("label", pa.int64())], metadata)
    for offset, (subset, each) in enumerate(splits):
        labels = [label for _ in range(each) for label in range(3)]
        images = [
            {"bytes": encoded(picture(offset * 1000 + i)), "path": f"{i}.jpg"}
            for i in range(len(labels))
        ]
        path = root / "data" / f"{subset}-00000-of-00001.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        table = pa.table({column: pa.array(images, kind), "label": labels}, schema)
        pq.write_table(table, path, row_group_size=7)
    return {"format": "parquet", "path": str(root)}, path


def _parquet_alone(root):
    import pyarrow as pa
    import pyarrow.parquet as pq

    labels = ["cat", "dog"] * 10
    images = [encoded(picture(i), "PNG") for i in range(20)]
    path = root / "pets.parquet"
    root.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"photo": images, "species": labels}), path)
    keys = {"format": "parquet", "path": str(path), "label_column": "species"}
    return keys, path


def _table(root, name="labels.csv", line="photos/{n}.jpg,{label}", header="image,label"):
    lines = [header]
    for number in range(20):
        write(root / "photos" / f"{number}.jpg", encoded(picture(number)))
        lines.append(line.format(n=number, label=("cat", "dog")[number % 2]))
    write(root / name, "\n".join(lines).encode())
    return {"format": "table", "path": str(root)}, root / "photos" / "3.jpg"


def _zip_of_table(root):
    _table(root / "source")
    archive = root / "photos.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted((root / "source").rglob("*.*")):
            file.write(path, path.relative_to(root / "source"))
    return {"format": "table", "path": str(archive)}, None


def _digits(_root):
    return {"format": "digits"}, None


DIGITS = tuple("0123456789")
THINGS = tuple(f"thing {label}" for label in range(10))
THREE = ("class_0", "class_1", "class_2")

FORMATS = (
    Format("digits", _digits, DIGITS, {}, 174),
    Format("folders", _folders, THREE, {}, 10),
    Format("folders of all kinds", _folders_of_all_kinds, ("c0", "c1"), {}, 12),
    Format("zip archive of folders", _zip_of_folders, THREE, {}, 10),
    Format("tar.gz archive of folders", _tar_of_folders, THREE, {}, 10),
    Format("split folders", _split_folders, SYNSET_NAMES, {"validation": 4}, 10),
    Format(
        "split folders with test",
        _split_folders_with_test,
        SYNSET_NAMES,
        {"train": 10, "validation": 4, "test": 4},
        0,
    ),
    Format("lists", _lists, ("accordion", "anchor"), {"test": 4}, 8, {"validation": 0.5}),
    Format("cifar10 binary", _cifar_binary, CIFAR_CLASSES, {"test": 2}, 10),
    Format("cifar10 binary archive", _cifar_binary_archive, CIFAR_CLASSES, {"test": 2}, 10),
    Format("cifar10 python", _cifar_python, CIFAR_CLASSES, {"test": 2}, 10),
    Format("idx gzip", _idx, THINGS, {"test": 2}, 5),
    Format("idx plain", _idx_plain, THINGS, {"test": 2}, 5),
    Format("parquet", _parquet, ("cat", "dog", "fox"), {"test": 4}, 10),
    Format("parquet alone", _parquet_alone, ("cat", "dog"), {}, 10),
    Format("table", _table, ("cat", "dog"), {}, 10),
    Format("zip archive of table", _zip_of_table, ("cat", "dog"), {}, 10),
)
