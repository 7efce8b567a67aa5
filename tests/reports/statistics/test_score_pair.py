"""One score of two models: beside SciPy's permutation test, and by several trainings of each."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import permutation_test

from reports.statistics.paired import Paired
from reports.statistics.repeated import Repeated
from reports.statistics.score_pair import ScorePair
from reports.statistics.scores import Scores
from tests.reports.simulations.pairs import drawn

NAMES = ("balanced_accuracy", "macro_f1", "auc", "log_loss")
LABEL = np.repeat(np.arange(3), (150, 90, 60))


def two(more: float, seed: int = 0, seeds: int = 1) -> list[list[Scores]]:
    strength = np.array([[2.6, 2.2, 2.0], [2.6, 2.2, 2.0]])
    strength[0] += more
    return drawn(LABEL, strength, seeds, np.random.default_rng(seed))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(3))
def test_the_p_value_is_about_that_of_a_permutation_test(name, seed) -> None:
    """Which swaps the predictions of the two models image by image."""
    [first], [second] = two(0.15, seed)
    found = ScorePair.of(name, first, second)

    def difference(a, b):
        parts = (
            Scores(LABEL, first.predicted * one + second.predicted * (1 - one),
                   np.where(one[:, None] == 1, first.probabilities, second.probabilities))
            for one in (a.astype(int), b.astype(int))
        )  # fmt: skip
        one, other = (getattr(part, name) for part in parts)
        return one - other

    mine = np.ones(len(LABEL)), np.zeros(len(LABEL))
    exact = permutation_test(
        mine, difference, permutation_type="samples", n_resamples=400, rng=seed, vectorized=False
    )
    assert found.difference == pytest.approx(exact.statistic)
    assert found.p == pytest.approx(exact.pvalue, abs=0.13)
    assert found.interval.contains(0) == (found.p >= 0.05)


@pytest.mark.parametrize("name", NAMES)
def test_the_better_model_is_called_so_whichever_comes_first(name) -> None:
    [good], [bad] = two(1.5)
    first, second = ScorePair.of(name, good, bad), ScorePair.of(name, bad, good)
    assert (first.outcome(), second.outcome()) == ("better", "worse")
    assert first.difference == pytest.approx(-second.difference)
    assert first.outcome(p=0.2) == "open", "after a correction"


@pytest.mark.parametrize("name", NAMES)
def test_a_model_beside_itself_is_no_better(name) -> None:
    [one], _ = two(0)
    found = ScorePair.of(name, one, one)
    assert found.p == 1
    assert found.interval.contains(0)
    assert found.outcome() in ("equal", "open")


def test_of_even_classes_balanced_accuracy_is_accuracy() -> None:
    label = np.repeat(np.arange(3), 400)
    strength = np.array([[2.8] * 3, [2.6] * 3])
    [first], [second] = drawn(label, strength, 1, np.random.default_rng(0))
    found = ScorePair.of("balanced_accuracy", first, second)
    same = Paired.of(first.label == first.predicted, second.label == second.predicted)
    assert found.difference == pytest.approx(same.difference)
    assert found.p == pytest.approx(same.p, abs=0.02)
    assert found.interval.low == pytest.approx(same.interval.low, abs=2e-3)
    assert found.detectable == pytest.approx(same.detectable, rel=0.05)


def test_models_of_other_images_are_refused() -> None:
    [first], [second] = two(0)
    other = Scores(LABEL[::-1].copy(), second.predicted, second.probabilities)
    with pytest.raises(ValueError, match="the same images"):
        ScorePair.of("auc", first, other)


@pytest.mark.parametrize("name", NAMES)
def test_several_trainings_tell_configurations_apart(name) -> None:
    found = Repeated.of_scores(name, *two(1.0, seeds=3))
    assert (found.outcome(), found.seeds, found.images, found.name) == ("better", 3, 300, name)
    assert not found.interval.contains(0)
    same = two(0, seeds=3)[0]
    assert Repeated.of_scores(name, same, same).p == 1


def test_by_accuracy_trainings_compare_as_before() -> None:
    first, second = two(0.5, seeds=3)
    right = [np.stack([s.label == s.predicted for s in many]) for many in (first, second)]
    assert Repeated.of_scores("accuracy", first, second) == Repeated.of(*right)
