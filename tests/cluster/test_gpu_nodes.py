"""Nodes with a (pretended) GPU beside one without."""

from __future__ import annotations

import pytest
from rich.console import Console

from search.cluster.ray_session import ray_running
from search.features.all_nodes import extract, nodes_for
from search.features.plan import planned
from tests.cluster.test_finetuning import ROOT
from tests.faults.driving import wait_until

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(280),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def stored(cache) -> set[str]:
    return {path.parent.name for path in (cache / "features").rglob("*.arrow")}


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
            assert (first["hits"], first["misses"], first["notes"]) == (0, 640, ())
            wait_until(lambda: ray.available_resources().get("GPU") == 2, 30)
            second = extract(study, plan, console)
            assert (second["hits"], second["misses"], second["notes"]) == (640, 0, ())
        assert stored(caches[0]) == stored(caches[1])
        assert len(stored(caches[0])) == 4
        assert stored(tmp_path / "driver") == set()
    finally:
        nodes.shutdown()
