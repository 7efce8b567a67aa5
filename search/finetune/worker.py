"""What each worker of Ray Train runs: the training loop of the trials, on all that is not test."""

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
from spaces.study import Study
from trainables.cache.folder import FOLDER_VARIABLE
from trainables.datasets.sets.recorded import RecordedSets
from trainables.training.checkpoints import Checkpoints

if TYPE_CHECKING:
    from trainables.training.training import Training


@dataclass(frozen=True)
class Task:
    """What is to be trained, the same for all workers.

    Attributes:
        study: As plain values.
        sets: Of the run, without the test set.
        hyperparameters: As plain values; its batch is the global one.
        epochs: How many.
        seed: Of all that is random.
        accumulate: Parts that one worker alone would compute a batch in.
        cache: Folder of the feature store.
    """

    study: dict[str, Any]
    sets: RecordedSets
    hyperparameters: dict[str, Any]
    epochs: int
    seed: int
    accumulate: int
    cache: str


def finetune_worker(config: dict[str, Any]) -> dict[str, Any]:
    """Train from the newest checkpoint, or from the beginning, to the end.

    Each worker holds all images and trains its part of every global batch, so that neither the
    order nor the ragged last batch depends on their number: a training that has lost a worker goes
    on with fewer as it would have with all. Losses are summed over the workers and divided by the
    number of images.

    Args:
        config: Holds a `task`.

    Returns:
        How many `images` there were, and why it `failed`, if it did, in a way in which every worker
        fails alike: training it again would be no use.
    """
    task: Task = config["task"]
    os.environ[FOLDER_VARIABLE] = task.cache
    from trainables.datasets.rows.loading import load_refit_data, seal
    from trainables.training.distributed import share_cores, strategy_of

    seal()
    context = ray.train.get_context()
    share_cores(context.get_local_world_size())
    strategy = strategy_of(context.get_world_size())
    names, images = load_refit_data(
        Study.model_validate(task.study).dataset, task.hyperparameters["image_size"], task.sets
    )
    try:
        with strategy.scope():
            training = _begun(task, len(names), images)
        began = {"began_after": training.epoch, "attempt": time.time(), "pid": os.getpid()}
        while training.epoch < task.epochs:
            with strategy.scope():
                measurement = training.run_epoch()
            # Not in the strategy's scope: what only one worker does there, it waits for all to do.
            is_last = training.epoch == task.epochs
            _report(training, measurement.to_dict() | began, names if is_last else None)
    except TrialFailedError as error:
        return {"images": len(images.labels), "failed": str(error)}
    return {"images": len(images.labels), "failed": None}


def _begun(task: Task, classes: int, images: Any) -> Training:
    from trainables.training.training import Training

    workers = ray.train.get_context().get_world_size()
    training = Training(
        Hyperparameters.from_dict(task.hyperparameters),
        classes,
        images,
        None,
        task.seed,
        Study.model_validate(task.study).objective,
        accumulate=-(-task.accumulate // workers),
    )
    checkpoint = ray.train.get_checkpoint()
    if checkpoint is not None:
        with checkpoint.as_directory() as folder:
            state, _ = Checkpoints(folder).newest()
        if state is not None:
            training.restore(state)
    return training


def _report(training: Training, measured: dict[str, Any], names: tuple[str, ...] | None) -> None:
    """Say what an epoch gave; the first worker adds a checkpoint.

    Args:
        training: After the epoch.
        measured: What it gave.
        names: Of the classes, in the last epoch: then the model is saved.
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
    (folder / LABELS).write_text(json.dumps(list(names), ensure_ascii=False) + "\n")
