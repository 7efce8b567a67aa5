"""Fine-tuning on several workers: equal to one worker, and robust when some are lost."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search.finetune.epoch_log import Told
from search.records import events
from search.records.ledger import Ledger
from search.records.run import Run, write_json, write_whole
from spaces.hyperparameters import Hyperparameters
from spaces.studies.study_file import parse_study
from tests.cluster.hosts import Host, cluster_of
from tests.search import final_runs
from trainables.datasets.preflight.examine import preflight
from trainables.training.measurement import Measurement

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(280)]

ROOT = Path(__file__).resolve().parents[2]
EPOCHS = 4

SCRATCH = dataclasses.replace(
    final_runs.SCRATCH,
    batch_size=37,
    decay="cosine",
    learning_rate=1e-2,
    epochs=EPOCHS,
)
"""With 240 images the last batch has 18; trained batch norms need statistics of whole batches."""

TWO_PHASES = Hyperparameters(
    image_size=32,
    truncation_layer="block4_add",
    unfrozen_depth=2,
    batch_norm="trained",
    head_epochs=2,
    thaw_learning_rate=1e-3,
    optimizer="sgd",
    learning_rate=1e-2,
    batch_size=37,
    epochs=EPOCHS,
)

SLOW = dataclasses.replace(
    SCRATCH, image_size=64, convolutions=(32, 64), batch_size=33, optimizer="sgd"
)
"""An epoch takes some seconds, in which a worker can be killed. SGD, because Adam would turn a
gradient that is pure rounding error into a full step. Even so, rounding errors grow to 2e-3 of the
loss by the end, so runs that lose workers are compared with a run of two workers that loses none.
"""


def make_run(folder: Path, point: Hyperparameters, subset: int = 300) -> Run:
    """A run whose ledger has one trial, trained to its end."""
    study, problems = parse_study(
        {
            "name": "tiny",
            "dataset": {"format": "digits", "subset": subset},
            "space": {"learning_rate": {"low": 1e-4, "high": 1e-2}},
            "recipes": {"probe": {"learning_rate": 1e-3}},
            "budget": {"trials": 1, "max_epochs": EPOCHS},
            "finalists": {"count": 0},
        }
    )
    assert study is not None, problems
    run = Run(folder)
    write_whole(run.study_file, study.to_yaml())
    found = preflight(study.dataset, study.name)
    write_json(run.data, found.to_dict())
    write_whole(run.sets, found.sets.to_parquet())
    with Ledger(run.ledger) as ledger:
        ledger.append(events.study_opened(study.name, study.hash, {"keras": "3"}))
        ledger.append(events.trial_proposed(0, "probe", point, 5))
        ledger.append(events.trial_started(0, "127.0.0.1", 1000, 100, 0))
        for epoch in range(1, point.epochs + 1):
            measured = Measurement(epoch, 0.5, 0.8, 0.6, 0.8, 1e-3, {"train": 1.0})
            ledger.append(events.trial_measured(0, measured))
        ledger.append(events.trial_ended(0, events.COMPLETE, "max_epochs"))
    return run


def alone(run: Run, point: Hyperparameters) -> tuple[list[tuple[float, float]], Any]:
    """Losses, accuracies and model of a single process without Ray."""
    from trainables.datasets.rows.loading import load_refit_data
    from trainables.training.training import Training

    study = run.study()
    names, images = load_refit_data(study.dataset, point.image_size)
    training = Training(point, len(names), images, None, 5, study.objective)
    measured = [training.run_epoch() for _ in range(point.epochs)]
    return [(m.train_loss, m.train_accuracy) for m in measured], training.network


@contextmanager
def finetuning(run: Run, *options: str) -> Iterator[subprocess.Popen[str]]:
    """The running command; killed at the end with all its processes, if it is still running."""
    command = [sys.executable, "-m", "search", "finetune", str(run.folder), *options]
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def record_of(run: Run, process: subprocess.Popen[str]) -> dict[str, Any]:
    said = process.communicate()
    assert process.returncode == 0, said
    return json.loads(run.finetune.read_text())


def log_after(run: Run, epoch: int, process: subprocess.Popen[str]) -> dict[str, Any]:
    """The record of an epoch, as soon as the workers have written it."""
    path = run.folder / "finetuning" / "log.jsonl"
    while process.poll() is None:
        for event in Told.read(path).events:
            if event["event"] == "epoch" and event["workers"][0]["epoch"] == epoch:
                return event
        time.sleep(0.02)
    raise AssertionError(process.communicate())


def assert_trained_as(record: dict[str, Any], whole: dict[str, Any], tolerance: float) -> None:
    """Check that each epoch is recorded once, with the loss of an undisturbed training."""
    assert [e["epoch"] for e in record["history"]] == list(range(1, EPOCHS + 1))
    found, expected = ([e["train_loss"] for e in r["history"]] for r in (record, whole))
    assert found == pytest.approx(expected, abs=tolerance)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A training on two workers that loses none."""
    run = make_run(tmp_path_factory.mktemp("whole") / "run", SLOW, subset=800)
    with finetuning(run, "--workers", "2") as process:
        return record_of(run, process)


def assert_trained_as_alone(record: dict[str, Any], run: Run, point: Hyperparameters) -> None:
    expected, _ = alone(run, point)
    assert [e["epoch"] for e in record["history"]] == list(range(1, EPOCHS + 1))
    assert [e["train_loss"] for e in record["history"]] == pytest.approx(
        [loss for loss, _ in expected], abs=1e-3
    )
    images = record["images"]
    for entry in record["history"]:
        right = entry["train_accuracy"] * images
        assert right == pytest.approx(round(right), abs=1e-3), "not a share of all images"


