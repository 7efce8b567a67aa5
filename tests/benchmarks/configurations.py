"""The frozen list of configurations: `python -m tests.benchmarks.configurations` writes it anew."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tests.benchmarks.space import Configuration, draw

FILE = Path(__file__).with_name("configurations.json")
SEED, COUNT = 20, 100


def drawn(count: int = COUNT, seed: int = SEED) -> list[Configuration]:
    """The first configurations of a seed; a longer list begins with the shorter one."""
    chance = np.random.default_rng(seed)
    return [draw(chance) for _ in range(count)]


def frozen(count: int) -> list[Configuration]:
    """The first configurations of the list in the repository.

    Raises:
        ValueError: If there are not so many.
    """
    listed = [Configuration.from_dict(values) for values in json.loads(FILE.read_text())]
    if count > len(listed):
        raise ValueError(f"{count} configurations are asked for, {FILE.name} has {len(listed)}")
    return listed[:count]


def _write() -> None:
    lines = ",\n".join(f" {json.dumps(c.to_dict())}" for c in drawn())
    FILE.write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    _write()
