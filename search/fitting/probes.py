"""Probes: how fast each candidate backbone is here, and how well its frozen features separate the
classes. They run in Ray's workers, one backbone each, and leave their features in the store."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import ray

from search.fitting.study import costs
from search.fitting.study.candidates import depths_of
from search.fitting.study.facts import Machine, Probe
from spaces.hyperparameters import Hyperparameters
from spaces.studies.dataset import DatasetSection
from trainables.cache.folder import cache_for_workers, use_cache
from trainables.datasets.sets.recorded import RecordedSets

_MEASURED_SIZE = 96
_MEASURED_IMAGES = 32
_PASSES = 6
_PENALTY = 1e-2
"""Of the ridge classifier on standardised features, for each image."""


@dataclass(frozen=True)
class ProbeTask:
    """One backbone to probe.

    Attributes:
        section: The dataset.
        sets: Of the run, without the test set.
        backbone: Its name.
        image_size: Pixels a side.
        cache: For `use_cache`.
        gpu: Share of a GPU.
    """

    section: DatasetSection
    sets: RecordedSets
    backbone: str
    image_size: int
    cache: str | None
    gpu: float


def measured_machine(workers: int, gpus: int, gpu: float) -> Machine:
    """Measure all workers at once, as they will work at once."""
    task = ray.remote(num_cpus=1, num_gpus=gpu, **_ending(gpu))(_pixel_seconds)
    began = time.perf_counter()
    rates = ray.get([task.remote(gpu) for _ in range(workers)])
    slowness = costs.slowness_of(time.perf_counter() - began)
    return Machine(workers, gpus, float(np.median(rates)), slowness)


def probed(
    section: DatasetSection,
    sets: RecordedSets,
    named: Sequence[tuple[str, int]],
    gpu: float,
) -> list[Probe]:
    """Probe backbones, each at a size, as many at once as there are workers."""
    task = ray.remote(num_cpus=1, num_gpus=gpu, **_ending(gpu))(_probe)
    cache = cache_for_workers()
    return ray.get(
        [task.remote(ProbeTask(section, sets, name, size, cache, gpu)) for name, size in named]
    )


def _ending(gpu: float) -> dict[str, int]:
    """On a GPU, a process ends with its task: it would keep the memory that it has taken."""
    return {"max_calls": 1} if gpu else {}


def _set_up(gpu: float) -> None:
    from trainables.process.gpu import limit_memory
    from trainables.process.precision import set_precision
    from trainables.process.tensorflow_setup import limit_threads

    limit_threads(1)
    limit_memory(gpu)
    set_precision("auto")


def _pixel_seconds(gpu: float) -> float:
    """Seconds for one pixel of EfficientNet-Lite0, on average: other work on the machine counts."""
    _set_up(gpu)
    from trainables.networks.forward import forward
    from trainables.networks.network import build_network

    point = Hyperparameters(weights="none", image_size=_MEASURED_SIZE)
    model = build_network(point, classes=2).model
    pixels = np.zeros((_MEASURED_IMAGES, _MEASURED_SIZE, _MEASURED_SIZE, 3), np.uint8)
    forward(model, pixels)
    began = time.perf_counter()
    for _ in range(_PASSES):
        forward(model, pixels)
    taken = time.perf_counter() - began
    return taken / (_PASSES * _MEASURED_IMAGES * _MEASURED_SIZE**2)


def _probe(task: ProbeTask) -> Probe:
    use_cache(task.cache)
    _set_up(task.gpu)
    from trainables.datasets.rows.loading import load_trial_data, seal
    from trainables.features.in_memory import stored
    from trainables.networks.cut import cut
    from trainables.training.training import build_pretrained

    seal()
    point = Hyperparameters(backbone=task.backbone, image_size=task.image_size)
    data = load_trial_data(task.section, task.image_size, task.sets)
    network = build_pretrained(point, len(data.class_names))
    above = _shares_above(network)
    network.freeze_backbone()
    split = cut(network.model)
    if split.below is None:
        raise ValueError(f"{task.backbone} has nothing to compute before its head")
    train, validation = (
        stored(split.below, split.name, images, point) for images in (data.train, data.validation)
    )
    accuracy = None
    if train is not None and validation is not None:
        accuracy = ridge_accuracy(train, data.train.labels, validation, data.validation.labels)
    return Probe(task.backbone, task.image_size, accuracy, above)


def ridge_accuracy(
    train: np.ndarray, labels: np.ndarray, validation: np.ndarray, expected: np.ndarray
) -> float:
    """Validation accuracy of a ridge classifier on standardised features."""
    from sklearn.linear_model import RidgeClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    flat = [np.asarray(rows, np.float32).reshape(len(rows), -1) for rows in (train, validation)]
    ridge = RidgeClassifier(alpha=_PENALTY * flat[0].size)
    model = make_pipeline(StandardScaler(), ridge).fit(flat[0], labels)
    return float(model.score(flat[1], expected))


def _shares_above(network: Any) -> dict[int, float]:
    """Share of the network's work above the boundary of each depth that a study offers."""
    from trainables.features.plan.work import work_up_to

    work = work_up_to(network.model)
    total = max(work.values())
    layers = network.weight_layers
    shares = {0: 0.0}
    for depth in depths_of(network.point.backbone):
        if depth >= len(layers):
            shares[depth] = 1.0
        elif depth:
            shares[depth] = 1 - work[layers[-depth - 1].name] / total
    return shares
