"""Ray Train's part of a fine-tuning: workers, checkpoints, and recovery from lost workers.

Training is elastic: `TensorflowTrainer` of Ray Train V2 takes a minimum and a maximum number of
workers. When a worker is lost, all of them restart from the newest checkpoint, as many as the
cluster has room for; when there is room again, their number grows back. The result does not depend
on it, since the batch size is global.
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

from search.cluster.machines import all_machines, slots
from search.final_model.load import LABELS, MODEL
from search.finetune.epoch_log import Log, Told
from search.finetune.worker import Task, finetune_worker
from search.records.run import Run
from search.remote.copied_files import FINETUNING as FOLDER
from spaces.errors import InputError, RunStateError
from trainables.cache.object_storage import Storage

RESTARTS = 3
"""How often training restarts after losing a worker; preempted nodes do not count."""

_POLL = "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S"
_POLL_SECONDS = "0.2"
"""Ray Train takes one report per poll, by default every two seconds: a short epoch would have to
wait for it."""


def train(run: Run, task: Task, workers: int, use_gpu: bool) -> dict[str, Any]:
    """Train, and save the model in the run.

    Ray Train writes its files into the run, where all nodes see them; they are deleted at the end.

    Args:
        run: The run to save the model in.
        task: The task of each worker.
        workers: Number of workers at the start, and at most.
        use_gpu: Give each worker one GPU.

    Returns:
        Part of finetune.json: images, history, restarts, and the digest of each worker's weights.

    Raises:
        InputError: If there are fewer CPUs or GPUs than workers.
        RunStateError: If training failed, or the workers' weights differ.
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
    """The log file, and the storage arguments of Ray Train's `RunConfig`; deleted at the end."""
    folder = run.folder.resolve() / FOLDER
    there = None if run.remote is None else Storage(run.remote)

    def clear() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        if there is not None:
            with there.told("written"):
                there.delete_of_ray(FOLDER)

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
    """Refuse a model if the workers have different weights.

    Args:
        digests: Digest of each worker's weights.

    Raises:
        RunStateError: If they differ.
    """
    if len(set(digests)) > 1:
        each = ", ".join(f"worker {rank}: {d[:12]}" for rank, d in enumerate(digests))
        raise RunStateError(
            f"The workers ended with different weights ({each}), so none of them is the model. "
            "Nothing was saved. Look for nodes with a different TensorFlow version or different "
            "data, or fine-tune with --workers 1."
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
    there = slots(all_machines(), 1, int(use_gpu))
    if there < workers:
        other = ", or omit --gpu" if use_gpu else ""
        raise InputError(
            f"{workers} workers need {workers} {kind}s, but Ray has {there}"
            + (" on machines with a CPU for each. " if use_gpu else ". ")
            + f"Give at most --workers {max(there, 1)}{other}."
        )
