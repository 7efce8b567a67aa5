"""Opening the sealed test set: once, for the final model and the models it has to beat."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from search.final_model.load import check_final
from search.final_model.model_card import check_card, write_card
from search.records.result_files import OPENING, TEST
from search.records.run import Run, write_json, write_whole
from search.records.run_sets import checked_sets
from search.records.trial import Trial
from search.testset.candidates import Candidate, candidates_of, load
from search.testset.gradcam_pictures import explain
from search.testset.random_rival import rival as random_rival
from search.testset.scores import scores_of
from spaces.errors import ChangedDataError, RunStateError
from spaces.studies.dataset import DatasetSection
from trainables.datasets.rows.loading import SealedTest, reread
from trainables.datasets.sets.recorded import RecordedSets


def evaluate(
    run: Run,
    again: bool = False,
    against: Run | None = None,
    data: Path | None = None,
    say: Callable[[str], None] = print,
) -> tuple[dict[str, Any], bool]:
    """Open the test set, or return the result of an earlier opening.

    First, everything that could be missing is checked. Then the opening is recorded, and only then
    is the first test image read.

    Args:
        run: A run with a final model.
        again: Open it again if it has been opened before; the record keeps this.
        against: The run of a random search with the same study; its best trial at equal cost is
            tested too.
        data: Where the dataset is, if it has moved since the search.
        say: Called with messages for the user: about added images, or another winner.

    Returns:
        The content of test.json, and whether this call opened the test set.

    Raises:
        RunStateError: If there is no final model yet, it is not the one that was tested, or the
            weights of a model to test are gone or another network's.
        InputError: If `against` is not a random search of the same study.
        ChangedDataError: If an image of the run is missing or has changed.
    """
    study = run.study()
    finetuned = check_final(run)
    check_card(run, finetuned)
    random = None if against is None else random_rival(run, against)
    earlier = run.read_json(run.test, TEST)
    if earlier is not None and not again:
        _check_same_model(earlier, finetuned["sha256"], against)
        return earlier, False
    candidates = candidates_of(run, study, finetuned, random, say)
    section, sets = checked_sets(run, study, data, say)
    for candidate in candidates:
        for training in candidate.trainings:
            load(candidate, training, len(sets.class_names))
    opening = _opening(run, candidates, finetuned["sha256"], again)
    write_json(run.opening, opening)
    run.publish()
    try:
        reread(section, sets, checked=("test",))
    except ChangedDataError:
        _withdraw(run, opening)  # no model has seen a test image
        raise
    record = _test(run, section, sets, candidates)
    record |= {"opened": opening["openings"][-1]["opened"]}
    if earlier is not None:
        last = {"opened": record["opened"], "sha256": finetuned["sha256"]}
        record |= {
            "opened": earlier["opened"],
            "again": [*earlier.get("again", []), last],
            "first": earlier.get("first", earlier["models"]),
        }
    write_json(run.test, record)
    write_card(run)
    return record, True


def _check_same_model(earlier: dict[str, Any], digest: str, against: Run | None) -> None:
    """Refuse to return the earlier result if other models are to be tested.

    Raises:
        RunStateError: If the final model is another one, or `against` is given.
    """
    when = _date(earlier["opened"])
    tested = next(m["sha256"] for m in earlier["models"] if m["role"] == "final")
    if tested != digest:
        raise RunStateError(
            f"The test set was opened on {when} for model {tested[:12]}; this is model "
            f"{digest[:12]}. A second look would choose on the test set; --again takes it "
            "anyway, and the report will say so."
        )
    if against is not None:
        raise RunStateError(
            f"The test set was opened on {when}, without {against.folder}. --again opens it "
            "again, and the report will say so."
        )


def _opening(run: Run, candidates: Sequence[Candidate], digest: str, again: bool) -> dict[str, Any]:
    """Record of all openings, this one last: when, and for which models.

    Raises:
        RunStateError: If an evaluation of other models was not finished.
    """
    before = (run.read_json(run.opening, OPENING) or {}).get("openings", [])
    models = [[c.name, c.run.place, t.number] for c in candidates for t in c.trainings]
    this = {"opened": time.time(), "sha256": digest, "models": models}
    if before and not again and not run.test.is_file():
        last = before[-1]
        if (last["sha256"], last["models"]) != (digest, models):
            raise RunStateError(
                f"The test set was opened on {_date(last['opened'])} for other models, and that "
                "evaluation was not finished. --again opens it again, and the report will say so."
            )
        return {"openings": [*before[:-1], this | {"opened": last["opened"]}]}
    return {"openings": [*before, this]}


def _withdraw(run: Run, opening: dict[str, Any]) -> None:
    before = opening["openings"][:-1]
    if before:
        write_json(run.opening, {"openings": before})
    else:
        run.opening.unlink()


def _test(
    run: Run,
    section: DatasetSection,
    sets: RecordedSets,
    candidates: Sequence[Candidate],
) -> dict[str, Any]:
    """Write each candidate's predictions of the test images, and return their scores."""
    from trainables.datasets.rows.loading import open_sealed_test
    from trainables.datasets.rows.resizing import Square

    rows: list[dict[str, Any]] = []
    models = []
    opened: dict[Square, SealedTest] = {}
    for candidate in candidates:
        square = Square.of(candidate.weights.point)
        if square not in opened:
            opened[square] = open_sealed_test(section, square, sets)
        tested: list[dict[str, Any]] = []
        for training in candidate.trainings:
            shares, digest = _predict(run, opened[square], candidate, training)
            name = candidate.name if not tested else f"{candidate.name}, trial {training.number}"
            tested.append({"weights_of": training.number, "sha256": digest, "predictions": name})
            tested[-1] |= scores_of(shares, opened[square].images.labels)
            rows += _rows(name, shares, opened[square])
        about = {"name": candidate.name, "role": candidate.role, "trial": candidate.trial.number}
        models.append(about | tested[0] | ({"repeats": tested} if candidate.repeats else {}))
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer)
    write_whole(run.predictions, buffer.getvalue())
    images = len(sets.positions("test"))
    return {"images": images, "classes": list(sets.class_names), "models": models}


def _rows(name: str, shares: np.ndarray, test: SealedTest) -> list[dict[str, Any]]:
    """The rows of predictions.parquet of one model."""
    labels, predicted = test.images.labels.tolist(), shares.argmax(axis=-1).tolist()
    return [
        {"model": name, "image": k, "label": y, "predicted": p, "probabilities": s}
        for k, y, p, s in zip(test.keys, labels, predicted, shares.tolist(), strict=True)
    ]


def _predict(
    run: Run, test: SealedTest, candidate: Candidate, training: Trial
) -> tuple[np.ndarray, str]:
    """Probabilities of the test images, and the hash of the model's file or weights."""
    from trainables.prediction.inference import probabilities

    model, digest = load(candidate, training, len(test.class_names))
    shares = probabilities(model, test.images.pixels)
    if candidate.role == "final":
        images = test.images
        explain(run, model, images.pixels, images.labels, shares, test.keys, test.class_names)
    return shares, digest


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
