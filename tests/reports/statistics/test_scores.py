"""Tests for scores, against scikit-learn and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from reports.statistics.scores import Scores


def guessed(images: int, classes: int, seed: int = 3) -> Scores:
    """A model that is right about half of the time, and knows it."""
    chance = np.random.default_rng(seed)
    shares = chance.dirichlet(np.full(classes, 0.3), images)
    label = (chance.random((images, 1)) > shares.cumsum(axis=1)).sum(axis=1).clip(0, classes - 1)
    return Scores(label, shares.argmax(axis=1), shares)


PAIRS = {
    "accuracy": (
        lambda s: s.accuracy,
        lambda s: metrics.accuracy_score(s.label, s.predicted),
    ),
    "macro_f1": (
        lambda s: s.macro_f1,
        lambda s: metrics.f1_score(s.label, s.predicted, average="macro", zero_division=0),
    ),
    "balanced_accuracy": (
        lambda s: s.balanced_accuracy,
        lambda s: metrics.balanced_accuracy_score(s.label, s.predicted),
    ),
    "log_loss": (
        lambda s: s.log_losses.mean(),
        lambda s: metrics.log_loss(
            s.label, s.probabilities, labels=range(s.probabilities.shape[1])
        ),
    ),
    "brier": (
        lambda s: s.briers.mean(),
        lambda s: metrics.brier_score_loss(
            s.label, s.probabilities, labels=range(s.probabilities.shape[1]), scale_by_half=False
        ),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize(("images", "classes"), [(50, 2), (400, 10), (300, 40)])
@pytest.mark.parametrize("seed", range(4))
def test_they_are_those_of_scikit_learn(name, images, classes, seed) -> None:
    scores = guessed(images, classes, seed)
    ours, reference = PAIRS[name]
    assert ours(scores) == pytest.approx(reference(scores), abs=1e-12)


def test_the_counts_are_scikit_learns_confusion_matrix() -> None:
    scores = guessed(300, 7)
    expected = metrics.confusion_matrix(scores.label, scores.predicted)
    np.testing.assert_array_equal(scores.counts, expected)


def test_a_class_without_an_image_has_no_recall_and_a_guess_at_it_costs_f1() -> None:
    scores = Scores(np.array([0, 0, 1, 1]), np.array([0, 2, 1, 1]))
    assert scores.balanced_accuracy == pytest.approx((0.5 + 1) / 2)
    assert scores.macro_f1 == pytest.approx((2 / 3 + 1 + 0) / 3)


def test_the_calibration_error_by_hand() -> None:
    """Two bins: (0.6, 0.667] has 0.65 and half right, (0.933, 1] has 0.95 and all right."""
    shares = np.array([[0.65, 0.35], [0.65, 0.35], [0.95, 0.05], [0.05, 0.95]])
    scores = Scores(np.array([0, 1, 0, 1]), shares.argmax(axis=1), shares)
    expected = (2 * abs(0.5 - 0.65) + 2 * abs(1 - 0.95)) / 4
    assert scores.reliability.error == pytest.approx(expected)


def test_a_certain_mistake_costs_what_the_smallest_probability_costs() -> None:
    scores = Scores(np.array([0]), np.array([1]), np.array([[0.0, 1.0]]))
    assert scores.log_losses == pytest.approx([-np.log(1e-12)])
    assert scores.briers == pytest.approx([2])


def test_without_probabilities_there_is_no_loss() -> None:
    scores = Scores(np.array([0, 1]), np.array([0, 0]))
    assert scores.accuracy == 0.5
    with pytest.raises(ValueError, match="probabilities"):
        _ = scores.log_losses


@pytest.mark.parametrize(
    "arrays",
    [
        (np.array([], int), np.array([], int)),
        (np.array([0]), np.array([0, 1])),
        (np.array([0]), np.array([0]), np.ones((2, 1))),
    ],
)
def test_what_does_not_fit_is_refused(arrays) -> None:
    with pytest.raises(ValueError, match="images|labels"):
        Scores(*arrays)
