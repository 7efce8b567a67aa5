"""Sentences about a run's approximations and its hardware."""

from __future__ import annotations

from reports.data.run_data import RunData
from reports.text import formats
from search.records.events import PRUNED


def approximations(data: RunData) -> list[str]:
    """A sentence or two about each approximation."""
    texts = [
        _selection(data),
        _fidelity(data),
        _augmentation(data),
        _rounding(data),
        _resumed(data),
    ]
    texts.append(
        "Numbers are 32-bit floats, and sums on several cores have no fixed order: a second run "
        "with the same seeds agrees except for the last digits."
    )
    return [text for text in texts if text]


def _selection(data: RunData) -> str:
    if data.finalists is not None:
        return ""
    return (
        "Every configuration was trained once, with one seed. Chance flatters the best of many "
        "single results; no finalists were trained again to estimate by how much."
    )


def _fidelity(data: RunData) -> str:
    stopped = sum(trial.state == PRUNED for trial in data.trials)
    if not stopped:
        return ""
    were = "was" if stopped == 1 else "were"
    return (
        f"{formats.sentence(formats.plural(stopped, 'trial'))} {were} stopped early. The "
        "result of such a trial is its best epoch until then, not what it would have reached. "
        "Slices, grids and parallel coordinates mix them with trials of full length."
    )


def _augmentation(data: RunData) -> str:
    numbers = [t.point.views for t in data.trials if t.point.views is not None]
    if not numbers:
        is_exact = data.study.resources.feature_dtype == "float32"
        then = ", so cached features are exact" if is_exact else ""
        return f"No trial used augmentation of images{then}."
    live, stored = numbers.count(0), [number for number in numbers if number]
    texts = []
    if live:
        texts.append(
            f"{formats.sentence(formats.plural(live, 'trial'))} drew new augmentation in "
            "every epoch, and used no cached features of training images."
        )
    if stored:
        most = formats.plural(max(stored), "stored view")
        texts.append(
            f"{formats.sentence(formats.plural(len(stored), 'trial'))} used at most {most} "
            "of each image as augmentation, the same in every trial: less variety than live."
        )
    return " ".join(texts)


def _rounding(data: RunData) -> str:
    dtype = data.study.resources.feature_dtype
    if dtype == "float32":
        return ""
    return (
        f"Features are stored as {dtype}, which keeps 11 bits of each number. By that rounding, "
        "trials that read them differ from trials that compute them, and from the saved model."
    )


def _resumed(data: RunData) -> str:
    count = sum(trial.resumed > 0 for trial in data.history.trials.values())
    if not count:
        return ""
    return (
        f"{formats.sentence(formats.plural(count, 'trial'))} resumed from a checkpoint; "
        "epochs that were trained twice count once, with their later result."
    )


def hardware(data: RunData) -> str:
    """The machines, the resources of each trial, and what the search recorded about them."""
    nodes = {trial.node for trial in data.history.trials.values() if trial.node}
    resources = data.study.resources
    share = f"{resources.cpu:g} CPU"
    if resources.gpu:
        share += f" and {resources.gpu:g} GPU"
    text = f"Each trial had {share}"
    if nodes:
        text = f"The trials ran on {formats.plural(len(nodes), 'machine')}; each had {share}"
    if resources.concurrent:
        text += f", at most {resources.concurrent} at a time"
    text += "."
    kinds = {t.precision for t in data.history.trials.values() if t.node}
    if kinds:
        text += f" They computed in {' and '.join(sorted(kinds))}."
    if data.finetuning is not None:
        workers = formats.plural(data.finetuning.workers, "worker")
        text += f" The winner was fine-tuned on {workers} of Ray Train."
    found = (data.history.opened or {}).get("hardware")
    if isinstance(found, dict) and found:
        text += " " + "; ".join(f"{name}: {value}" for name, value in found.items()) + "."
    return text
