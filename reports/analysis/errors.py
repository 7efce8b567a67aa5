"""Errors of a model: confusion matrix, scores by class, the pairs confused most often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from reports.data.predictions import Predictions
from reports.text import formats
from reports.text.table import Cell, Column, Row, Table, row


@dataclass(frozen=True)
class Confusion:
    """A confusion matrix.

    Attributes:
        classes: Names, in the order of rows and columns.
        counts: Images by true class (row) and predicted class (column).
    """

    classes: tuple[str, ...]
    counts: NDArray[np.int64]

    @property
    def shares(self) -> NDArray[np.float64]:
        """Each row over its sum; NaN for a class without an image."""
        sums = self.counts.sum(axis=1, keepdims=True)
        shares = np.full(self.counts.shape, np.nan)
        np.divide(self.counts, sums, out=shares, where=sums > 0)
        return shares


@dataclass(frozen=True)
class ClassScores:
    """Precision, recall and F1 of a class, or a mean over classes; NaN where undefined."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int


def confusion(predictions: Predictions, classes: Sequence[str]) -> Confusion:
    """Count the images by true and predicted class."""
    labels = np.arange(len(classes))
    counts = confusion_matrix(predictions.label, predictions.predicted, labels=labels)
    return Confusion(tuple(classes), counts)


def class_scores(predictions: Predictions, classes: Sequence[str]) -> list[ClassScores]:
    """Scores of every class, then their mean and their mean weighted by support.

    The means are over the classes that have an image; a class that is never predicted has no
    precision and counts as 0. The mean F1 is the report's one macro F1, in which a class that was
    predicted without having an image counts too, as in scikit-learn.
    """
    found = precision_recall_fscore_support(
        predictions.label,
        predictions.predicted,
        labels=np.arange(len(classes)),
        zero_division=np.nan,
    )
    scores = np.array(found[:3], dtype=float)
    support = found[3].astype(int)
    by_class = [
        _class_scores(name, scores[:, index], int(support[index]))
        for index, name in enumerate(classes)
    ]
    present = support > 0
    known = np.nan_to_num(scores[:, present])
    total = int(support.sum())
    means = [
        _class_scores(name, np.average(known, axis=1, weights=weights), total)
        for name, weights in (("mean over classes", None), ("weighted mean", support[present]))
    ]
    means[0] = replace(means[0], f1=predictions.scores.macro_f1)
    return by_class + means


def _class_scores(name: str, scores: NDArray[np.float64], support: int) -> ClassScores:
    precision, recall, f1 = map(float, scores)
    return ClassScores(name, precision, recall, f1, support)


def class_scores_table(predictions: Predictions, classes: Sequence[str]) -> Table:
    """The classification report."""
    columns = (
        Column("class", "class", is_number=False),
        Column("precision", "precision"),
        Column("recall", "recall"),
        Column("f1", "F1"),
        Column("support", "support"),
    )
    rows = [
        row(
            [
                Cell.of(one.name),
                *(Cell.of(v, f"{v:.3f}") for v in (one.precision, one.recall, one.f1)),
                Cell.of(one.support),
            ],
            "total" if index >= len(classes) else None,
        )
        for index, one in enumerate(class_scores(predictions, classes))
    ]
    caption = (
        "Classification report. Support: test images of the class. A class that is never "
        "predicted has no precision, and counts as 0 in the means."
    )
    return Table("class_scores", caption, columns, tuple(rows))


def confused_pairs_table(matrix: Confusion, most: int = 10) -> Table:
    """The pairs of classes that are confused most often."""
    columns = (
        Column("true", "true class", is_number=False),
        Column("predicted", "taken for", is_number=False),
        Column("images", "images"),
        Column("share", "of the true class"),
    )
    wrong = matrix.counts * ~np.eye(len(matrix.classes), dtype=bool)
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    pairs = [divmod(int(flat), len(matrix.classes)) for flat in order if wrong.flat[flat] > 0]
    rows = [_pair_row(matrix, true, predicted) for true, predicted in pairs]
    caption = f"The pairs confused most often, at most {most}."
    empty = "Every test image was classified correctly."
    return Table("confused_pairs", caption, columns, tuple(rows), empty=empty)


def _pair_row(matrix: Confusion, true: int, predicted: int) -> Row:
    share = float(matrix.shares[true, predicted])
    return row(
        [
            Cell.of(matrix.classes[true]),
            Cell.of(matrix.classes[predicted]),
            Cell.of(int(matrix.counts[true, predicted])),
            Cell.of(share, formats.percent(share)),
        ]
    )


_MOST = 20


def worst_images_table(predictions: Predictions, classes: Sequence[str]) -> Table:
    """Errors by the probability of the true class, the smallest first."""
    columns = (
        Column("image", "image", is_number=False),
        Column("label", "true class", is_number=False),
        Column("predicted", "taken for", is_number=False),
        Column("sure", "confidence"),
        Column("own", "probability of the true class"),
    )
    wrong = np.flatnonzero(~predictions.is_right)
    own, sure = (predictions.probability_of(c) for c in (predictions.label, predictions.predicted))
    if own is not None:
        wrong = wrong[np.argsort(own[wrong], kind="stable")]
    rows = [
        row(
            [
                Cell.of(predictions.images[index]),
                Cell.of(classes[predictions.label[index]]),
                Cell.of(classes[predictions.predicted[index]]),
                *(
                    Cell.of(None if shares is None else float(shares[index]), _text(shares, index))
                    for shares in (sure, own)
                ),
            ]
        )
        for index in wrong[:_MOST]
    ]
    caption = (
        f"The worst errors, at most {_MOST}: those whose true class got the least probability."
    )
    empty = "Every test image was classified correctly."
    return Table("worst_images", caption, columns, tuple(rows), empty=empty)


def _text(shares: np.ndarray | None, index: int) -> str | None:
    return None if shares is None else formats.percent(float(shares[index]))
