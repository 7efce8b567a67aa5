"""Nodes with a (pretended) GPU beside one without, or yet to be started by an autoscaler."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from search.cluster.ray_session import ray_running
from search.features.all_nodes import extract, nodes_for
from search.features.plan import planned
from tests.cluster.clusters import cluster
from tests.cluster.test_finetuning import ROOT, SCRATCH, finetuning, make_run, record_of
from tests.faults.driving import wait_until

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
    nodes = Cluster(True, head_node_args={"num_cpus": 4, "include_dashboard": False})
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
            nodes.add_node(num_cpus=2, num_gpus=1, env_vars={"THAWTUNE_CACHE": str(cache)})
        nodes.wait_for_nodes()
        with ray_running(nodes.address):
            import ray

            assert len(ray.nodes()) == 3
            assert len(nodes_for(study)) == 2
            plan, console = planned(study), Console(quiet=True)
            first = extract(study, plan, console)
            assert (first["hits"], first["misses"], first["notes"]) == (0, 8, ())
            wait_until(lambda: ray.available_resources().get("GPU") == 2, 30)
            second = extract(study, plan, console)
            assert (second["hits"], second["misses"], second["notes"]) == (4, 0, ())
        assert stored(caches[0]) == stored(caches[1])
        assert len(stored(caches[0])) == 4
        assert stored(tmp_path / "driver") == set()
    finally:
        nodes.shutdown()


GPU_NODES = {
    "gpu": {
        "resources": {"CPU": 1, "GPU": 1},
        "node_config": {},
        "min_workers": 0,
        "max_workers": 2,
    }
}


def test_fine_tuning_waits_for_gpu_nodes_to_come(tmp_path: Path, monkeypatch) -> None:
    run = make_run(tmp_path / "run", SCRATCH)
    with cluster(cpus=2, gpus=0, to_come=GPU_NODES) as growing:
        for name, value in growing.environment.items():
            monkeypatch.setenv(name, value)
        with finetuning(run, "--workers", "2", "--gpu", "--address", growing.address) as process:
            record = record_of(run, process)
        assert record["workers"] == 2
        assert len(record["history"]) == SCRATCH.epochs
        with finetuning(run, "--workers", "3", "--gpu", "--address", growing.address) as process:
            _, said = process.communicate()
    assert process.returncode == 2
    assert "3 workers need 3 GPUs, but Ray has 2" in said