@pytest.mark.parametrize("point", [SCRATCH, TWO_PHASES], ids=["batch norms", "two phases"])
def test_two_workers_train_as_one_does(tmp_path: Path, point: Hyperparameters) -> None:
    from trainables.prediction.inference import load_model

    run = make_run(tmp_path / "run", point)
    with finetuning(run, "--workers", "2") as process:
        record = record_of(run, process)
    assert_trained_as_alone(record, run, point)
    assert len(record["digests"]) == 2
    assert len(set(record["digests"])) == 1
    assert (record["workers"], record["global_batch"], record["restarts"]) == (2, 37, [])
    assert not (run.folder / "finetuning").exists()
    model, (_, network) = load_model(run.model / "model.keras"), alone(run, point)
    pixels = np.random.default_rng(0).integers(0, 255, (4, *model.input_shape[1:]))
    found, expected = (m(pixels.astype(np.float32)) for m in (model, network.with_probabilities()))
    np.testing.assert_allclose(found, expected, atol=5e-3)


def test_a_worker_killed_in_an_epoch_costs_that_epoch(
    tmp_path: Path, whole: dict[str, Any]
) -> None:
    run = make_run(tmp_path / "run", SLOW, subset=800)
    with finetuning(run, "--workers", "2") as process:
        pids = [worker["pid"] for worker in log_after(run, 2, process)["workers"]]
        os.kill(pids[1], signal.SIGKILL)
        record = record_of(run, process)
    [restart] = record["restarts"]
    assert (restart["epoch"], restart["workers"]) == (2, 2)
    assert restart["reason"]
    assert len(set(record["digests"])) == 1
    assert_trained_as(record, whole, 1e-5)


def test_a_node_that_is_gone_leaves_the_other_one_to_train(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: dict[str, Any]
) -> None:
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    run = make_run(tmp_path / "run", SLOW, subset=800)
    cluster = Cluster(True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        second = cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        with finetuning(run, "--workers", "2", "--address", cluster.address) as process:
            assert len(log_after(run, 2, process)["workers"]) == 2
            cluster.remove_node(second, allow_graceful=False)
            record = record_of(run, process)
    finally:
        cluster.shutdown()
    [restart] = record["restarts"]
    assert (restart["epoch"], restart["workers"]) == (2, 1)
    assert len(record["digests"]) == 1
    assert_trained_as(record, whole, 5e-3)


@pytest.fixture(scope="module")
def network() -> Iterator[list[Host]]:
    """A head, and two hosts with one CPU each."""
    if os.geteuid() != 0 or not shutil.which("ip"):
        pytest.skip("needs root and ip")
    with cluster_of(3) as made:
        yield made


def test_workers_on_two_hosts_train_as_one_does(tmp_path: Path, network: list[Host]) -> None:
    run = make_run(tmp_path / "run", SCRATCH)
    record = record_of(run, network[0].thawtune("finetune", run.folder, "--workers", 2))
    assert_trained_as_alone(record, run, SCRATCH)
    assert len(record["digests"]) == 2
    assert len(set(record["digests"])) == 1


def test_a_worker_killed_on_one_of_two_hosts_costs_that_epoch(
    tmp_path: Path, network: list[Host]
) -> None:
    head, *others = network
    whole_run = make_run(tmp_path / "whole", SLOW, subset=800)
    whole = record_of(whole_run, head.thawtune("finetune", whole_run.folder, "--workers", 2))
    run = make_run(tmp_path / "run", SLOW, subset=800)
    process = head.thawtune("finetune", run.folder, "--workers", 2)
    pids = [worker["pid"] for worker in log_after(run, 2, process)["workers"]]
    assert sorted(pid in others[0].processes for pid in pids) == [False, True]
    assert sorted(pid in others[1].processes for pid in pids) == [False, True]
    os.kill(pids[1], signal.SIGKILL)
    record = record_of(run, process)
    [restart] = record["restarts"]
    assert (restart["epoch"], restart["workers"]) == (2, 2)
    assert len(set(record["digests"])) == 1
    assert_trained_as(record, whole, 1e-5)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--workers", "0"], "--workers 1 or more"),
        (["--workers", "38"], "at most --workers 37, or a larger --batch"),
        (["--batch", "0"], "--batch 1 or more"),
        (["--workers", "30"], "30 workers need 30 CPUs, but Ray has"),
        (["--gpu", "--workers", "30"], "or omit --gpu"),
    ],
)
def test_what_cannot_be_done_is_said(tmp_path: Path, options: list[str], said: str) -> None:
    run = make_run(tmp_path / "run", SCRATCH)
    with finetuning(run, *options) as process:
        _, error = process.communicate()
    assert process.returncode == 2, error
    assert said in error
    assert "Traceback" not in error
    assert not run.finetune.exists()


def test_a_loss_that_is_not_finite_is_said_and_not_tried_again(tmp_path: Path) -> None:
    point = dataclasses.replace(SCRATCH, optimizer="sgd", learning_rate=1e30)
    run = make_run(tmp_path / "run", point)
    with finetuning(run) as process:
        _, error = process.communicate()
    assert process.returncode == 4, error
    assert "in epoch 1" in error
    assert error.count("\n") == 1
