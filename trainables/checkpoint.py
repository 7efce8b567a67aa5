"""A training's state as a file of arrays."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import numpy as np

from spaces.errors import RunStateError

_FILE = "state.npz"


def save_state(folder: Path, state: dict[str, np.ndarray]) -> None:
    """Write a state into a folder."""
    np.savez(folder / _FILE, allow_pickle=False, **state)


def load_state(folder: Path) -> dict[str, np.ndarray]:
    """Read what `save_state` wrote.

    Raises:
        RunStateError: If it is missing or damaged.
    """
    try:
        with (folder / _FILE).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, KeyError) as error:
        raise RunStateError(f"The checkpoint {folder} cannot be read: {error}.") from error


def remove_older(folder: Path) -> None:
    """Remove all checkpoints in a trial's folder but the newest whole one."""
    newest = latest_checkpoint(folder)
    for candidate in folder.glob("checkpoint_*"):
        if newest is not None and candidate != newest:
            shutil.rmtree(candidate, ignore_errors=True)


def latest_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint in a trial's folder that is whole, or None."""
    for candidate in sorted(folder.glob("checkpoint_*"), reverse=True):
        if zipfile.is_zipfile(candidate / _FILE):
            return candidate
    return None
