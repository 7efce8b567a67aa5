"""What in a run is not exact, in words, so that nobody reads more into it than is there."""

from __future__ import annotations

from reports import formats
from reports.run_data import RunData
from search.records.events import PRUNED

_AUGMENTATION = ("flip", "rotation", "zoom", "shift", "shear", "crop")
_OFF = (None, "none", 0, 0.0)


def approximations(data: RunData) -> list[str]:
    """A sentence or two for each."""
    texts = [_selection(data), _fidelity(data), _augmentation(data), _resumed(data)]
    texts.append(
        "Numbers are 32-bit floats, and sums on several cores have no fixed order: a run again "
        "with the same seeds agrees to the last digits, not bit for bit."
    )
    return [text for text in texts if text]


def _selection(data: RunData) -> str:
    if data.finalists is not None:
        return ""
    return (
        "Every configuration was trained once, with one seed. The best of many single results is "
        "flattered by chance; no finalists have been trained again to say by how much."
    )


def _fidelity(data: RunData) -> str:
    stopped = sum(trial.state == PRUNED for trial in data.trials)
    if not stopped:
        return ""
    were = "was" if stopped == 1 else "were"
    return (
        f"{formats.sentence(formats.plural(stopped, 'trial'))} {were} stopped before the end: what "
        "they show is their best epoch until then, not what they would have come to. Slices, "
        "grids and parallel coordinates mix them with trials of full length."
    )


def _augmentation(data: RunData) -> str:
    points = [trial.point for trial in data.trials]
    count = sum(any(getattr(p, name) not in _OFF for name in _AUGMENTATION) for p in points)
    if not count:
        return "No trial had augmentation, so that cached features are exact."
    return (
        f"{formats.sentence(formats.plural(count, 'trial'))} had augmentation; they were trained "
        "on freshly drawn views in every epoch and not on cached features."
    )


def _resumed(data: RunData) -> str:
    count = sum(trial.resumed > 0 for trial in data.history.trials.values())
    if not count:
        return ""
    return (
        f"{formats.sentence(formats.plural(count, 'trial'))} went on from a checkpoint after a "
        "break; epochs that were trained twice count once, by their later result."
    )
