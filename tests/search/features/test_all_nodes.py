"""Features computed ahead by Ray tasks: what trials would compute, and only once."""

from __future__ import annotations

import dataclasses
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from search.cluster.ray_session import ray_running
from search.driver.search import create_run
from search.features.all_nodes import extract
from search.features.one_node import NodeExtraction
from search.features.plan import planned
from search.features.precompute import store_features
from search.live.early_end import Ending
from search.live.live_run import opened
from search.records.run import Run
from tests.faults.driving import wait_until
from trainables.cache import eviction
from trainables.cache.leases import end_leases
from trainables.datasets.preflight.examine import preflight
from trainables.datasets.rows.loading import load_trial_data
from trainables.datasets.sets.recorded import RecordedSets
from trainables.features.in_memory import examples_at, forget
from trainables.features.plan.extraction_task import ExtractionTask
from trainables.networks.cut import cut
from trainables.networks.forward import forward
from trainables.training.training import build_pretrained

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("ignore::ResourceWarning")]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path))
    monkeypatch.delenv("THAWTUNE_CACHE_LIMIT", raising=False)
    yield tmp_path
    end_leases()
    forget()


@pytest.fixture(scope="module")
def study(make_study):
    return make_study(
        dataset={"format": "digits", "subset": 200},
        base={"backbone": "EfficientNetLite0", "image_size": 32},
        space={"unfrozen_depth": {"choices": [0, 4]}, "dropout": {"low": 0.0, "high": 0.5}},
        recipes={},
        budget={"trials": 30, "max_epochs": 9, "grace_period": 3},
    )


@pytest.fixture(scope="module")
def ray():
    with ray_running(None):
        yield


def test_the_second_search_finds_what_the_first_one_stored(ray, study, folder):
    console = Console(record=True, quiet=True)
    plan = planned(study)
    assert {depth for row in plan.kept for depth in row.depths} == {"head", "4"}
    first = extract(study, plan, console)
    assert (first["hits"], first["misses"], first["notes"]) == (0, 320, ()), "160 at two cuts"
    assert first["images"] == 160
    assert first["bytes"] == sum(
        path.stat().st_size for path in (folder / "features").rglob("*.arrow")
    )
    before = {path: path.stat().st_mtime_ns for path in (folder / "features").rglob("*.arrow")}
    wait_until(lambda: not workers_with_tensorflow())  # each would keep the GPU that it had

    assert planned(study) == plan, "it is not measured again"
    second = extract(study, planned(study), console)
    assert (second["hits"], second["misses"], second["images"]) == (320, 0, 0)
    assert all(entry.in_use for entry in eviction.entries(["features"])), (
        "a search holds what its trials need"
    )

    data = load_trial_data(study.dataset, 32)
    for depth in (0, 4):
        network = build_pretrained(study.search_space.point({"unfrozen_depth": depth}), 10)
        split = cut(network.model, plan.kept_for(network.point))
        for images in (data.train, data.validation):
            examples = examples_at(split, images)
            np.testing.assert_allclose(
                examples.inputs, forward(split.below, images.pixels), rtol=1e-4, atol=1e-5
            )
    assert {
        path: path.stat().st_mtime_ns for path in (folder / "features").rglob("*.arrow")
    } == before

    end_leases()
    forget()
    lost = eviction.entries(["features"])[0]
    rows = lost.about["shape"][0]
    shutil.rmtree(lost.path)
    third = extract(study, plan, console)
    assert (third["hits"], third["misses"], third["notes"]) == (320 - rows, rows, ())
    assert not [path for path in folder.rglob(".*") if path.is_dir()], "no half entries"


def workers_with_tensorflow() -> list[int]:
    """Process ids of Ray's workers that have loaded TensorFlow."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            is_worker = entry.name.isdigit() and b"ray::" in (entry / "cmdline").read_bytes()[:5]
            ours = is_worker and str(os.getpid()) in ancestors(int(entry.name))
            if ours and "libtensorflow" in (entry / "maps").read_text(encoding="utf-8"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def ancestors(pid: int) -> list[str]:
    """Process ids of a process's parents."""
    found = []
    while pid > 1:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        pid = int(status.split("PPid:")[1].split()[0])
        found.append(str(pid))
    return found


def test_the_count_of_images_never_goes_back(ray, study, folder):
    """The progress bar adds up what all networks have taken."""
    import ray as library

    node = library.get_runtime_context().get_node_id()
    actor = NodeExtraction(node, 1, {"num_cpus": 1})
    point = study.search_space.point({"unfrozen_depth": 0})
    names = sorted({row.boundary for row in planned(study).kept})
    assert len(names) == 2
    seen = []
    for name in names:
        task = ExtractionTask(study.dataset, None, point, (name,), str(folder), threads=1)
        with ThreadPoolExecutor(1) as thread:
            running = thread.submit(actor.run, task)
            while not running.done():
                seen.append(actor.images_done())
                time.sleep(0.01)
        tally, keys = running.result()
        assert (tally.images, tally.misses, len(keys)) == (160, 160, 2)
    assert seen == sorted(seen)
    assert actor.images_done() == 320


def test_what_cannot_be_computed_ahead_is_left_to_the_trials(ray, study, folder):
    plan = planned(study)
    rows = [
        dataclasses.replace(row, point=dataclasses.replace(row.point, weights=f"{folder}/none.h5"))
        for row in plan.rows
    ]
    found = extract(study, dataclasses.replace(plan, rows=tuple(rows)), Console(quiet=True))
    assert found["misses"] == 0
    [line] = found["notes"]
    assert "the trials compute them: " in line
    assert "There are no weights at" in line


def test_without_room_it_says_so(ray, study, folder, monkeypatch):
    plan = planned(study)
    monkeypatch.setenv("THAWTUNE_CACHE_LIMIT", "1kB")
    assert extract(study, dataclasses.replace(plan, rows=()), Console(quiet=True)) == {
        "seconds": pytest.approx(0, abs=5),
        "bytes": 0,
        "hits": 0,
        "misses": 0,
        "images": 0,
        "notes": (),
    }
    assert planned(study).kept == (), "another limit, another plan"


def sets_of(current):
    return RecordedSets.from_parquet(current.run.sets.read_bytes()).without_test()


@pytest.fixture
def current(study, folder, tmp_path):
    """A run that is open for writing, of 200 small images."""
    run = Run(tmp_path / "run")
    create_run(run, study, preflight(study.dataset, study.name))
    with opened(run, study, Ending(None), Console(quiet=True)) as found:
        yield found


def test_small_data_are_left_to_the_trials_and_what_is_larger_is_told(
    ray, current, study, make_study, monkeypatch
):
    console = Console(quiet=True)
    assert store_features(current, study, sets_of(current), console).kept, "two depths are weighed"
    assert not current.history.features
    monkeypatch.setattr("search.features.precompute.SMALL", 0)
    store_features(current, study, sets_of(current), console)
    [event] = current.history.features
    assert (event["misses"], event["images"]) == (320, 160)
    assert (current.history.hits, current.history.misses) == (0, 320)
    assert event["cores"] >= 1


def test_with_one_boundary_there_is_nothing_to_plan(ray, current, make_study, monkeypatch):
    space = {"dropout": {"low": 0.0, "high": 0.5}}
    head = make_study(dataset={"format": "digits"}, space=space, recipes={})
    monkeypatch.setattr("search.features.precompute.planned", pytest.fail)
    assert store_features(current, head, sets_of(current), Console(quiet=True)) is None
