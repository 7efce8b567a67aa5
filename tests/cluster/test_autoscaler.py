"""A cluster without any GPU node yet: its autoscaler starts them when they are asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cluster.test_finetuning import ROOT, SCRATCH, finetuning, make_run, record_of

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(280)]


@pytest.fixture
def cluster(monkeypatch):
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


def test_fine_tuning_waits_for_gpu_nodes_to_come(tmp_path: Path, cluster) -> None:
    run = make_run(tmp_path / "run", SCRATCH)
    with finetuning(run, "--workers", "2", "--gpu", "--address", "auto") as process:
        record = record_of(run, process)
    assert record["workers"] == 2
    assert len(record["history"]) == SCRATCH.epochs
    with finetuning(run, "--workers", "3", "--gpu", "--address", "auto") as process:
        _, said = process.communicate()
    assert process.returncode == 2
    assert "3 workers need 3 GPUs, but Ray has 2" in said
