"""The record of a run's sets, written when it starts: each image with its set and content.

A run's dataset is split once. Whatever happens to the dataset afterwards, search, fine-tuning,
evaluation and export read the sets from this record: a changed or missing image is an error that
names it, and images added since are left out.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from spaces.errors import ChangedDataError
from trainables.datasets.manifest.index import Index
from trainables.datasets.sets.grouped import together
from trainables.datasets.sets.splits import SETS, Splits

UNREADABLE = "unreadable"
"""The set of images that cannot be decoded and are left out."""

_NAMED = 10

_COLUMNS = {
    "key": "string",
    "label": "int32",
    "set": "string",
    "group": "int64",
    "content": "string",
    "width": "int32",
    "height": "int32",
}


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
        contents: Hexadecimal digest of each image's decoded pixels; "" where there is none.
        widths, heights: int32 (images,), in pixels, after rotation by EXIF.
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
        """Positions of the images that can be decoded: int64, ascending."""
        return self.positions("train", "validation", "test", "")

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


def record(
    index: Index,
    sound: np.ndarray,
    splits: Splits,
    contents: Sequence[bytes],
    widths: np.ndarray,
    heights: np.ndarray,
) -> RecordedSets:
    """Create the record of a dataset that has just been split.

    Args:
        index: All images, including unreadable ones.
        sound: Positions of the readable images, to which `splits` refers.
        splits: The sets.
        contents: Digest of each image's decoded pixels; b"" where there is none.
        widths, heights: int32 (images,).
    """
    sets = np.full(len(index.keys), UNREADABLE, "U10")
    sets[sound] = ""
    for name in SETS:
        sets[sound[splits.of(name)]] = name
    return RecordedSets(
        index.class_names,
        index.keys,
        np.where(sets == UNREADABLE, -1, index.labels).astype(np.int32),
        tuple(sets.tolist()),
        together(contents, index.groups),
        tuple(content.hex() for content in contents),
        widths,
        heights,
        index.fingerprint,
    )


@dataclass(frozen=True)
class Restored:
    """The present dataset, in the order and with the sets of the record.

    Attributes:
        index: All recorded images except unreadable ones, with the recorded labels.
        splits: The sets.
        added: Keys of images that were added since, and are left out.
        is_unchanged: Whether the dataset is the same as recorded, image by image.
    """

    index: Index
    splits: Splits
    added: tuple[str, ...]
    is_unchanged: bool


def restore(recorded: RecordedSets, index: Index) -> Restored:
    """Find the recorded images in the present dataset.

    This does not compare contents: see `check_contents`.

    Raises:
        ChangedDataError: If an image of a set is missing or has another label.
    """
    now = {key: position for position, key in enumerate(index.keys)}
    used = recorded.positions("train", "validation", "test")
    gone = [recorded.keys[p] for p in used if recorded.keys[p] not in now]
    if gone:
        raise ChangedDataError(_said(gone, "are missing"))
    names = index.class_names
    moved = [
        recorded.keys[p]
        for p in used
        if names[index.labels[now[recorded.keys[p]]]] != recorded.class_names[recorded.labels[p]]
    ]
    if moved:
        raise ChangedDataError(_said(moved, "have another class than when the run started"))
    sound = recorded.sound
    places = np.array([now.get(recorded.keys[p], -1) for p in sound], np.int64)
    sets = [recorded.sets[p] for p in sound]
    known = set(recorded.keys)
    return Restored(
        _reordered(recorded, index, sound, places),
        Splits(*(_where(sets, name) for name in ("train", "validation", "test"))),
        tuple(key for key in index.keys if key not in known),
        index.fingerprint == recorded.fingerprint,
    )


def check_contents(
    recorded: RecordedSets, keys: Sequence[str], contents: Sequence[bytes], problems: Sequence[str]
) -> None:
    """Refuse images whose pixels differ from the record.

    Args:
        recorded: The record.
        keys: Keys of the images to check.
        contents: Digests of their decoded pixels.
        problems: Why an image cannot be decoded; "" if it can.

    Raises:
        ChangedDataError: If there are any; the message names them.
    """
    known = dict(zip(recorded.keys, recorded.contents, strict=True))
    changed = [
        key
        for key, content, problem in zip(keys, contents, problems, strict=True)
        if problem or content.hex() != known[key]
    ]
    if changed:
        raise ChangedDataError(_said(changed, "have changed since the run started"))


def _reordered(
    recorded: RecordedSets, index: Index, sound: np.ndarray, places: np.ndarray
) -> Index:
    """An index of the recorded images in their recorded order."""
    return replace(
        index.take(places),
        class_names=recorded.class_names,
        keys=tuple(recorded.keys[p] for p in sound),
        labels=recorded.labels[sound],
        fingerprint=recorded.sound_fingerprint,  # so that stored features remain valid
    )


def _where(sets: Sequence[str], name: str) -> np.ndarray:
    return np.flatnonzero(np.array(sets, "U10") == name)


def _said(keys: Sequence[str], what: str) -> str:
    listed = ", ".join(keys[:_NAMED]) + (", …" if len(keys) > _NAMED else "")
    return (
        f"{len(keys):,} of the run's images {what}: {listed}. Restore them, or start a new run: "
        "the sets of a run are fixed when it starts."
    )
