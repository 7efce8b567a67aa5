"""What earlier searches found out about a study, so that a later one need not ask TensorFlow."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from spaces.dataset import DatasetSection
from spaces.errors import DataError
from spaces.study import Study
from trainables.cache import eviction
from trainables.cache.folder import address, cache_folder
from trainables.datasets.rows.images import decoder
from trainables.datasets.rows.loading import read_splits
from trainables.features.plan.plan import Plan
from trainables.features.plan.work import Work

_FORMAT = 1
"""To be raised when plans are made, or features computed, in another way."""


def remembered_plan(study: Study) -> Plan | None:
    """The plan that was made for this study, its data and this machine, or None."""
    found = _read(_plan_file(study))
    return None if found is None else Plan.from_dict(found)


def remember_plan(study: Study, plan: Plan) -> None:
    """Keep a plan for the next search."""
    _write(_plan_file(study), plan.to_dict())


def remembered_entries(study: Study, works: Sequence[Work]) -> list[str] | None:
    """Names of the entries that hold all this, or None if that is not known of a network."""
    found: list[str] = []
    for work in works:
        names = _read(_entries_file(study, work))
        if names is None:
            return None
        found += names
    return found


def remember_entries(study: Study, work: Work, names: Sequence[str]) -> None:
    """Keep which entries hold the features of a network."""
    _write(_entries_file(study, work), list(names))


def _plan_file(study: Study) -> Path:
    limit = os.environ.get(eviction.LIMIT_VARIABLE, "")
    return _file("plan", _data(study), study.hash, os.cpu_count(), limit)


def _entries_file(study: Study, work: Work) -> Path:
    return _file("entries", _data(study), json.dumps(work.point), *work.names, _weights(work))


def _weights(work: Work) -> object:
    """What changes with a file of weights."""
    path = Path(str(work.point["weights"]))
    if not path.is_file():
        return None
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _data(study: Study) -> str:
    return _fingerprint(study.dataset.model_dump_json())


@lru_cache(maxsize=4)
def _fingerprint(section: str) -> str:
    try:
        index, splits = read_splits(DatasetSection.model_validate_json(section))
    except DataError:
        return address(section)
    return address(section, index.fingerprint, splits.train.tobytes(), splits.validation.tobytes())


def _file(*parts: object) -> Path:
    versions = [decoder(), *(version(name) for name in ("keras", "tensorflow"))]
    return cache_folder() / "plans" / f"{address(_FORMAT, *versions, *parts)}.json"


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def _write(path: Path, values: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(values), encoding="utf-8")
    temporary.replace(path)
