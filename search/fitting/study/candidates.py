"""The backbones whose weights are on this machine, and the depths that a study offers of each."""

from __future__ import annotations

import os

from search.fitting.study.facts import Probe
from search.fitting.study.rules import CANDIDATES, DEPTHS, Candidate
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
