"""The test images that a model got wrong and was surest of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reports import formats
from reports.predictions import Predictions
from reports.table import Cell, Column, Table, row

_MOST = 20


def worst_images_table(predictions: Predictions, classes: Sequence[str]) -> Table:
    """Wrong images by the probability that the true class got, the smallest first."""
    columns = (
        Column("image", "image", is_number=False),
        Column("label", "true class", is_number=False),
        Column("predicted", "taken for", is_number=False),
        Column("sure", "so sure of it was the model"),
        Column("own", "and of the true class"),
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
    caption = f"The worst images, at most {_MOST}: wrong, and the true class least expected."
    empty = "Every test image was classified rightly."
    return Table("worst_images", caption, columns, tuple(rows), empty=empty)


def _text(shares: np.ndarray | None, index: int) -> str | None:
    return None if shares is None else formats.percent(float(shares[index]))
