"""Private names of Ray: a newer version that has lost one says so here, and not in a search."""

from __future__ import annotations

import re
from pathlib import Path

import ray

import search
from search.cluster import ray_private

FOLDER = Path(search.__file__).parent


def test_ray_still_has_the_private_names():
    lost = ray_private.check()
    assert not lost, (
        f"ray {ray.__version__} no longer has {', '.join(lost)}, which search/cluster/"
        f"ray_private.py takes from ray {ray_private.SEEN_IN}: find what has replaced them."
    )


def test_a_name_that_is_gone_is_named(monkeypatch):
    monkeypatch.setattr(ray_private, "_NAMES", {"ray._private.state": "gone", "ray.nowhere": "x"})
    assert ray_private.check() == ["ray._private.state.gone", "ray.nowhere.x"]


def test_no_other_module_uses_any():
    users = [
        path.relative_to(FOLDER).as_posix()
        for path in FOLDER.rglob("*.py")
        if re.search(r"(ray|optuna)(\.\w+)*\._\w", path.read_text(encoding="utf-8"))
    ]
    assert users == ["cluster/ray_private.py"]
