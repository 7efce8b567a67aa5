"""Making a study's feature plan, from rates that are measured on this machine."""

from __future__ import annotations

import dataclasses
import os
import time
from collections import defaultdict
from pathlib import Path

import keras
import numpy as np

from spaces.hyperparameters import Hyperparameters
from spaces.studies.study import FeatureDtype, Study
from trainables.cache.digest import digest
from trainables.cache.eviction import limit
from trainables.cache.folder import cache_folder, explained, remove
from trainables.features.in_memory import data_limit
from trainables.features.plan.cost_model import Demand, Rates, Room, Site, decide
from trainables.features.plan.demands import Stage, expected_epochs, live_trials, without_depth
from trainables.features.plan.plan import Plan, Prefix
from trainables.features.plan.work import work_up_to
from trainables.networks.cut import cuts
from trainables.networks.forward import forward
from trainables.networks.network import Network, build_network
from trainables.process.gpu import usable_memory

_MEASURED_WORK = 3e9
_MEASURED_ON_A_GPU = 64
_WRITTEN = 16 * 2**20


def plan_study(study: Study, images: int | None, workers: int | None = None) -> Plan:
    """Which features of a study's trials are worth storing.

    Args:
        study: Whose trials.
        images: Number that the trials see; None, unknown: then nothing is kept.
        workers: Trials that run at the same time on a machine; None: one for each core.

    Raises:
        InputError: If a network cannot be built.
    """
    expected = expected_epochs(study)
    sites: dict[object, Site] = {}
    demands = []
    by_network: dict[Hyperparameters, dict[Stage, float]] = defaultdict(dict)
    for stage, epochs in expected.items():
        by_network[without_depth(stage.point)][stage] = epochs
    seconds: dict[object, float] = {}
    for point, its_stages in by_network.items():
        found = _Sites(point, seconds, study.resources.feature_dtype)
        for stage, epochs in its_stages.items():
            below = found.below(stage)
            sites |= {(site.prefix, site.name): site for site in below}
            names = tuple(site.name for site in below)
            demands.append(Demand(Prefix.of(point), stage.depth, names, epochs))
    rates = _rates(workers or os.cpu_count() or 1)
    room = Room(limit(), data_limit())
    return decide(list(sites.values()), _merged(demands), images, rates, room, live_trials(study))


class _Sites:
    """Where one network can be cut, whatever is thawed of it.

    Args:
        point: Without a depth.
        seconds: Seconds per unit of work, by backbone; filled in as they are measured.
        dtype: What features are stored as.
    """

    def __init__(
        self, point: Hyperparameters, seconds: dict[object, float], dtype: FeatureDtype
    ) -> None:
        self._point, self._dtype = point, dtype
        self._model = _random_network(point).model
        self._work = work_up_to(self._model)
        same = (point.backbone, point.image_size, point.truncation_layer)
        if same not in seconds:
            total = max(self._work.values())
            seconds[same] = measured_seconds(self._model, total) / total
        self._seconds_of_work = seconds[same]

    def below(self, stage: Stage) -> list[Site]:
        """Cuts below a stage's boundary with weights below them, the highest last."""
        network = Network(stage.point, self._model)
        network.freeze_backbone() if stage.head_only else network.thaw()
        return [
            Site(
                Prefix.of(self._point),
                operation.name,
                tuple(operation.output.shape[1:]),
                self._seconds_of_work * self._work[operation.name],
                self._point,
                self._dtype,
            )
            for operation in cuts(self._model)
            if self._work[operation.name]
        ]


def measured_seconds(model: keras.Model, work: float) -> float:
    """Seconds that one image takes through a model on this machine, in a graph, from one batch.

    The outputs are read, since a GPU only then has computed them.

    Args:
        model: Takes pixels.
        work: Multiply-adds of one image; decides how many images are measured.
    """
    count = int(np.clip(_MEASURED_WORK / max(work, 1), 2, 32))
    if usable_memory() is not None:
        count = _MEASURED_ON_A_GPU
    pixels = np.zeros((count, *model.input.shape[1:]), np.uint8)
    forward(model, pixels)  # traces the graph
    began = time.perf_counter()
    forward(model, pixels)
    return (time.perf_counter() - began) / count


def _random_network(point: Hyperparameters) -> Network:
    values = point.to_dict() | {"weights": "none"}
    return build_network(Hyperparameters.from_dict(values), classes=2)


def _merged(demands: list[Demand]) -> list[Demand]:
    """Demands that differ only above the cut, such as in their heads, added up."""
    merged: dict[Demand, float] = defaultdict(float)
    for demand in demands:
        merged[dataclasses.replace(demand, epochs=0)] += demand.epochs
    return [dataclasses.replace(demand, epochs=total) for demand, total in merged.items()]


def _rates(workers: int) -> Rates:
    """Seconds that a byte costs, measured with one file."""
    content = np.ones(_WRITTEN, np.uint8)
    folder = cache_folder()
    path = folder / f".rate.{os.getpid()}"
    with explained(folder / "plans"):
        folder.mkdir(parents=True, exist_ok=True)
        return _measured_rates(path, content, workers)


def _measured_rates(path: Path, content: np.ndarray, workers: int) -> Rates:
    try:
        began = time.perf_counter()
        with path.open("wb") as file:
            file.write(content.data)
            file.flush()
            os.fsync(file.fileno())
        written = time.perf_counter()
        digest(np.fromfile(path, np.uint8))
        read = time.perf_counter()
    finally:
        remove(path)
    once = (read - written) / _WRITTEN
    return Rates((written - began) / _WRITTEN, workers * once, once)
