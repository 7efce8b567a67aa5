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
from search.records.choice import best_recipe, choose, complete_repeats
from search.records.history import History
from search.records.ledger import read_ledger
from search.records.run import Run, write_json, write_whole
from search.records.run_sets import checked_sets
from search.records.trial import Trial
from search.testset.gradcam_pictures import explain
from search.testset.random_rival import rival as random_rival
from spaces.errors import ChangedDataError, RunStateError
from spaces.studies.dataset import DatasetSection
from spaces.studies.study import Study
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
        repeats: Further repeats, whose predictions tell how the configuration does with any seed.
    """

    name: str
    role: str
    trial: Trial
    weights: Trial
    run: Run
    repeats: tuple[Trial, ...] = ()

    @property
    def trainings(self) -> tuple[Trial, ...]:
        """All trainings that are tested, `weights` first."""
        return (self.weights, *self.repeats)


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
    random = None if against is None else random_rival(run, against)
    earlier = run.read_json(run.test)
    if earlier is not None and not again:
        _check_same_model(earlier, finetuned["sha256"], against)
        return earlier, False
    candidates = _candidates(run, study, finetuned["trial"], random, say)
    for candidate in candidates:
        for training in candidate.trainings:
            _state(candidate, training)
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
            tested[-1] |= _scores(shares, opened[square].images.labels)
            rows += _rows(name, shares, opened[square])
        about = {"name": candidate.name, "role": candidate.role, "trial": candidate.trial.number}
        models.append(about | tested[0] | ({"repeats": tested} if candidate.repeats else {}))
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer)
    write_whole(run.predictions, buffer.getvalue())
    images = len(sets.positions("test"))
    return {"images": images, "classes": list(sets.class_names), "models": models}


def _scores(shares: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    likelihood = np.clip(shares[np.arange(len(labels)), labels], 1e-12, 1)
    return {
        "accuracy": float((shares.argmax(axis=-1) == labels).mean()),
        "loss": float(-np.log(likelihood).mean()),
    }


def _rows(name: str, shares: np.ndarray, test: SealedTest) -> list[dict[str, Any]]:
    """The rows of predictions.parquet of one model."""
    labels, predicted = test.images.labels.tolist(), shares.argmax(axis=-1).tolist()
    return [
        {"model": name, "image": k, "label": y, "predicted": p, "probabilities": s}
        for k, y, p, s in zip(test.keys, labels, predicted, shares.tolist(), strict=True)
    ]


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
        if trial.recipe is not None
        and trial.best(study.objective) is not None
        and _can_be_tested(run, trial)
    ]
    found = [Candidate("final", "final", fine_tuned, fine_tuned, run)]
    rival = best_recipe(study.objective, history, recipes)
    winner, *others = _trainings(run, history, fine_tuned, recipes, rival)
    if _can_be_tested(run, winner[0]):
        found.append(Candidate("winner", "winner", fine_tuned, winner[0], run, winner[1:]))
    found += [
        Candidate(str(trial.recipe), "recipe", trial, made[0], run, made[1:])
        for trial, made in zip(recipes, others, strict=True)
    ]
    if random is not None:
        found.append(Candidate("random search", "random", random[0], *random))
    return found


def _can_be_tested(run: Run, trial: Trial) -> bool:
    """Whether a trial has weights to test, or has ended, so that it ought to have some.

    One that the end of the search interrupted may have none.
    """
    return trial.is_over or bool(Checkpoints(run.trial_checkpoints(trial.number)).epochs)


def _trainings(
    run: Run, history: History, winner: Trial, recipes: Sequence[Trial], rival: Trial | None
) -> list[tuple[Trial, ...]]:
    """The trainings of winner and recipes that are tested, in this order.

    To compare like with like, they are repeats with seeds that all of them have: one of each, and
    all of the winner's and of its rival's. Where there are none, or older versions have removed
    their checkpoints, they are the trials of the search.

    Args:
        rival: The recipe that the winner is to be compared with.
    """
    trials = [winner, *recipes]
    repeats = [
        {
            repeat.seed: repeat
            for repeat in complete_repeats(history, trial)
            if Checkpoints(run.trial_checkpoints(repeat.number)).epochs
        }
        for trial in trials
    ]
    shared = [seed for seed in repeats[0] if all(seed in made for made in repeats)]
    if not shared:
        return [(trial,) for trial in trials]
    pair = [made for trial, made in zip(trials, repeats, strict=True) if trial in (winner, rival)]
    more = [seed for seed in pair[0] if seed != shared[0] and all(seed in made for made in pair)]
    return [
        tuple(made[seed] for seed in [shared[0], *(more if trial in (winner, rival) else [])])
        for trial, made in zip(trials, repeats, strict=True)
    ]


def _state(candidate: Candidate, training: Trial) -> dict[str, np.ndarray] | None:
    """The checkpoint of a training to test; None for the final model, which has its own file.

    Raises:
        RunStateError: If the checkpoint is gone.
    """
    if candidate.role == "final":
        return None
    folder = candidate.run.trial_checkpoints(training.number)
    state, _ = Checkpoints(folder).newest()
    if state is None:
        raise RunStateError(
            f"Trial {training.number} of {candidate.run.place} has no checkpoint to test "
            f"as {candidate.name}. The test set was not opened."
        )
    return state


def _predict(
    run: Run, test: SealedTest, candidate: Candidate, training: Trial
) -> tuple[np.ndarray, str]:
    """Probabilities of the test images, and the hash of the model's file or weights."""
    from trainables.networks.weights import weights_digest
    from trainables.prediction.inference import best_model, load_model, probabilities

    state = _state(candidate, training)
    if state is None:
        path = run.model / MODEL
        model, digest = load_model(path), sha256(path)
    else:
        model = best_model(training.point, len(test.class_names), state)
        digest = weights_digest(model)
    shares = probabilities(model, test.images.pixels)
    if candidate.role == "final":
        images = test.images
        explain(run, model, images.pixels, images.labels, shares, test.keys, test.class_names)
    return shares, digest


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
