"""Nodes with a (pretended) GPU beside one without, or yet to be started by an autoscaler."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from search.cluster.ray_session import ray_running
from search.features.all_nodes import extract, nodes_for
from search.features.plan import planned
from tests.cluster.test_finetuning import ROOT, SCRATCH, finetuning, make_run, record_of

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(280),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def stored(cache) -> set[str]:
    return {path.parent.name for path in cache.rglob("*.arrow")}


def test_features_are_computed_on_gpu_nodes_alone_each_in_its_own_cache(
    tmp_path, monkeypatch, make_study
):
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path / "driver"))
    caches = [tmp_path / name for name in ("first", "second")]
    cluster = Cluster(True, head_node_args={"num_cpus": 4, "include_dashboard": False})
    study = make_study(
        dataset={"format": "digits", "subset": 200},
        base={"backbone": "EfficientNetLite0", "image_size": 32},
        space={"unfrozen_depth": {"choices": [0, 4]}, "dropout": {"low": 0.0, "high": 0.5}},
        recipes={},
        budget={"trials": 30, "max_epochs": 9, "grace_period": 3},
        resources={"gpu": 1},
    )
    try:
        for cache in caches:
            cluster.add_node(num_cpus=2, num_gpus=1, env_vars={"THAWTUNE_CACHE": str(cache)})
        cluster.wait_for_nodes()
        with ray_running(cluster.address):
            import ray

            assert len(ray.nodes()) == 3
            assert len(nodes_for(study)) == 2
            plan, console = planned(study), Console(quiet=True)
            first = extract(study, plan, console)
            assert (first["hits"], first["misses"], first["notes"]) == (0, 8, ())
            assert ray.available_resources()["GPU"] == 2
            second = extract(study, plan, console)
            assert (second["hits"], second["misses"], second["notes"]) == (4, 0, ())
        assert stored(caches[0]) == stored(caches[1])
        assert len(stored(caches[0])) == 4
        assert stored(tmp_path / "driver") == set()
    finally:
        cluster.shutdown()


@pytest.fixture
def growing_cluster(monkeypatch):
    """Its head has two CPUs and no GPU; up to two nodes with a (pretended) GPU may come."""
    from ray.cluster_utils import AutoscalingCluster

    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    gpus = {
        "resources": {"CPU": 1, "GPU": 1},
        "node_config": {},
        "min_workers": 0,
        "max_workers": 2,
    }
    made = AutoscalingCluster({"CPU": 2}, {"gpu": gpus}, idle_timeout_minutes=5)
    made.start()
    try:
        yield made
    finally:
        made.shutdown()


def test_fine_tuning_waits_for_gpu_nodes_to_come(tmp_path: Path, growing_cluster) -> None:
    run = make_run(tmp_path / "run", SCRATCH)
    with finetuning(run, "--workers", "2", "--gpu", "--address", "auto") as process:
        record = record_of(run, process)
    assert record["workers"] == 2
    assert len(record["history"]) == SCRATCH.epochs
    with finetuning(run, "--workers", "3", "--gpu", "--address", "auto") as process:
        _, said = process.communicate()
    assert process.returncode == 2
    assert "3 workers need 3 GPUs, but Ray has 2" in said
