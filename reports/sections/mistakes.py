"""The section about the errors that the final model makes on the test set."""

from __future__ import annotations

from functools import partial

import numpy as np

from reports import formats
from reports.confusion import (
    Confusion,
    class_scores_table,
    confused_pairs_table,
    confusion,
)
from reports.document import Beside, Block, Gallery, Section, TableBlock, Text
from reports.figures.classes import draw_confusion
from reports.figures.picture import Picture
from reports.result_files import EvaluatedModel
from reports.run_data import RunData


def section(data: RunData) -> Section:
    """Confusion matrix, scores by class, and the pairs confused most often."""
    return Section("errors", "Errors", tuple(_blocks(data)))


def _blocks(data: RunData) -> list[Block]:
    if data.test is None:
        return [Text("The test set is still sealed, so nothing is known of errors on it.")]
    model = data.test.in_role("final") or data.test.in_role("winner")
    predictions = data.predictions.get(model.name) if model else None
    if model is None or predictions is None:
        return [Text("The predictions for each test image are not on file.")]
    matrix = confusion(predictions, data.test.classes)
    wrong = int(np.sum(~predictions.is_right))
    share = formats.percent(wrong / max(1, len(predictions.images)))
    images = formats.plural(len(predictions.images), "test image")
    return [
        Text(f"{_which(model)} errs on {wrong:,} of {images} ({share})."),
        Gallery((_picture(matrix, by_row=False), _picture(matrix, by_row=True))),
        Beside(
            TableBlock(class_scores_table(predictions, data.test.classes)),
            TableBlock(confused_pairs_table(matrix)),
        ),
    ]


def _which(model: EvaluatedModel) -> str:
    if model.role == "final":
        return f"The final model (trial {model.trial}, fine-tuned)"
    return f"The winner as searched (trial {model.trial}; no fine-tuned model was tested)"


def _picture(matrix: Confusion, by_row: bool) -> Picture:
    right = int(np.trace(matrix.counts))
    alt = (
        f"Confusion matrix of {len(matrix.classes)} classes, "
        f"{'percentages of each true class' if by_row else 'counts'}; {right:,} of "
        f"{int(matrix.counts.sum()):,} images lie on the diagonal."
    )
    what = "Percentages of the true class, each row adding up to 100" if by_row else "Images"
    return Picture(
        "confusion_by_row" if by_row else "confusion_counts",
        "Confusion matrix, by row" if by_row else "Confusion matrix, counts",
        f"{what}. Rows are true classes, columns predicted ones; empty cells are zero.",
        alt,
        partial(draw_confusion, matrix, by_row),
    )
