"""The record of a run's sets, written when it starts: each image with its set and content.

A run's dataset is split once. Whatever happens to the dataset afterwards, search, fine-tuning,
evaluation and export read the sets from this record: a changed or missing image is an error that
names it, and images added since are left out.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from trainables.datasets.manifest.index import Index
from trainables.datasets.sets.grouped import together
from trainables.datasets.sets.splits import SETS, Splits

UNREADABLE = "unreadable"
"""The set of images that cannot be decoded and are left out."""

_COLUMNS = {
    "key": "string",
    "label": "int32",
    "set": "string",
    "group": "int64",
    "content": "string",
    "width": "int32",
    "height": "int32",
}
_DIGEST = re.compile("[0-9a-f]{32}")


@dataclass(frozen=True, eq=False)
class RecordedSets:
    """One entry per image, in the order of the dataset. Two are equal if their digests are.

    Attributes:
        class_names: Name of each class, by label.
        keys: Name of each image.
        labels: int32 (images,); -1 if the image is unreadable.
        sets: "train", "validation", "test", "unreadable", or "" outside the study's subset.
        groups: Number of what each image stays together with, its copies and its group: int64
            (images,).
        contents: Hexadecimal digest of each image's decoded pixels; "" where there is none, as
            outside the subset.
        widths, heights: int32 (images,), in pixels, after rotation by EXIF; 0 as for `contents`.
        fingerprint: Fingerprint of the dataset as it was read, including unreadable images.
    """

    class_names: tuple[str, ...]
    keys: tuple[str, ...]
    labels: np.ndarray
    sets: tuple[str, ...]
    groups: np.ndarray
    contents: tuple[str, ...]
    widths: np.ndarray
    heights: np.ndarray
    fingerprint: str

    @cached_property
    def digest(self) -> str:
        """A digest that changes with any image, label or set."""
        whole = hashlib.sha256(json.dumps(self.class_names).encode())
        rows = zip(self.keys, self.labels.tolist(), self.sets, self.contents, strict=True)
        for row in rows:
            whole.update(json.dumps(row).encode())
        return whole.hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RecordedSets) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @cached_property
    def sound(self) -> np.ndarray:
        """Positions of the images that are not known as unreadable: int64, ascending."""
        return self.positions("train", "validation", "test", "")

    @property
    def used_keys(self) -> frozenset[str]:
        """Keys of the images that are not outside the study's subset."""
        return frozenset(key for key, name in zip(self.keys, self.sets, strict=True) if name)

    @property
    def sound_fingerprint(self) -> str:
        """Fingerprint of the dataset without unreadable images, as computed by `Index.take`."""
        if len(self.sound) == len(self.keys):
            return self.fingerprint
        digest = hashlib.sha256(self.sound.astype("<i8").tobytes()).hexdigest()
        return f"{self.fingerprint}/{digest[:16]}"

    def positions(self, *names: str) -> np.ndarray:
        """Positions of the images of these sets: int64, ascending."""
        return np.flatnonzero(np.isin(np.array(self.sets, "U10"), names))

    @cached_property
    def splits(self) -> Splits:
        """The sets, as positions among `sound`."""
        sets = np.array(self.sets, "U10")[self.sound]
        return Splits(*(np.flatnonzero(sets == name) for name in SETS))

    def contents_of(self, positions: np.ndarray) -> np.ndarray:
        """Digests of these images' pixels: S16 (positions,), b"" where there is none."""
        return np.array([bytes.fromhex(self.contents[p]) for p in positions], "S16")

    def without_test(self) -> RecordedSets:
        """The record for training processes, which does not reveal which images are test images."""
        sets = tuple("" if name == "test" else name for name in self.sets)
        contents = tuple(
            "" if name == "test" else content
            for name, content in zip(self.sets, self.contents, strict=True)
        )
        return replace(self, sets=sets, contents=contents)

    def to_parquet(self) -> bytes:
        """Parquet with the columns key, label, set, group, content, width and height."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.table(
            {
                "key": list(self.keys),
                "label": self.labels,
                "set": pa.array(self.sets).dictionary_encode(),
                "group": self.groups,
                "content": list(self.contents),
                "width": self.widths,
                "height": self.heights,
            }
        )
        about = {"classes": json.dumps(self.class_names), "fingerprint": self.fingerprint}
        buffer = io.BytesIO()
        pq.write_table(table.replace_schema_metadata(about), buffer)
        return buffer.getvalue()

    @classmethod
    def from_parquet(cls, content: bytes) -> RecordedSets:
        """Read what `to_parquet` wrote.

        Raises:
            ValueError: If the content is anything else.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(pa.BufferReader(content))
            about = table.schema.metadata or {}
            columns = [pa.field(n, pa.type_for_alias(t), False) for n, t in _COLUMNS.items()]
            table = table.select(list(_COLUMNS)).cast(pa.schema(columns))
            recorded = cls(
                tuple(json.loads(about[b"classes"])),
                tuple(table["key"].to_pylist()),
                table["label"].to_numpy(),
                tuple(table["set"].to_pylist()),
                table["group"].to_numpy(),
                tuple(table["content"].to_pylist()),
                table["width"].to_numpy(),
                table["height"].to_numpy(),
                about[b"fingerprint"].decode(),
            )
        except (pa.ArrowException, OSError, KeyError, TypeError, RecursionError) as error:
            raise ValueError(str(error)) from error
        recorded._check()
        return recorded

    def _check(self) -> None:
        """Refuse what a damaged file may say.

        Raises:
            ValueError: With what is wrong.
        """
        if unknown := set(self.sets) - {*SETS, UNREADABLE, ""}:
            raise ValueError(f"there is no set {min(unknown)!r}")
        known = range(len(self.class_names))
        if not all(label in known for label in self.labels[self.sound].tolist()):
            raise ValueError("an image has a class that is not listed")
        for position in self.positions(*SETS).tolist():
            if not _DIGEST.fullmatch(self.contents[position]):
                raise ValueError(f"{self.keys[position]} has no digest of its pixels")


def record(
    index: Index,
    used: np.ndarray,
    sound: np.ndarray,
    splits: Splits,
    contents: Sequence[bytes],
    sizes: np.ndarray,
) -> RecordedSets:
    """Create the record of a dataset that has just been split.

    Args:
        index: All images, including unreadable ones.
        used: Positions of those that the study uses.
        sound: Positions of the readable ones among these, to which `splits` refers.
        splits: The sets.
        contents: Digest of the decoded pixels of each used image; b"" where there is none.
        sizes: Width and height of each used image, int32 (used, 2).
    """
    count = len(index.keys)
    sets, known, both = (
        np.full(count, "", "U10"),
        np.full(count, b"", object),
        np.zeros((count, 2), np.int32),
    )
    sets[used], known[used], both[used] = UNREADABLE, contents, sizes
    for name in SETS:
        sets[sound[splits.of(name)]] = name
    return RecordedSets(
        index.class_names,
        index.keys,
        np.where(sets == UNREADABLE, -1, index.labels).astype(np.int32),
        tuple(sets.tolist()),
        together(known.tolist(), index.groups),
        tuple(content.hex() for content in known),
        both[:, 0],
        both[:, 1],
        index.fingerprint,
    )
