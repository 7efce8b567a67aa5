"""Fine-tuning the winner on training and validation images together, by Ray Train."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

from search.cluster.ray_session import ray_running
from search.final_model.load import MODEL as MODEL
from search.final_model.model_card import write_card
from search.finetune.batch_scaling import check_workers, with_batch
from search.finetune.ray_train import train
from search.finetune.worker import Task
from search.records.history import History, Trial
from search.records.ledger import read_ledger
from search.records.run import Run, write_json
from search.strategy import finalists
from spaces.errors import RunStateError
from spaces.study import Study
from trainables.cache.folder import cache_folder
from trainables.datasets.rows.loading import read_splits
from trainables.weights.packaged import sha256


def winner(history: History, study: Study) -> Trial:
    """The trial to fine-tune: the best on validation, on average over seeds if it has several.

    Raises:
        RunStateError: If no trial has been measured.
    """
    found = finalists.winner(study, history)
    if found is None:
        raise RunStateError(
            f"No trial of {study.name} has a measurement yet, so there is no winner to fine-tune. "
            "Go on with thawtune search --resume."
        )
    return found


def finetune(
    run: Run, workers: int, use_gpu: bool, address: str | None, batch: int | None = None
) -> dict[str, Any]:
    """Train the winner anew on training and validation images, and save the model.

    It is trained for as many epochs as the trial was, so that the learning rate decays to its
    end; with early stopping, for as many as the trial had at its best.

    Args:
        run: A run with at least one measured trial.
        workers: Processes of Ray Train.
        use_gpu: One GPU for each of them.
        address: Of a Ray cluster, whose nodes all see the run's folder; None runs on this machine.
        batch: Images in an update, over all workers; None: as many as the winner's trial had.

    Returns:
        What finetune.json holds.

    Raises:
        RunStateError: If there is no winner, or training failed.
        InputError: If there are fewer CPUs, GPUs or images in a batch than workers.
        DataError: If the dataset cannot be used.
    """
    study = run.study()
    trial = winner(History.of(read_ledger(run.ledger)), study)
    point, rule = with_batch(trial.point, batch)
    check_workers(workers, point.batch_size)
    read_splits(study.dataset)  # what is wrong with the data is said before workers are started
    best = trial.best(study.objective)
    task = Task(
        study.to_dict(),
        # The epochs are given: were it to end early, a checkpoint would be the last of all.
        dataclasses.replace(point, early_stopping=0).to_dict(),
        best.epoch if best and trial.point.early_stopping else trial.epochs,
        trial.seed,
        trial.accumulate,
        str(cache_folder()),
    )
    began = time.time()
    with ray_running(address):
        trained = train(run, task, workers, use_gpu)
    record = trained | {
        "epochs": task.epochs,
        "trial": trial.number,
        "recipe": trial.recipe,
        "workers": workers,
        "global_batch": point.batch_size,
        "rule": rule,
        "seconds": time.time() - began,
        "sha256": sha256(run.model / MODEL),
        "finished": time.time(),
    }
    write_json(run.finetune, record)
    write_card(run)
    return record
