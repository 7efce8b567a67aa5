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


REFERENCES = {
    "accuracy": lambda s, w: metrics.accuracy_score(s.label, s.predicted, sample_weight=w),
    "macro_f1": lambda s, w: metrics.f1_score(
        s.label, s.predicted, average="macro", sample_weight=w, zero_division=0
    ),
    "balanced_accuracy": lambda s, w: metrics.balanced_accuracy_score(
        s.label, s.predicted, sample_weight=w
    ),
    "log_loss": lambda s, w: metrics.log_loss(
        s.label, s.probabilities, sample_weight=w, labels=range(s.probabilities.shape[1])
    ),
    "brier": lambda s, w: metrics.brier_score_loss(
        s.label,
        s.probabilities,
        sample_weight=w,
        labels=range(s.probabilities.shape[1]),
        scale_by_half=False,
    ),
}


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize(("images", "classes"), [(50, 2), (400, 10), (300, 40)])
def test_they_are_those_of_scikit_learn(name, images, classes) -> None:
    scores = guessed(images, classes)
    drawn = 1.0 + np.random.default_rng(1).integers(0, 4, (3, images))
    found = getattr(scores, name)(np.vstack([np.ones(images), drawn]))
    expected = [REFERENCES[name](scores, w) for w in (np.ones(images), *drawn)]
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", [*REFERENCES, "calibration_error"])
def test_a_weight_counts_as_so_many_images(name) -> None:
    scores = guessed(60, 4)
    times = np.random.default_rng(0).integers(0, 3, 60)
    drawn = np.repeat(np.arange(60), times)
    alone = Scores(scores.label[drawn], scores.predicted[drawn], scores.probabilities[drawn])
    weighted = getattr(scores, name)(times[None].astype(float))
    assert weighted == pytest.approx(getattr(alone, name)(np.ones((1, len(drawn)))), abs=1e-12)


def test_a_class_without_an_image_has_no_recall_and_a_guess_at_it_costs_f1() -> None:
    scores = Scores(np.array([0, 0, 1, 1]), np.array([0, 2, 1, 1]))
    ones = np.ones((1, 4))
    assert scores.balanced_accuracy(ones) == pytest.approx([(0.5 + 1) / 2])
    assert scores.macro_f1(ones) == pytest.approx([(2 / 3 + 1 + 0) / 3])


def test_the_calibration_error_by_hand() -> None:
    """Two bins: (0.6, 0.667] has 0.65 and half right, (0.933, 1] has 0.95 and all right."""
    shares = np.array([[0.65, 0.35], [0.65, 0.35], [0.95, 0.05], [0.05, 0.95]])
    scores = Scores(np.array([0, 1, 0, 1]), shares.argmax(axis=1), shares)
    expected = (2 * abs(0.5 - 0.65) + 2 * abs(1 - 0.95)) / 4
    assert scores.calibration_error(np.ones((1, 4))) == pytest.approx([expected])


def test_a_certain_mistake_costs_what_the_smallest_probability_costs() -> None:
    scores = Scores(np.array([0]), np.array([1]), np.array([[0.0, 1.0]]))
    assert scores.log_loss(np.ones((1, 1))) == pytest.approx([-np.log(1e-12)])
    assert scores.brier(np.ones((1, 1))) == pytest.approx([2])


def test_without_probabilities_there_is_no_loss() -> None:
    scores = Scores(np.array([0, 1]), np.array([0, 0]))
    assert scores.accuracy(np.ones((1, 2))) == [0.5]
    with pytest.raises(ValueError, match="probabilities"):
        scores.log_loss(np.ones((1, 2)))


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
