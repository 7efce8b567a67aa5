"""Fine-tuning the winner on training and validation images together, with Ray Train."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from search.cluster.ray_session import ray_running
from search.final_model.load import MODEL
from search.final_model.model_card import check_card, write_card
from search.finetune.batch_scaling import check_workers, with_batch
from search.finetune.ray_train import train
from search.finetune.worker import Task
from search.records.choice import Choice, choose
from search.records.run import Run, write_json
from search.records.run_sets import checked_sets
from spaces.errors import RunStateError
from spaces.studies.study import Study
from trainables.cache.folder import cache_for_workers
from trainables.weights.packaged import sha256


def finetune(
    run: Run,
    workers: int,
    use_gpu: bool,
    address: str | None,
    batch: int | None = None,
    data: Path | None = None,
    takes_incumbent: bool = False,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Train the winner from scratch on training and validation images, and save the model.

    It trains for as many epochs as the trainings it was chosen by: see `search.records.choice`.

    Args:
        run: A run with at least one measured trial.
        workers: Number of Ray Train workers.
        use_gpu: Give each worker one GPU.
        address: Address of a Ray cluster whose nodes all see the run's folder; None runs here.
        batch: Images per update over all workers; None keeps the winner's batch size.
        data: Where the dataset is, if it has moved since the search.
        takes_incumbent: Fine-tune the best trial so far even if its finalists are unfinished.
        say: Called with a message if images have been added since the run started.

    Returns:
        The content of finetune.json.

    Raises:
        RunStateError: If there is no winner yet, or training failed.
        InputError: If there are fewer CPUs, GPUs or images in a batch than workers.
        DataError: If the dataset cannot be used.
        ChangedDataError: If an image of the run is missing or has changed.
    """
    study = run.study()
    check_card(run)
    choice = chosen(run, study, takes_incumbent)
    trial = choice.trial
    point, rule = with_batch(trial.point, batch)
    check_workers(workers, point.batch_size)
    section, sets = checked_sets(run, study, data, say)
    task = Task(
        study.model_copy(update={"dataset": section}).to_dict(),
        sets.without_test(),
        # The number of epochs is fixed: early stopping could leave a final checkpoint.
        dataclasses.replace(point, early_stopping=0).to_dict(),
        choice.epochs,
        trial.seed,
        trial.accumulate,
        cache_for_workers(),
        int(use_gpu),
    )
    began = time.time()
    with ray_running(address):
        trained = train(run, task, workers, use_gpu)
    record = trained | {
        "epochs": task.epochs,
        "trial": trial.number,
        "chosen_by": "finalists" if choice.repeats else "search",
        "repeats": [repeat.number for repeat in choice.repeats],
        "recipe": trial.recipe,
        "workers": workers,
        "global_batch": point.batch_size,
        "rule": rule,
        "seconds": time.time() - began,
        "resize": point.resize,
        "sha256": sha256(run.model / MODEL),
        "finished": time.time(),
    }
    write_json(run.finetune, record)
    write_card(run)
    return record


def chosen(run: Run, study: Study, takes_incumbent: bool) -> Choice:
    """The configuration to fine-tune.

    Raises:
        RunStateError: If no trial has a measurement, or due finalists have not been trained and
            `takes_incumbent` is false.
    """
    choice = choose(study, run.history())
    resume = run.command("resume")
    if choice is None:
        raise RunStateError(
            f"No trial of {study.name} has a measurement yet, so there is no winner to fine-tune. "
            f"Continue the search with {resume}."
        )
    if not choice.is_final and not takes_incumbent:
        raise RunStateError(
            f"The finalists of {study.name} have not all been trained, so none is chosen yet. "
            f"Finish them with {resume}, or fine-tune the best trial so far, trial "
            f"{choice.trial.number}, with --incumbent."
        )
    return choice
