"""What is to be computed ahead of the trials, as it travels between processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SETS = ("train", "validation")


@dataclass(frozen=True)
class Work:
    """What is to be computed of one network.

    Attributes:
        dataset: The study's dataset section, as plain values.
        point: A configuration that has all the cuts, as plain values.
        names: Of the cuts.
        cache: Folder of the cache.
        threads: Of TensorFlow; those of a trial, which may get this process next.
        gpu: Share of a GPU, that of a trial.
    """

    dataset: Mapping[str, Any]
    point: Mapping[str, Any]
    names: tuple[str, ...]
    cache: str
    threads: int
    gpu: float = 0


@dataclass(frozen=True)
class Wanted:
    """An entry that is to be.

    Attributes:
        name: Of the cut.
        part: "train" or "validation".
        folder: Of the entry.
        shape: Of its rows together.
        about: What it is to say about itself.
    """

    name: str
    part: str
    folder: Path
    shape: tuple[int, ...]
    about: Mapping[str, Any]
