"""The backbones whose weights are on this machine, and the depths that a study offers of each."""

from __future__ import annotations

import os
from collections.abc import Sequence

from search.fitting.study.facts import Probe
from search.fitting.study.rules import CANDIDATES, DEPTHS, HOPELESS, KEPT, WORK, Candidate
from spaces.backbones import BACKBONES

_WORK_OF_LAST = 1.5
"""The last share x of a backbone's layers does x to this power of its work. Measured: the last 0.1,
0.25 and 0.5 of EfficientNet-Lite's layers do 0.07, 0.15 and 0.34 of the work."""


def available() -> list[Candidate]:
    """The candidates whose ImageNet weights are on this machine."""
    from trainables.weights.packaged import is_packaged

    home = os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras")
    return [
        c
        for c in CANDIDATES
        if (is_packaged(c.name) if c.file is None else os.path.isfile(f"{home}/models/{c.file}"))
    ]


def depths_of(backbone: str) -> dict[int, float]:
    """The depths that a study offers of a backbone, with their share of its weight layers."""
    layers = BACKBONES[backbone]
    return {round(share * layers): share for share in DEPTHS}


def unprobed(backbone: str, size: int) -> Probe:
    """A backbone of which nothing was measured."""
    above = {depth: share**_WORK_OF_LAST for depth, share in depths_of(backbone).items()}
    return Probe(backbone, size, None, above)


def ranked(probes: Sequence[Probe], validation: int) -> list[Probe]:
    """Probed backbones, those to begin with first.

    Backbones within a standard error of the most accurate one count as equal to it, and the
    cheapest of them comes first: its trials are shorter, and so more of them fit into the time.

    Args:
        probes: What was found.
        validation: Number of images that the accuracies are of.
    """
    best = max((probe.accuracy or 0.0 for probe in probes), default=0.0)
    bound = best - _standard_error(best, validation)

    def place(probe: Probe) -> tuple[bool, float, float]:
        accuracy, work = probe.accuracy or 0.0, WORK[probe.backbone]
        is_equal = accuracy >= bound
        return (not is_equal, work if is_equal else -accuracy, work)

    return sorted(probes, key=place)


def begun_with(probes: Sequence[Probe], validation: int) -> list[Probe]:
    """The first of the ranked backbones, without the hopeless.

    Args:
        probes: As `ranked` orders them.
        validation: Number of images that the accuracies are of.
    """
    best = max((probe.accuracy or 0.0 for probe in probes), default=0.0)
    bound = best - max(HOPELESS, 3 * _standard_error(best, validation))
    return [probe for probe in probes if (probe.accuracy or 0.0) >= bound][:KEPT]


def _standard_error(share: float, count: int) -> float:
    return (share * (1 - share) / max(1, count)) ** 0.5
