"""The models that are tested: final model, winner and recipes as searched, random search's best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from search.final_model.load import MODEL, fine_tuned, load_final
from search.records.choice import best_recipe, choose, complete_repeats
from search.records.history import History
from search.records.run import Run
from search.records.trial import Trial
from spaces.errors import RunStateError
from spaces.studies.study import Study
from trainables.training.checkpoints import Checkpoints
from trainables.weights.packaged import sha256

if TYPE_CHECKING:
    import keras


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


def candidates_of(
    run: Run,
    study: Study,
    final: dict[str, Any],
    random: tuple[Trial, Run] | None,
    say: Callable[[str], None],
) -> list[Candidate]:
    """The final model, its configuration as searched, every recipe, and the random search's best.

    Args:
        final: The content of finetune.json.
    """
    history = run.history()
    trained = fine_tuned(run, final, history)
    choice = choose(study, history)
    if choice is not None and choice.trial.number != trained.number:
        say(
            f"The search has continued since trial {trained.number} was fine-tuned; it would now "
            f"choose trial {choice.trial.number}. This tests trial {trained.number}, which was "
            "fine-tuned."
        )
    recipes = [
        trial
        for trial in history.searched
        if trial.recipe is not None
        and trial.best(study.objective) is not None
        and _can_be_tested(run, trial)
    ]
    found = [Candidate("final", "final", trained, trained, run)]
    rival = best_recipe(study.objective, history, recipes)
    winner, *others = _trainings(run, history, trained, recipes, rival)
    if _can_be_tested(run, winner[0]):
        found.append(Candidate("winner", "winner", trained, winner[0], run, winner[1:]))
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


def load(candidate: Candidate, training: Trial, classes: int) -> tuple[keras.Model, str]:
    """The model that a training made, and the hash of its file or weights.

    Args:
        candidate: What is tested.
        training: One of its trainings; the final model is a file of its own.
        classes: Number of classes of the dataset.

    Raises:
        RunStateError: If it is gone, damaged, or does not fit its configuration.
        InputError: If a network cannot be built any more, or its pretrained weights cannot be had.
    """
    from trainables.networks.weights import weights_digest
    from trainables.prediction.inference import best_model

    if candidate.role == "final":
        return _final_model(candidate, classes)
    state, _ = Checkpoints(candidate.run.trial_checkpoints(training.number)).newest()
    place = f"trial {training.number} of {candidate.run.place}"
    if state is None:
        raise RunStateError(
            f"The test set was not opened: {place} has no checkpoint to test as {candidate.name}."
        )
    try:
        model = best_model(training.point, classes, state)
    except RunStateError as error:
        raise RunStateError(
            f"The test set was not opened: {place} cannot be tested as {candidate.name}. {error}"
        ) from error
    return model, weights_digest(model)


def _final_model(candidate: Candidate, classes: int) -> tuple[keras.Model, str]:
    run, size = candidate.run, candidate.trial.point.image_size
    final = load_final(run)
    found = len(final.class_names), final.size
    if found != (classes, size):
        raise RunStateError(
            f"The test set was not opened: {run.shown(run.model / MODEL)} has {found[0]} classes "
            f"and images of {found[1]} pixels, but trial {candidate.trial.number} has {classes} "
            f"and {size}. To write it again: {run.command('finetune')}"
        )
    return final.model, sha256(run.model / MODEL)
