"""Features computed ahead on one machine, and copied on another."""

from __future__ import annotations

import pytest
from rich.console import Console

from search.cluster.ray_session import ray_running
from search.features.all_nodes import extract
from search.features.plan import planned
from trainables.cache.leases import end_leases

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("ignore::ResourceWarning")]


def test_another_machine_copies_what_this_one_stored(make_study, tmp_path, monkeypatch):
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path))
    monkeypatch.setenv("THAWTUNE_FEATURES", (tmp_path / "storage").as_uri())
    study = make_study(
        dataset={"format": "digits", "subset": 200},
        base={"backbone": "EfficientNetLite0", "image_size": 32},
        space={"unfrozen_depth": {"choices": [0, 4]}, "dropout": {"low": 0.0, "high": 0.5}},
        recipes={},
    )
    console = Console(quiet=True)
    with ray_running(None):  # its workers inherit the variables
        plan = planned(study)
        monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path / "first"))
        first = extract(study, plan, console)
        monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path / "second"))
        second = extract(study, plan, console)
    assert first["misses"] == len(plan.kept) * 160 > 0
    assert (second["hits"], second["misses"], second["images"]) == (first["misses"], 0, 0)
    arrays = [
        sorted((tmp_path / name / "features").rglob("*.arrow")) for name in ("first", "second")
    ]
    assert len(arrays[0]) == len(plan.kept) * 2
    for one, other in zip(*arrays, strict=True):
        assert one.read_bytes() == other.read_bytes()
    end_leases()
