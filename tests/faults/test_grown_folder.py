"""Two searches of a folder of 2,000 photos that grows by 500, and fine-tuning: what is computed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml

from search.records.run import Run
from tests.trainables.datasets.pictures import class_folders

pytestmark = [pytest.mark.faults, pytest.mark.ray, pytest.mark.timeout(1800)]

STUDY = {
    "base": {"backbone": "EfficientNetLite0", "image_size": 32, "batch_size": 64, "epochs": 2},
    "space": {"learning_rate": {"low": 1e-3, "high": 1e-2, "log": True}},
    "recipes": {"probe": {"learning_rate": 3e-3}},
    "budget": {"trials": 3, "max_epochs": 2},
    "finalists": {"count": 1, "seeds": 2},
}


def thawtune(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "search", *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def rows(cache: Path) -> Counter[str]:
    """Rows in the cache, by kind: all that was ever decoded or computed, as nothing is evicted."""
    counts: Counter[str] = Counter()
    for path in cache.glob("*/*/contents.npy"):
        counts[path.parent.parent.name] += len(np.load(path))
    return counts


def computed(run: Path) -> int:
    """Rows of features that a run says it has computed, in whatever process."""
    history = Run(run).history()
    assert history.hits is not None
    assert history.misses is not None
    assert history.hits + history.misses >= 2000
    return history.misses


def test_a_second_search_computes_500_and_fine_tuning_nothing(tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    monkeypatch.setenv("THAWTUNE_CACHE", str(cache))
    monkeypatch.delenv("THAWTUNE_CACHE_LIMIT", raising=False)
    photos = tmp_path / "photos"
    class_folders(photos / "train", 4, 500)
    class_folders(photos / "test", 4, 25, first=50_000)
    study = STUDY | {"dataset": {"format": "split_folders", "path": str(photos)}}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))

    thawtune("search", tmp_path / "study.yaml", "--run", tmp_path / "first")
    assert rows(cache) == {"images": 2000, "features": 2000}

    more = class_folders(tmp_path / "more", 4, 125, first=100_000)
    for path in more.rglob("*.jpg"):
        shutil.copy(path, photos / "train" / path.parent.name / f"new{path.name}")
    thawtune("search", tmp_path / "study.yaml", "--run", tmp_path / "second")
    assert rows(cache) == {"images": 2500, "features": 2500}
    assert [computed(tmp_path / run) for run in ("first", "second")] == [2000, 500]

    thawtune("finetune", tmp_path / "second", "--workers", "1")
    assert rows(cache) == {"images": 2500, "features": 2500}
    thawtune("evaluate", tmp_path / "second")
    assert rows(cache) == {"images": 2600, "features": 2500}
