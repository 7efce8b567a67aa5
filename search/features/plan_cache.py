"""Plans and entry names of earlier searches: a later one can use them without TensorFlow."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from spaces.errors import DataError
from spaces.studies.dataset import DatasetSection
from spaces.studies.study import Study
from trainables.cache import eviction
from trainables.cache.folder import address, cache_folder, renewing, replace
from trainables.datasets.rows.images import decoder
from trainables.datasets.rows.loading import read_splits
from trainables.datasets.sets.recorded import RecordedSets
from trainables.features.plan.extraction_task import ExtractionTask
from trainables.features.plan.plan import Plan

_FORMAT = 2
"""Raise it when plans are made, or features computed, in another way."""


def remembered_plan(study: Study, sets: RecordedSets | None) -> Plan | None:
    """The plan made earlier for this study, its data and this machine, or None."""
    found = _read(_plan_file(study, sets))
    return None if found is None else Plan.from_dict(found)


def remember_plan(study: Study, sets: RecordedSets | None, plan: Plan) -> None:
    """Keep a plan for the next search."""
    _write(_plan_file(study, sets), plan.to_dict())


def remembered_entries(study: Study, tasks: Sequence[ExtractionTask]) -> list[str] | None:
    """Keys of the entries of all tasks, or None if those of any task are unknown."""
    found: list[str] = []
    for task in tasks:
        keys = _read(_entries_file(study, task))
        if keys is None:
            return None
        found += keys
    return found


def remember_entries(study: Study, task: ExtractionTask, keys: Sequence[str]) -> None:
    """Keep the keys of a task's entries for the next search."""
    _write(_entries_file(study, task), list(keys))


def _plan_file(study: Study, sets: RecordedSets | None) -> Path:
    limit = os.environ.get(eviction.LIMIT_VARIABLE, "")
    return _file("plan", _data(study, sets), study.hash, os.cpu_count(), limit)


def _entries_file(study: Study, task: ExtractionTask) -> Path:
    device = task.precision, task.gpu > 0, task.dtype
    data = _data(study, task.sets)
    return _file("entries", data, task.point, *task.cuts, *_weights(task), *device)


def _weights(task: ExtractionTask) -> list[tuple[int, int]]:
    """Changes when a file of weights does, or one with a backbone."""
    paths = [Path(task.point.weights), Path(task.point.backbone)]
    status = [path.stat() for path in paths if path.is_file()]
    return [(one.st_size, one.st_mtime_ns) for one in status]


def _data(study: Study, sets: RecordedSets | None) -> str:
    return _fingerprint(study.dataset.model_dump_json(), sets)


@lru_cache(maxsize=4)
def _fingerprint(section: str, sets: RecordedSets | None) -> str:
    """The same for a dataset that is read now and for the sets that a run has of it."""
    if sets is None:
        try:
            index, splits = read_splits(DatasetSection.model_validate_json(section))
        except DataError:
            return address(section)
        fingerprint, parts = index.fingerprint, [splits.train, splits.validation]
    else:
        fingerprint = sets.sound_fingerprint
        parts = [np.searchsorted(sets.sound, sets.positions(n)) for n in ("train", "validation")]
    return address(section, fingerprint, *(part.astype(np.int64).tobytes() for part in parts))


def _file(*parts: object) -> Path:
    versions = [decoder(), *(version(name) for name in ("keras", "tensorflow"))]
    return cache_folder() / "plans" / f"{address(_FORMAT, *versions, *parts)}.json"


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError, RecursionError):
        return None


def _write(path: Path, values: object) -> None:
    text = json.dumps(values)
    with renewing(path):
        replace(path, lambda new: new.write_text(text, encoding="utf-8"))
