"""The section about the learning curves of winner and recipes, and the fine-tuning."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

from reports.analysis.curves import LEARNING, Curve, learning_curves, sensible_limits
from reports.data.result_files import FineTuning
from reports.data.run_data import RunData
from reports.figures.learning import draw_fine_tuning, draw_learning_curves
from reports.page.document import Block, Gallery, Heading, Section, Text
from reports.page.picture import Picture
from reports.text import formats

_TITLES = {
    "train_accuracy": "Training accuracy",
    "val_accuracy": "Validation accuracy",
    "train_loss": "Training loss",
    "val_loss": "Validation loss",
}


def section(data: RunData) -> Section:
    """Learning curves, training beside validation, and the fine-tuning."""
    curves = {quantity: learning_curves(data, quantity) for quantity in LEARNING}
    blocks: list[Block] = []
    if any(curves["val_loss"]):
        blocks.append(Text(_who_is_shown(data, curves["val_loss"])))
        blocks.append(Gallery(tuple(_picture(curves, quantity) for quantity in LEARNING)))
    else:
        blocks.append(Text("Neither the winner nor a recipe has reported an epoch yet."))
    blocks.append(Heading("Fine-tuning", "fine-tuning"))
    blocks += _fine_tuning(data.finetuning)
    return Section("learning", "Learning curves", tuple(blocks))


def _who_is_shown(data: RunData, curves: Sequence[Curve]) -> str:
    text = (
        "Training and validation side by side, on the same scale: a gap between them is "
        "overfitting. Training values are means over the running epoch, with dropout."
    )
    others = sum(trial is not None for trial in data.recipe_trials().values()) + 1 - len(curves)
    if others > 0 and len(curves) == 8:
        text += f" The winner and the best {len(curves) - 1} recipes are shown."
    shown = [trial for trial in (data.winner, *data.recipe_trials().values()) if trial]
    if len({trial.point.label_smoothing for trial in shown}) > 1:
        text += (
            " Losses are the training losses, including label smoothing: where it differs, only "
            "accuracies are comparable."
        )
    return text


def _picture(curves: dict[str, list[Curve]], quantity: str) -> Picture:
    kind = quantity.partition("_")[2]
    pair = (f"train_{kind}", f"val_{kind}")
    both = [v for q in pair for c in curves[q] for v in c.values]
    first = [v for q in pair for c in curves[q][:1] for v in c.values]
    shown, is_share = curves[quantity], kind == "accuracy"
    ends = [(c.label, [v for v in c.values if math.isfinite(v)][-1:]) for c in shown]
    text = ", ".join(
        f"{formats.percent(last[0]) if is_share else formats.number(last[0])} ({label})"
        for label, last in ends[:3]
        if last
    )
    title = _TITLES[quantity]
    return Picture(
        f"learning_{quantity}",
        title,
        f"At the last epoch: {text or 'no finite value'}.",
        f"Lines of {title.lower()} by epoch, one for each model.",
        partial(draw_learning_curves, shown, title.lower(), sensible_limits(both, first), is_share),
    )


def _fine_tuning(tuned: FineTuning | None) -> list[Block]:
    if tuned is None:
        return [Text("The winner has not been fine-tuned yet.")]
    text = (
        f"Trial {tuned.trial} was retrained on {tuned.images:,} images, training and validation "
        f"together, for {formats.plural(tuned.epochs, 'epoch')} on "
        f"{formats.plural(tuned.workers, 'worker')}, in {formats.duration(tuned.seconds)}; "
        f"finished on {formats.moment(tuned.finished)}. No validation images are left, so "
        "there are only training curves."
    )
    rates = {epoch.learning_rate for epoch in tuned.history}
    if len(rates) == 1:
        text += f" The learning rate was {formats.number(rates.pop())} throughout."
    if not tuned.history:
        return [Text(text)]
    return [Text(text), Gallery(tuple(_fine_tuning_pictures(tuned)))]


def _fine_tuning_pictures(tuned: FineTuning) -> list[Picture]:
    pictures = []
    for quantity in ("train_accuracy", "train_loss", "learning_rate"):
        values = [getattr(epoch, quantity) for epoch in tuned.history]
        numbers = [math.nan if value is None else float(value) for value in values]
        if quantity == "learning_rate" and len(set(values)) == 1:
            continue
        is_share = quantity == "train_accuracy"
        title = _TITLES.get(quantity, "Learning rate")
        first, last = (
            formats.percent(value) if is_share else formats.number(value)
            for value in (numbers[0], numbers[-1])
        )
        epochs = [epoch.epoch for epoch in tuned.history]
        pictures.append(
            Picture(
                f"finetune_{quantity}",
                title,
                f"From {first} in the first epoch to {last} in the last.",
                f"Line of {title.lower()} by epoch of the fine-tuning.",
                partial(draw_fine_tuning, epochs, numbers, title.lower(), is_share),
            )
        )
    return pictures
