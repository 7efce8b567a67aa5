"""Loading and verifying the fine-tuned model of a run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from search.records.history import History
from search.records.result_files import FINETUNE
from search.records.run import Run
from search.records.trial import Trial
from spaces.errors import RunStateError

if TYPE_CHECKING:
    import keras

MODEL, LABELS = "model.keras", "labels.json"
"""File names in the folder `Run.model`."""

FILES = (f"model/{MODEL}", f"model/{LABELS}")
"""Both, relative to the run's folder."""


@dataclass(frozen=True)
class FinalModel:
    """A model and the names of its outputs.

    Attributes:
        model: Maps pixels (batch, size, size, 3), 0..255, to probabilities (batch, classes).
        class_names: Class names, in the order of the outputs.
        size: Side of the square input images, in pixels.
        resize: How a picture becomes a square, as in `Hyperparameters.resize`.
    """

    model: keras.Model
    class_names: tuple[str, ...]
    size: int
    resize: str = "squash"


def finetuning(run: Run) -> dict[str, Any]:
    """The content of finetune.json.

    Raises:
        RunStateError: If there is none, or it is damaged.
    """
    record = run.read_json(run.finetune, FINETUNE)
    if record is None:
        raise _no_final_model(run)
    return record


def _no_final_model(run: Run) -> RunStateError:
    return RunStateError(
        f"{run.place} has no final model yet. Make one with: {run.command('finetune')}"
    )


def fine_tuned(run: Run, record: dict[str, Any], history: History) -> Trial:
    """The trial whose configuration the final model has.

    Raises:
        RunStateError: If finetune.json names a trial that is not in the ledger.
    """
    if record["trial"] not in history.trials:
        raise RunStateError(
            f"{run.shown(run.finetune)} names trial {record['trial']}, which is not in the ledger. "
            f"To fine-tune again: {run.command('finetune')}"
        )
    return history.trials[record["trial"]]


def check_final(run: Run) -> dict[str, Any]:
    """Check that the final model is the file that fine-tuning wrote.

    Returns:
        The content of finetune.json.

    Raises:
        RunStateError: If this is not a run, there is no final model yet, or the file differs.
    """
    from trainables.weights.packaged import sha256

    run.study()
    path, record = run.model / MODEL, finetuning(run)
    if not path.is_file():
        raise _no_final_model(run)
    if sha256(path) != record["sha256"]:
        raise RunStateError(
            f"{path} is not the file that fine-tuning wrote: its SHA-256 differs from that in "
            f"finetune.json. To write both again: {run.command('finetune')}"
        )
    return record


def load_final(run: Run) -> FinalModel:
    """Load the final model. A file that contains code is refused, and the code is not run.

    Raises:
        RunStateError: As in `check_final`, or if the model or its class names are damaged.
    """
    record = check_final(run)
    path = run.model / MODEL
    from trainables.prediction.inference import load_model

    model = load_model(path)
    names = _class_names(run)
    shapes = tuple(model.input_shape), tuple(model.output_shape)
    size = shapes[0][1]
    if shapes != ((None, size, size, 3), (None, len(names))):
        raise RunStateError(
            f"{path} has input shape {shapes[0]} and output shape {shapes[1]}, but {LABELS} has "
            f"{len(names)} classes. To write both again: {run.command('finetune')}"
        )
    return FinalModel(model, names, size, record.get("resize", "squash"))


def _class_names(run: Run) -> tuple[str, ...]:
    path, mend = run.model / LABELS, f"To write it again: {run.command('finetune')}"
    try:
        names = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RunStateError(f"{path} cannot be read: {error}. {mend}") from error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise RunStateError(f"{path} is not a list of class names. {mend}")
    return tuple(names)
