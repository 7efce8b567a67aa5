"""Ray Train's part of a fine-tuning: workers, checkpoints, what happens when one is lost.

Training is elastic: `TensorflowTrainer` of Ray Train V2 takes a least and a largest number of
workers. When one is lost, all are started anew from the newest checkpoint, as many as the cluster
then has room for; when room comes back they are that many again. What is trained does not depend
on it, since the batch is a global one.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
import ray.train
from ray.train.tensorflow import TensorflowTrainer

from search.final_model.load import LABELS, MODEL
from search.finetune.epoch_log import Log, Told
from search.finetune.worker import Task, finetune_worker
from search.records.run import Run
from search.remote.object_storage import Storage
from search.remote.working_copy import FINETUNING as FOLDER
from spaces.errors import InputError, RunStateError

RESTARTS = 3
"""Workers that may be lost, one after the other; a node that is taken away does not count."""

_POLL = "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S"
_POLL_SECONDS = "0.2"
"""Ray Train takes one report each time it looks, by default every two seconds: a short epoch would
wait for it."""


def train(run: Run, task: Task, workers: int, use_gpu: bool) -> dict[str, Any]:
    """Train, and put the model into the run.

    What Ray Train writes is where the run lies, which all nodes see, and goes when it is done.

    Args:
        run: Gets the model.
        task: What each worker trains.
        workers: Processes, at the most and to begin with.
        use_gpu: One GPU for each of them.

    Returns:
        Of finetune.json: images, history, restarts, and the digest of each worker's weights.

    Raises:
        InputError: If there are fewer CPUs or GPUs than workers.
        RunStateError: If training failed, or the workers do not agree.
    """
    _check_resources(workers, use_gpu)
    with _scratch(run) as (log, storage):
        result = _fitted(log, storage, task, workers, use_gpu)
        told = Told.read(log)
        check_equal(told.digests)
        _take_model(result, run.model)
    return {
        "images": result.return_value["images"],
        "history": told.history,
        "restarts": told.restarts,
        "digests": told.digests,
    }


@contextmanager
def _scratch(run: Run) -> Iterator[tuple[Path, dict[str, Any]]]:
    """A file for the log, and where Ray Train writes, as its `RunConfig` takes it."""
    folder = run.folder.resolve() / FOLDER
    there = None if run.remote is None else Storage(run.remote)

    def clear() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        if there is not None:
            with there.told("written"):
                there.delete_folder(FOLDER)

    clear()
    folder.mkdir(parents=True)
    try:
        storage = {"storage_path": str(folder)} if there is None else there.for_ray(FOLDER)
        yield folder / "log.jsonl", storage
    finally:
        clear()


def _fitted(
    log: Path, storage: dict[str, Any], task: Task, workers: int, use_gpu: bool
) -> ray.train.Result:
    os.environ.setdefault(_POLL, _POLL_SECONDS)
    trainer = TensorflowTrainer(
        finetune_worker,
        train_loop_config={"task": task},
        scaling_config=ray.train.ScalingConfig(
            num_workers=(1, workers) if workers > 1 else 1, use_gpu=use_gpu
        ),
        run_config=ray.train.RunConfig(
            name="finetune",
            **storage,
            failure_config=ray.train.FailureConfig(max_failures=RESTARTS),
            checkpoint_config=ray.train.CheckpointConfig(num_to_keep=2),
            callbacks=[Log(log)],
        ),
    )
    try:
        result = trainer.fit()
    except ray.train.TrainingFailedError as error:
        raise RunStateError(f"Fine-tuning failed: {_last_line(error)}") from error
    if result.return_value["failed"] is not None:
        raise RunStateError(f"Fine-tuning failed: {result.return_value['failed']}.")
    return result


def check_equal(digests: list[str]) -> None:
    """Refuse a model of which the workers have different weights.

    Args:
        digests: Of the weights of each worker.

    Raises:
        RunStateError: If they differ.
    """
    if len(set(digests)) > 1:
        each = ", ".join(f"worker {rank}: {d[:12]}" for rank, d in enumerate(digests))
        raise RunStateError(
            f"The workers ended with different weights ({each}), so none of them is the model. "
            "Nothing was saved. Look for nodes with other versions of TensorFlow or other data, "
            "or fine-tune with --workers 1."
        )


def _take_model(result: ray.train.Result, folder: Path) -> None:
    with result.checkpoint.as_directory() as checkpoint:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in (MODEL, LABELS):
            shutil.copyfile(Path(checkpoint, name), folder / name)


def _last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1]


def _check_resources(workers: int, use_gpu: bool) -> None:
    kind = "GPU" if use_gpu else "CPU"
    there = int(ray.cluster_resources().get(kind, 0))
    if there < workers:
        other = ", or leave --gpu out" if use_gpu else ""
        raise InputError(
            f"{workers} workers need {workers} {kind}s, Ray has {there}. "
            f"Give --workers {max(there, 1)} at the most{other}."
        )
