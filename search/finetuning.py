"""Fine-tuning the winner on training and validation images together, by Ray Train."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import ray
import ray.train
from ray.train.tensorflow import TensorflowTrainer

from search import finalists
from search.cluster import ray_running
from search.model_card import write_card
from search.records.history import History, Trial
from search.records.ledger import read_ledger
from search.records.run import Run, write_json
from spaces.errors import InputError, RunStateError
from spaces.hyperparameters import Hyperparameters
from spaces.study import Study
from trainables.cache import cache_folder
from trainables.weights import sha256

MODEL, LABELS = "model.keras", "labels.json"


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


def finetune(run: Run, workers: int, use_gpu: bool, address: str | None) -> dict[str, Any]:
    """Train the winner anew on training and validation images, and save the model.

    It is trained for as many epochs as the trial was, so that the learning rate decays to its
    end; with early stopping, for as many as the trial had at its best.

    Args:
        run: A run with at least one measured trial.
        workers: Processes of Ray Train.
        use_gpu: One GPU for each of them.
        address: Of a Ray cluster; None runs on this machine.

    Returns:
        What finetune.json holds.

    Raises:
        RunStateError: If there is no winner.
        InputError: If there are fewer CPUs or GPUs than workers.
    """
    study = run.study()
    trial = winner(History.of(read_ledger(run.ledger)), study)
    best = trial.best(study.objective)
    task = {
        "study": study.to_dict(),
        "hyperparameters": trial.point.to_dict(),
        "epochs": best.epoch if best and trial.point.early_stopping else trial.epochs,
        "seed": trial.seed,
        "cache": str(cache_folder()),
    }
    began = time.time()
    with ray_running(address), tempfile.TemporaryDirectory() as scratch:
        _check_resources(workers, use_gpu)
        trainer = TensorflowTrainer(
            finetune_worker,
            train_loop_config=task,
            scaling_config=ray.train.ScalingConfig(num_workers=workers, use_gpu=use_gpu),
            run_config=ray.train.RunConfig(name="finetune", storage_path=scratch),
        )
        try:
            result = trainer.fit()
        except ray.train.TrainingFailedError as error:
            raise RunStateError(f"Fine-tuning failed: {_last_line(error)}") from error
        with result.checkpoint.as_directory() as folder:
            shutil.rmtree(run.model, ignore_errors=True)
            shutil.copytree(folder, run.model)
    record = result.metrics | {
        "trial": trial.number,
        "recipe": trial.recipe,
        "workers": workers,
        "seconds": time.time() - began,
        "sha256": sha256(run.model / MODEL),
        "finished": time.time(),
    }
    write_json(run.finetune, record)
    write_card(run)
    return record


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


def finetune_worker(task: dict[str, Any]) -> None:
    """What each worker runs: the training loop of the trials, on all that is not test."""
    import os

    os.environ["THAWTUNE_CACHE"] = task["cache"]
    import tensorflow as tf

    from trainables.datasets.loading import load_refit_data
    from trainables.training import Training

    context = ray.train.get_context()
    many = context.get_world_size() > 1
    strategy = tf.distribute.MultiWorkerMirroredStrategy() if many else tf.distribute.get_strategy()
    study = Study.model_validate(task["study"])
    point = Hyperparameters.from_dict(task["hyperparameters"])
    names, images = load_refit_data(study.dataset, point.image_size)
    with strategy.scope():
        training = Training(point, len(names), images, None, task["seed"], study.objective)
        history = [training.run_epoch().to_dict() for _ in range(task["epochs"])]
    metrics = {
        "epochs": task["epochs"],
        "images": len(images.labels),
        "history": [
            {k: m[k] for k in ("epoch", "train_loss", "train_accuracy", "learning_rate")}
            for m in history
        ],
    }
    if context.get_world_rank() != 0:
        ray.train.report(metrics)
        return
    with tempfile.TemporaryDirectory() as folder:
        training.network.with_probabilities().save(Path(folder, MODEL))
        Path(folder, LABELS).write_text(json.dumps(list(names), ensure_ascii=False) + "\n")
        ray.train.report(metrics, checkpoint=ray.train.Checkpoint.from_directory(folder))
