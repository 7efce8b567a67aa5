"""What trainings cost, estimated before any has run: seconds of one worker."""

from __future__ import annotations

import math
from dataclasses import dataclass

from search.fitting.study.facts import DataFacts, Machine

BACKWARD = 3.0
"""A training step costs this many forward passes of what it trains: forward, and the gradients of
activations and of weights."""
TRACING = 6.0
"""Seconds until a network that differs from earlier ones trains. Measured: 4 to 9."""
HEAD_EPOCH = 0.1
"""Seconds of an epoch of a head on stored features. Measured on 500 images."""

NOMINAL = 5e-7
"""Seconds of one core for a pixel through EfficientNet-Lite0, where nothing is measured."""
PARALLEL = 0.75
"""Speed-up of one process for each core that it has. Measured on two cores."""
START = 12.0
"""Seconds until Ray and TensorFlow have started in all workers. Measured."""
STOPPING = 4.0
"""Seconds from the end of the search's last epochs until its workers have stopped. Measured."""
KILLING = 10.0
"""Seconds more if an epoch does not end in time, and its worker is killed. Measured."""
LAST_EPOCHS = 6.0
"""Seconds that the search's last epochs take beyond its time, before any is measured."""
FINETUNING = 19.0
"""Seconds of a fine-tuning beside its epochs. Measured."""
EVALUATION = 3.0
"""Seconds of an evaluation beside its passes over the images. Measured."""
EACH_MODEL = 1.0
"""Seconds to build one of the tested models. Measured."""
LOOKING = 0.01
"""Seconds to read, decode and compare an image before the search. Measured on photos."""
REPORT = 6.0
"""Seconds to write the report. Measured."""
WORKER_START = 6.0
"""Seconds in which the first trial of a worker imports TensorFlow and builds its network. Measured
with fine-tuning, evaluation and report in the same runs: 4 to 12 seconds, and these 30 to 67 beside
training; 22 seconds and 130 where ten processes shared each core."""
SLOWEST = 4.0
"""How much longer than measured processes are expected to take at most."""
IN_A_WORKER = 2.0
"""Seconds of a start below which a trial was not the first of its worker. Measured: 0.1 to 1.5."""
FIRST_RESULT = 8.0
"""Seconds from asking Ray's workers for this machine's rate until all have answered: processes
start, import TensorFlow, and build a network. Where it takes longer, so do fine-tuning, evaluation
and report. Measured on a machine with other work."""
SLOWNESS = (0.8, 3.0)
"""Within which that ratio counts."""


def slowness_of(seconds: float) -> float:
    """How much longer processes take to start here, given the seconds until the first results.

    The root of the ratio: what else a machine does changes within minutes.
    """
    low, high = SLOWNESS
    return min(high, max(low, math.sqrt(seconds / FIRST_RESULT)))


def speed_of(cores: int) -> float:
    """How much faster a process with so many cores is than with one."""
    return max(1.0, PARALLEL * cores)


@dataclass(frozen=True)
class Cost:
    """Estimates for one backbone at one size.

    Attributes:
        data: The dataset.
        forward: Seconds of one image through the backbone.
    """

    data: DataFacts
    forward: float

    @property
    def features(self) -> float:
        """Seconds of the pass over all images that stored features cost, once for all trials."""
        return self.data.seen * self.forward

    def training(self, epochs: int, share: float, is_live: bool) -> float:
        """Seconds of one training.

        Args:
            epochs: Number of epochs.
            share: Share of the backbone's work above the boundary.
            is_live: Whether images are augmented, so that all layers are computed in each epoch.
        """
        below = 1 - share if is_live else 0.0
        train = self.data.train * self.forward * (BACKWARD * share + below)
        validation = self.data.validation * self.forward * (share + below)
        return TRACING + epochs * (train + validation + HEAD_EPOCH)

    def after(self, machine: Machine, training: float, models: int) -> float:
        """Seconds of the clock from the end of the search to the end of the report.

        Args:
            machine: A fine-tuning uses all its cores.
            training: Seconds of one worker for a training of the winner.
            models: Number of models that are tested.
        """
        grown = self.data.seen / self.data.train
        return (
            STOPPING
            + LAST_EPOCHS
            + machine.slowness * (FINETUNING + EVALUATION + REPORT)
            + grown * training / speed_of(machine.workers)
            + models * self.each_model(machine)
        )

    def each_model(self, machine: Machine) -> float:
        """Seconds of the clock to build a model and test it."""
        forward = self.data.test * self.forward / speed_of(machine.workers)
        return machine.slowness * EACH_MODEL + forward


def of(data: DataFacts, machine: Machine, work: float, size: int) -> Cost:
    """The cost of a backbone at a size, from the machine's measured rate."""
    return Cost(data, machine.forward_seconds(work, size))
