"""How much of a GPU a trial gets, and how many run at once."""

from __future__ import annotations

from collections import Counter

import pytest

from search.cluster.machines import Machine
from search.cluster.placement import (
    MOST_A_GPU,
    bytes_of_a_trial,
    fitting,
    gpu_share,
    host_threads,
)
from spaces.studies.study import Resources
from trainables.process.gpu import CONTEXT_BYTES, bytes_allowed, gpu_memory

GIB = 2**30


@pytest.mark.parametrize(
    ("cpu", "gpu", "machines", "shares", "expected"),
    [
        (1, 0, {(2, 0): 1}, True, 2),  # a small laptop keeps both of its cores
        (1, 0, {(3, 0): 1}, True, 2),
        (2, 0, {(8, 0): 1}, True, 3),
        (1, 0, {(8, 0): 1}, False, 8),  # the driver is elsewhere
        (1, 0.5, {(8, 2): 1}, True, 4),
        (1, 0.3333, {(16, 1): 1}, True, 3),
        (4, 0.25, {(8, 4): 1}, True, 2),  # too few CPUs for that
        (4, 0.25, {(64, 0): 1, (4, 1): 1}, False, 1),  # the 64 CPUs have no GPU beside them
        (3, 0, {(4, 0): 3}, False, 3),  # a CPU is left over on each
        (1, 1, {(0, 8): 1, (4, 0): 1}, False, 1),  # no machine has both
        (1, 0.5, {}, False, 1),  # nothing is there yet
    ],
)
def test_as_many_as_fit(cpu, gpu, machines, shares, expected):
    assert fitting(cpu, gpu, counted(machines), shares) == expected


def counted(machines: dict[tuple[float, float], int]) -> Counter[Machine]:
    """Machines from their CPUs and GPUs."""
    return Counter({Machine(*each): count for each, count in machines.items()})


@pytest.mark.parametrize(
    ("cpu", "gpu", "machines", "expected"),
    [
        (2, 0, {}, 2),  # on CPUs its own
        (1, 1, {(16, 2): 1}, 8),
        (1, 0.25, {(16, 1): 1}, 4),
        (1, 0.3333, {(16, 1): 1, (64, 0): 1}, 5),
        (1, 0.5, {(32, 1): 1, (8, 1): 1}, 4),  # the smallest share
        (6, 1, {(8, 2): 1}, 6),
    ],
)
def test_a_trial_on_a_gpu_gets_threads_for_its_hosts_work(
    cpu, gpu, machines, expected, monkeypatch
):
    monkeypatch.setattr("search.cluster.placement.machines_up", lambda: counted(machines))
    assert host_threads(Resources(cpu=cpu, gpu=gpu)) == expected


def study_of(make_study, image_size: int, batch_size: int):
    """Its base says how large images and batches are."""
    return make_study(base={"image_size": image_size, "batch_size": batch_size}, recipes={})


def test_the_largest_batch_and_image_count(make_study):
    space = {"batch_size": {"choices": [16, 64]}, "learning_rate": {"low": 1e-4, "high": 1e-2}}
    searched = make_study(base={"image_size": 96}, space=space, recipes={})
    assert bytes_of_a_trial(searched) == bytes_of_a_trial(study_of(make_study, 96, 64))
    assert bytes_of_a_trial(study_of(make_study, 224, 128)) > 19 * GIB


@pytest.mark.parametrize(
    ("memory", "gpus", "cpus", "expected"),
    [
        (None, 0, 8, 0),  # no GPU
        (None, 1, 8, 1),  # of unknown size
        (7 * GIB, 1, 8, 1),
        (14 * GIB, 1, 8, 0.5),
        (21 * GIB, 1, 8, 0.3333),
        (80 * GIB, 1, 8, 1 / MOST_A_GPU),
        (80 * GIB, 1, 2, 0.5),  # two cores feed two trials
    ],
)
def test_a_gpu_is_shared_by_as_many_as_fit_in_its_memory(make_study, memory, gpus, cpus, expected):
    study = study_of(make_study, 224, 32)
    assert 6 * GIB < bytes_of_a_trial(study) < 7 * GIB
    machines = counted({(cpus, gpus): 1})
    assert gpu_share(study, machines, memory) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("machines", "expected"),
    [
        ({(64, 0): 1, (4, 1): 1}, 1),  # the CPUs of a machine without a GPU feed none
        ({(64, 0): 1, (8, 1): 1}, 0.5),
        ({(32, 1): 1, (8, 1): 1}, 0.5),  # the share is the same on all machines
        ({(2, 1): 1}, 0),  # no trial fits beside the GPU
    ],
)
def test_cpus_count_on_the_machines_that_have_gpus(make_study, machines, expected):
    study = make_study(resources={"cpu": 4}, recipes={})
    assert gpu_share(study, counted(machines), 80 * GIB) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("images", "limit", "expected"),
    [
        (1_000, None, 0.3333),  # 0.15 GB of pixels stay in memory beside 6.6 of 7.3 GiB
        (10_000, None, 0.5),  # 1.5 GB do not; beside two they do
        (1_000_000, None, 0.5),  # 150 GB are streamed: a quarter of a share is kept for them
        (1_000_000, "500MB", 0.3333),  # or what the environment says
    ],
)
def test_a_trial_is_counted_with_the_images_that_it_holds(
    make_study, monkeypatch, images, limit, expected
):
    if limit:
        monkeypatch.setenv("THAWTUNE_DATA_MEMORY", limit)
    study = study_of(make_study, 224, 32)
    share = gpu_share(study, counted({(8, 1): 1}), 22 * GIB, images)
    assert share == pytest.approx(expected)


def test_shares_of_memory_leave_room_for_the_context():
    memory = 24 * GIB
    assert bytes_allowed(1, memory) is None
    assert bytes_allowed(0.5, None) is None
    assert 2 * (bytes_allowed(0.5, memory) + CONTEXT_BYTES) == memory
    assert bytes_allowed(0.01, memory) >= 2**20, "to TensorFlow, 0 means no limit"


def test_without_nvidias_driver_no_memory_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu_memory() is None
