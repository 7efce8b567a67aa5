"""The section about the errors of the final model on the test set."""

from __future__ import annotations

from functools import partial

import numpy as np

from reports.analysis.errors import (
    Confusion,
    class_scores_table,
    confused_pairs_table,
    confusion,
    worst_images_table,
)
from reports.data.pictures import MOST
from reports.data.predictions import Predictions
from reports.data.result_files import EvaluatedModel
from reports.data.run_data import RunData, tested_model
from reports.figures.classes import draw_confusion
from reports.page.document import (
    Beside,
    Block,
    Gallery,
    Heading,
    Photographs,
    Section,
    TableBlock,
    Text,
)
from reports.page.picture import Picture
from reports.text import formats


def section(data: RunData) -> Section:
    """Confusion, scores by class, pairs confused most often, worst images, Grad-CAM."""
    return Section("errors", "Errors", tuple(_blocks(data)))


def _blocks(data: RunData) -> list[Block]:
    if data.test is None:
        return [Text("The test set is still sealed, so nothing is known about errors on it.")]
    found = tested_model(data)
    if found is None:
        return [Text("The predictions for each test image are not on file.")]
    model, predictions = found
    matrix = confusion(predictions, data.test.classes)
    wrong = int(np.sum(~predictions.is_right))
    share = formats.percent(wrong / max(1, len(predictions.images)))
    images = formats.plural(len(predictions.images), "test image")
    return [
        Text(f"{_which(model)} is wrong on {wrong:,} of {images} ({share})."),
        Gallery((_picture(matrix, by_row=False), _picture(matrix, by_row=True))),
        Beside(
            TableBlock(class_scores_table(predictions, data.test.classes)),
            TableBlock(confused_pairs_table(matrix)),
        ),
        Heading("Worst images", "worst"),
        *_worst(data, predictions),
        Heading("Where the model looked", "gradcam"),
        *_looked(data),
    ]


def _worst(data: RunData, predictions: Predictions) -> list[Block]:
    classes = data.test.classes if data.test else ()
    shown = [
        one.photograph(f"mistake_{index:02d}", "Picture")
        for index, one in enumerate(data.mistaken[:MOST], start=1)
    ]
    table = TableBlock(worst_images_table(predictions, classes))
    return [Photographs(tuple(shown)), table] if shown else [table]


def _looked(data: RunData) -> list[Block]:
    if not data.explained:
        return [
            Text(
                "There are no Grad-CAM pictures in the run: thawtune evaluate makes them for "
                "networks that have convolutions."
            )
        ]
    shown = [
        (one.is_right, one.photograph(f"gradcam_{index:02d}", "Grad-CAM picture"))
        for index, one in enumerate(data.explained[:MOST], start=1)
    ]
    blocks: list[Block] = [
        Text(
            "Each picture has the test image on the left, and on the right the same image with a "
            "heat map of the predicted class (Grad-CAM, Selvaraju et al., ICCV 2017): hot regions "
            "spoke for that class. It shows where the evidence was, not why it was enough."
        )
    ]
    for is_right, title in ((False, "Wrong cases, the worst first"), (True, "Right cases")):
        photographs = tuple(photo for right, photo in shown if right is is_right)
        if photographs:
            blocks += [Text(f"{title}:"), Photographs(photographs)]
    return blocks


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
