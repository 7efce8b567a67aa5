"""Opening the sealed test set: once, for the final model and the models it has to beat."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from search.final_model.load import MODEL, check_final
from search.final_model.model_card import write_card
from search.records.choice import choose, complete_repeats
from search.records.history import History, Trial
from search.records.ledger import read_ledger
from search.records.run import Run, write_json, write_whole
from search.records.run_sets import checked_sets
from search.testset.gradcam_pictures import explain
from search.testset.random_rival import rival
from spaces.dataset import DatasetSection
from spaces.errors import ChangedDataError, RunStateError
from spaces.study import Study
from trainables.datasets.rows.loading import SealedTest, reread
from trainables.datasets.sets.recorded import RecordedSets
from trainables.training.checkpoints import Checkpoints
from trainables.weights.packaged import sha256


@dataclass(frozen=True)
class Candidate:
    """A model to test.

    Attributes:
        name: Name for display.
        role: "final" (the winner, fine-tuned on training and validation images), "winner" or
            "recipe" (as searched, trained on training images alone, so that these two compare), or
            "random" (the best of a random search, as searched).
        trial: The trial in which the search tried its configuration.
        weights: The trial whose checkpoint is tested: a repeat if there are finalists, so that
            winner and recipes have been trained equally long and with the same seed.
        run: The run that has these trials.
    """

    name: str
    role: str
    trial: Trial
    weights: Trial
    run: Run


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
            weights of a model to test are gone.
        InputError: If `against` is not a random search of the same study.
        ChangedDataError: If an image of the run is missing or has changed.
    """
    study = run.study()
    finetuned = check_final(run)
    random = None if against is None else rival(run, against)
    earlier = run.read_json(run.test)
    if earlier is not None and not again:
        _check_same_model(earlier, finetuned["sha256"], against)
        return earlier, False
    candidates = _candidates(run, study, finetuned["trial"], random, say)
    for candidate in candidates:
        _state(candidate)
    section, sets = checked_sets(run, study, data, say)
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
    before = (run.read_json(run.opening) or {}).get("openings", [])
    models = [[c.name, c.run.place, c.weights.number] for c in candidates]
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

    rows: list[dict[str, Any]] = []
    models = []
    opened: dict[int, SealedTest] = {}
    for candidate in candidates:
        size = candidate.weights.point.image_size
        if size not in opened:
            opened[size] = open_sealed_test(section, size, sets)
        shares, digest = _predict(run, opened[size], candidate)
        keys, labels = opened[size].keys, opened[size].images.labels
        predicted = shares.argmax(axis=-1)
        likelihood = np.clip(shares[np.arange(len(labels)), labels], 1e-12, 1)
        models.append(
            {
                "name": candidate.name,
                "role": candidate.role,
                "trial": candidate.trial.number,
                "weights_of": candidate.weights.number,
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
    return {"images": len(labels), "classes": list(sets.class_names), "models": models}


def _candidates(
    run: Run,
    study: Study,
    final: int,
    random: tuple[Trial, Run] | None,
    say: Callable[[str], None],
) -> list[Candidate]:
    """The final model, its configuration as searched, every recipe, and the random search's best.

    Args:
        final: The trial that was fine-tuned.
    """
    history = History.of(read_ledger(run.ledger))
    fine_tuned = history.trials[final]
    choice = choose(study, history)
    if choice is not None and choice.trial.number != final:
        say(
            f"The search has continued since trial {final} was fine-tuned; it would now choose "
            f"trial {choice.trial.number}. This tests trial {final}, which was fine-tuned."
        )
    recipes = [
        trial
        for trial in history.searched
        if trial.recipe is not None and trial.best(study.objective) is not None
    ]
    weights = _weights(run, history, [fine_tuned, *recipes])
    found = [
        Candidate("final", "final", fine_tuned, fine_tuned, run),
        Candidate("winner", "winner", fine_tuned, weights[fine_tuned.number], run),
    ]
    found += [Candidate(str(t.recipe), "recipe", t, weights[t.number], run) for t in recipes]
    if random is not None:
        found.append(Candidate("random search", "random", random[0], *random))
    return found


def _weights(run: Run, history: History, trials: Sequence[Trial]) -> dict[int, Trial]:
    """The training that is tested for each of these configurations, by number.

    To compare like with like, they are repeats with a seed that all of them have. Where there is
    none, or older versions have removed their checkpoints, they are the trials of the search.
    """
    repeats = [
        {
            repeat.seed: repeat
            for repeat in complete_repeats(history, trial)
            if Checkpoints(run.trial_checkpoints(repeat.number)).epochs
        }
        for trial in trials
    ]
    shared = [seed for seed in repeats[0] if all(seed in made for made in repeats)]
    tested = [made[shared[0]] for made in repeats] if shared else trials
    return {trial.number: training for trial, training in zip(trials, tested, strict=True)}


def _state(candidate: Candidate) -> dict[str, np.ndarray] | None:
    """The checkpoint to test; None for the final model, which has its own file.

    Raises:
        RunStateError: If the checkpoint is gone.
    """
    if candidate.role == "final":
        return None
    folder = candidate.run.trial_checkpoints(candidate.weights.number)
    state, _ = Checkpoints(folder).newest()
    if state is None:
        raise RunStateError(
            f"Trial {candidate.weights.number} of {candidate.run.place} has no checkpoint to test "
            f"as {candidate.name}. The test set was not opened."
        )
    return state


def _predict(run: Run, test: SealedTest, candidate: Candidate) -> tuple[np.ndarray, str]:
    """Probabilities of the test images, and the hash of the model's file or weights."""
    from trainables.networks.weights import weights_digest
    from trainables.prediction.inference import best_model, load_model, probabilities

    state = _state(candidate)
    if state is None:
        path = run.model / MODEL
        model, digest = load_model(path), sha256(path)
    else:
        model = best_model(candidate.weights.point, len(test.class_names), state)
        digest = weights_digest(model)
    shares = probabilities(model, test.images.pixels)
    if candidate.role == "final":
        images = test.images
        explain(run, model, images.pixels, images.labels, shares, test.keys, test.class_names)
    return shares, digest


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
