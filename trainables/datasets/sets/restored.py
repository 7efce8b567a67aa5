"""A run's recorded sets in the dataset as it is now: found again, or read when they are needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import BinaryIO

import numpy as np

from spaces.errors import ChangedDataError
from trainables.datasets.manifest.index import Index
from trainables.datasets.sets.recorded import RecordedSets
from trainables.datasets.sets.splits import Splits

CHANGED = "have changed since the run started"
_NAMED = 10


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
        raise ChangedDataError(refusal(gone, "are missing"))
    names = index.class_names
    moved = [
        recorded.keys[p]
        for p in used
        if names[index.labels[now[recorded.keys[p]]]] != recorded.class_names[recorded.labels[p]]
    ]
    if moved:
        raise ChangedDataError(refusal(moved, "have another class than when the run started"))
    sound = recorded.sound
    places = np.array([now.get(recorded.keys[p], -1) for p in sound], np.int64)
    known = set(recorded.keys)
    return Restored(
        _reordered(recorded, index, sound, places),
        recorded.splits,
        tuple(key for key in index.keys if key not in known),
        index.fingerprint == recorded.fingerprint,
    )


def deferred(recorded: RecordedSets, read: Callable[[], Index]) -> tuple[Index, Splits]:
    """The recorded images and sets, without looking at the dataset until an image is read.

    Args:
        recorded: The record.
        read: Reads the dataset as it is then.
    """
    sound = recorded.sound

    there = _Deferred(recorded, read)
    index = Index(
        recorded.class_names,
        tuple(recorded.keys[p] for p in sound),
        recorded.labels[sound],
        there.read,
        recorded.sound_fingerprint,
        open=there.open,
        contents=recorded.contents_of(sound),
        sizes=np.stack([recorded.widths, recorded.heights], axis=1)[sound],
    )
    return index, recorded.splits


class _Deferred:
    """The recorded images in the dataset, which is read when one of them is."""

    def __init__(self, recorded: RecordedSets, read: Callable[[], Index]) -> None:
        self._recorded, self._read = recorded, read

    @cached_property
    def _index(self) -> Index:
        return restore(self._recorded, self._read()).index

    def read(self, position: int) -> np.ndarray:
        return self._index.read(position)

    def open(self, position: int) -> BinaryIO:
        if self._index.open is None:
            raise ValueError("plain pixels have no files")
        return self._index.open(position)


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
        raise ChangedDataError(refusal(changed, CHANGED))


def _reordered(
    recorded: RecordedSets, index: Index, sound: np.ndarray, places: np.ndarray
) -> Index:
    """An index of the recorded images in their recorded order."""
    return replace(
        index.take(places),
        class_names=recorded.class_names,
        keys=tuple(recorded.keys[p] for p in sound),
        labels=recorded.labels[sound],
        fingerprint=recorded.sound_fingerprint,
        contents=recorded.contents_of(sound),
    )


def refusal(keys: Sequence[str], what: str) -> str:
    """The message about images of a run that are not as recorded; names some."""
    listed = ", ".join(keys[:_NAMED]) + (", …" if len(keys) > _NAMED else "")
    return (
        f"{len(keys):,} of the run's images {what}: {listed}. Restore them, or start a new run: "
        "the sets of a run are fixed when it starts."
    )
