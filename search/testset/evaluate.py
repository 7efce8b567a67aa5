"""Opening the sealed test set: once, for the final model and for what it has to beat."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from search.final_model.load import check_final
from search.final_model.model_card import write_card
from search.finetune.finetune import MODEL, winner
from search.records.history import History, Trial
from search.records.ledger import read_ledger
from search.records.run import Run, write_json, write_whole
from search.testset.gradcam_pictures import explain
from search.testset.random_rival import rival
from spaces.errors import RunStateError
from spaces.study import Study
from trainables.training.checkpoints import Checkpoints
from trainables.weights.packaged import sha256


@dataclass(frozen=True)
class Candidate:
    """A model whose test accuracy is asked for.

    Attributes:
        name: As it is shown.
        role: "final" (the winner, fine-tuned on training and validation images), "winner" or
            "recipe" (as searched, trained on training images alone: these two compare), or
            "random" (as they were, by a random search).
        trial: The trial that it comes from.
        run: That has the trial.
    """

    name: str
    role: str
    trial: Trial
    run: Run


def evaluate(
    run: Run, again: bool = False, against: Run | None = None
) -> tuple[dict[str, Any], bool]:
    """Open the test set, or say what it said when it was opened.

    Args:
        run: Has a final model.
        again: Open it though it has been opened; the record says so from then on.
        against: The run of a random search on the same study, whose best trial at equal cost is
            tested too.

    Returns:
        What test.json holds, and whether it was opened by this call.

    Raises:
        RunStateError: If there is no final model yet, or another one than was tested.
        InputError: If `against` is no random search of the same.
    """
    study = run.study()
    finetuned = check_final(run)
    digest = finetuned["sha256"]
    random = None if against is None else rival(run, against)
    earlier = run.read_json(run.test)
    if earlier is not None and not again:
        tested = next(m["sha256"] for m in earlier["models"] if m["role"] == "final")
        if tested != digest:
            raise RunStateError(
                f"The test set was opened on {_date(earlier['opened'])} for model {tested[:12]}; "
                f"this is model {digest[:12]}. A second look would choose on the test set; "
                "--again takes it nevertheless, and the report will say so."
            )
        if against is not None:
            raise RunStateError(
                f"The test set was opened on {_date(earlier['opened'])}, without "
                f"{against.folder}. --again opens it once more, and the report will say so."
            )
        return earlier, False
    record = _open(run, study, finetuned["trial"], random)
    if earlier is not None:
        opening = {"opened": record["opened"], "sha256": digest}
        record |= {
            "opened": earlier["opened"],
            "again": [*earlier.get("again", []), opening],
            "first": earlier.get("first", earlier["models"]),
        }
    write_json(run.test, record)
    write_card(run)
    return record, True


def _open(run: Run, study: Study, final: int, random: tuple[Trial, Run] | None) -> dict[str, Any]:
    opened = time.time()
    history = History.of(read_ledger(run.ledger))
    rows: list[dict[str, Any]] = []
    models = []
    candidates = list(_candidates(run, history, study, final))
    if random is not None:
        candidates.append(Candidate("random search", "random", *random))
    for candidate in candidates:
        keys, labels, shares, digest = _predict(run, study, candidate)
        predicted = shares.argmax(axis=-1)
        likelihood = np.clip(shares[np.arange(len(labels)), labels], 1e-12, 1)
        models.append(
            {
                "name": candidate.name,
                "role": candidate.role,
                "trial": candidate.trial.number,
                "sha256": digest,
                "accuracy": float((predicted == labels).mean()),
                "loss": float(-np.log(likelihood).mean()),
            }
        )
        rows += [
            {"model": candidate.name, "image": k, "label": y, "predicted": p, "probabilities": s}
            for k, y, p, s in zip(
                keys, labels.tolist(), predicted.tolist(), shares.tolist(), strict=True
            )
        ]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer)
    write_whole(run.predictions, buffer.getvalue())
    classes = (run.read_json(run.data) or {})["classes"]
    return {"opened": opened, "images": len(labels), "classes": classes, "models": models}


def _candidates(run: Run, history: History, study: Study, final: int) -> Iterator[Candidate]:
    yield Candidate("final", "final", history.trials[final], run)
    best = winner(history, study)
    yield Candidate("winner", "winner", best, run)
    for trial in history.trials.values():
        if trial.recipe is None or trial.finalist_of is not None:
            continue
        if trial.best(study.objective) is not None:
            yield Candidate(trial.recipe, "recipe", trial, run)


def _predict(
    run: Run, study: Study, candidate: Candidate
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray, str]:
    """Keys, labels and probabilities of the test images, and the hash of the model's file."""
    from trainables.datasets.rows.loading import open_sealed_test
    from trainables.prediction.inference import best_model, load_model, probabilities

    point = candidate.trial.point
    test = open_sealed_test(study.dataset, point.image_size)
    if candidate.role == "final":
        path = run.model / MODEL
        model, digest = load_model(path), sha256(path)
    else:
        folder = candidate.run.trial_checkpoints(candidate.trial.number)
        state, _ = Checkpoints(folder).newest()
        if state is None:
            raise RunStateError(f"Trial {candidate.trial.number} has no checkpoint to test.")
        model = best_model(point, len(test.class_names), state)
        digest = weights_hash(model)
    shares = probabilities(model, test.images.pixels)
    if candidate.role == "final":
        images = test.images
        explain(run, model, images.pixels, images.labels, shares, test.keys, test.class_names)
    return test.keys, test.images.labels, shares, digest


def weights_hash(model: keras.Model) -> str:
    """SHA-256 of a model's weights in their order."""
    digest = hashlib.sha256()
    for variable in model.variables:
        digest.update(variable.numpy().tobytes())
    return digest.hexdigest()


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
