"""A search on three hosts: one is lost, one is cut off, and one has no token."""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.cluster.hosts import Host, cluster_of, join
from tests.faults.checking import check_whole
from tests.faults.driving import Search, wait_until

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(420),
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("ip"), reason="needs root and ip"),
]

TRIALS = 10
CUT_SECONDS = 30


@pytest.fixture(scope="module")
def three() -> Iterator[list[Host]]:
    """A head and two workers with one CPU each."""
    with cluster_of(3) as made:
        yield made


@pytest.mark.parametrize("token", [None, "0" * 64])
def test_a_node_without_the_token_is_refused(
    three: list[Host], tmp_path: Path, token: str | None
) -> None:
    head, worker, _ = three
    stranger = worker.environment | {"HOME": str(tmp_path)}
    del stranger["RAY_AUTH_TOKEN"]
    stranger |= {"RAY_AUTH_MODE": "disabled"} if token is None else {"RAY_AUTH_TOKEN": token}
    wanted = join(head, worker, env=stranger)
    said, _ = wanted.communicate(timeout=120)
    assert wanted.returncode not in (0, -9), said
    assert "uthenticat" in said


def test_a_lost_host_and_a_cut_cable_lose_no_trial(three: list[Host], tmp_path: Path) -> None:
    head, cut_off, lost = three
    made = Search(
        tmp_path,
        dataset={"format": "digits"},
        base={"image_size": 32, "batch_size": 32},
        space={"learning_rate": {"low": 1e-3, "high": 1e-2, "log": True}},
        recipes={},
        resources={"cpu": 1, "gpu": 0, "checkpoint_seconds": 1, "concurrent": 2},
        budget={"trials": TRIALS, "max_epochs": 300, "grace_period": 300, "reduction_factor": 3},
    )
    driver = head.thawtune("search", made.study, "--run", made.run.folder)
    wait_until(lambda: len(made.named("trial_ended")) >= 2 or driver.poll() is not None)
    stored = {host.name: entries(host) for host in (cut_off, lost)}
    lost.kill()
    wait_until(lambda: len(made.named("trial_ended")) >= 3 or driver.poll() is not None)
    cut_off.cut()
    time.sleep(2)
    before = len(made.named("trial_measured"))
    time.sleep(CUT_SECONDS - 2)
    assert len(made.named("trial_measured")) == before  # nothing got through
    cut_off.mend()
    said, _ = driver.communicate(timeout=200)
    assert driver.returncode == 0, said
    check_whole(made, TRIALS)
    assert set(Counter(t.state for t in made.history.trials.values())) == {"COMPLETE"}
    nodes = {event["node"] for event in made.named("trial_started")}
    assert nodes == {cut_off.address, lost.address}

    [told] = made.named("features_stored")
    assert told["misses"] == rows(cut_off) + rows(lost) > 0
    assert all(found == stored[cut_off.name] for found in stored.values())
    assert entries(cut_off) == stored[cut_off.name]
    assert entries(head) == set()


def rows(host: Host) -> int:
    """Rows in the host's feature store."""
    paths = (host.folder / "cache" / "features").glob("*/contents.npy")
    return sum(len(np.load(path)) for path in paths)


def entries(host: Host) -> set[str]:
    """Addresses of the entries in the host's feature store."""
    return {path.parent.name for path in (host.folder / "cache" / "features").glob("*/*.arrow")}
