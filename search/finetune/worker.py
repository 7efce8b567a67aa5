"""The training loop of each Ray Train worker, on all images except those of the test set."""

from __future__ import annotations

import json
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray.train

from search.final_model.load import LABELS, MODEL
from spaces.errors import TrialFailedError
from spaces.hyperparameters import Hyperparameters
from spaces.studies.study import Study
from trainables.cache.folder import use_cache
from trainables.datasets.sets.recorded import RecordedSets
from trainables.training.checkpoints import Checkpoints

if TYPE_CHECKING:
    from trainables.training.training import Training


@dataclass(frozen=True)
class Task:
    """The training to run, the same for all workers.

    Attributes:
        study: The study as plain values.
        sets: The run's sets, without the test set.
        hyperparameters: As plain values; the batch size is the global one.
        epochs: Number of epochs.
        seed: Seed of everything random.
        accumulate: Number of parts into which a single worker would split each batch.
        cache: For `use_cache`.
        gpu: GPUs of each worker.
    """

    study: dict[str, Any]
    sets: RecordedSets
    hyperparameters: dict[str, Any]
    epochs: int
    seed: int
    accumulate: int
    cache: str | None
    gpu: int = 0


def finetune_worker(config: dict[str, Any]) -> dict[str, Any]:
    """Train from the newest checkpoint, or from the beginning, to the end.

    Each worker holds all images and trains its part of every global batch, so neither the order nor
    the incomplete last batch depends on the number of workers: a training that has lost a worker
    continues just as it would have with all of them. Losses are summed over the workers and divided
    by the number of images.

    Args:
        config: A dictionary with the `task`.

    Returns:
        The number of `images`, and in `failed` the reason if training failed in a way that would
        be the same for every worker, so that a restart would not help; else None.
    """
    task: Task = config["task"]
    use_cache(task.cache)
    from trainables.datasets.rows.loading import load_refit_data, seal
    from trainables.datasets.rows.resizing import Square
    from trainables.process.gpu import limit_memory
    from trainables.process.precision import set_precision
    from trainables.training.distributed import share_cores, strategy_of

    seal()
    limit_memory(task.gpu)
    study = Study.model_validate(task.study)
    context = ray.train.get_context()
    share_cores(context.get_local_world_size())
    strategy = strategy_of(context.get_world_size())
    set_precision(study.resources.precision, context.get_world_size())
    square = Square.for_training(Hyperparameters.from_dict(task.hyperparameters))
    names, images = load_refit_data(study.dataset, square, task.sets)
    try:
        with strategy.scope():
            training = _begun(task, len(names), images)
        began = {"began_after": training.epoch, "attempt": time.time(), "pid": os.getpid()}
        while training.epoch < task.epochs:
            with strategy.scope():
                measurement = training.run_epoch()
                is_last = training.epoch == task.epochs
                if is_last:
                    training.restore_best()  # the average of the weights, if there is one
            # Outside the strategy's scope, where it would wait for all workers to do the same.
            _report(training, measurement.to_dict() | began, names if is_last else None)
    except TrialFailedError as error:
        return {"images": len(images.labels), "failed": str(error)}
    return {"images": len(images.labels), "failed": None}


def _begun(task: Task, classes: int, images: Any) -> Training:
    from trainables.training.training import Training

    workers = ray.train.get_context().get_world_size()
    study = Study.model_validate(task.study)
    training = Training(
        Hyperparameters.from_dict(task.hyperparameters),
        classes,
        images,
        None,
        task.seed,
        study.objective,
        accumulate=-(-task.accumulate // workers),
        dtype=study.resources.feature_dtype,
    )
    checkpoint = ray.train.get_checkpoint()
    if checkpoint is not None:
        with checkpoint.as_directory() as folder:
            state, _ = Checkpoints(folder).newest()
        if state is not None:
            training.restore(state)
    return training


def _report(training: Training, measured: dict[str, Any], names: tuple[str, ...] | None) -> None:
    """Report an epoch's measurement; the first worker adds a checkpoint.

    Args:
        training: The training after the epoch.
        measured: The measurement.
        names: Class names in the last epoch, which saves the model; None before.
    """
    from trainables.networks.weights import weights_digest

    told = {name: value for name, value in measured.items() if not name.startswith("val_")}
    told["digest"] = weights_digest(training.network.model)
    if ray.train.get_context().get_world_rank() != 0:
        ray.train.report(told)
        return
    with tempfile.TemporaryDirectory() as folder:
        Checkpoints(folder).save(training.epoch, training.state())
        if names is not None:
            _save_model(training, names, Path(folder))
        ray.train.report(told, checkpoint=ray.train.Checkpoint.from_directory(folder))


def _save_model(training: Training, names: tuple[str, ...], folder: Path) -> None:
    from trainables.training.distributed import share_statistics

    share_statistics(training.network.model, share=False)
    training.network.with_probabilities().save(folder / MODEL)
    labels = json.dumps(list(names), ensure_ascii=False) + "\n"
    (folder / LABELS).write_text(labels, encoding="utf-8")
