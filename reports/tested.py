"""The model whose errors are shown: the final one, or before that the winner as searched."""

from __future__ import annotations

from reports.predictions import Predictions
from reports.result_files import EvaluatedModel
from reports.run_data import RunData


def tested_model(data: RunData) -> tuple[EvaluatedModel, Predictions] | None:
    """The model and what it said of the test images; None where either is missing."""
    if data.test is None:
        return None
    model = data.test.in_role("final") or data.test.in_role("winner")
    predictions = data.predictions.get(model.name) if model else None
    return (model, predictions) if model is not None and predictions is not None else None
