"""The feature plan of a study: an earlier one, or a new one that a worker makes."""

from __future__ import annotations

import sys
from typing import Any

from search.features.plan_cache import remember_plan, remembered_plan
from spaces.errors import DataError
from spaces.studies.study import Study
from trainables.cache.folder import cache_for_workers, use_cache
from trainables.datasets.files.location import located
from trainables.datasets.rows.loading import read_splits
from trainables.datasets.sets.recorded import RecordedSets
from trainables.features.plan.plan import Plan
from trainables.process.tensorflow_setup import import_tensorflow


def planned(study: Study, sets: RecordedSets | None = None) -> Plan:
    """The feature plan for a study's trials.

    If Ray is running, a worker makes the plan: it has the device of the trials, and this process
    none.

    Args:
        study: Whose trials.
        sets: Of the run; None counts the images of the dataset as it is.

    Raises:
        InputError: If a network cannot be built.
    """
    plan = remembered_plan(study, sets)
    if plan is None:
        is_light = bool(study.resources.gpu) or "tensorflow" not in sys.modules
        use_worker = is_light and _is_ray_running()
        images = _images(study, sets)
        plan = _planned_by_a_worker(study, images) if use_worker else _plan(study, images)
        remember_plan(study, sets, plan)
    return plan


def _images(study: Study, sets: RecordedSets | None) -> int | None:
    """Number of images that the trials see, or None if the data are not here."""
    if sets is not None:
        return len(sets.positions("train", "validation"))
    try:
        _, splits = read_splits(located(study.dataset, study.name))
    except DataError:
        return None
    return len(splits.train) + len(splits.validation)


def _is_ray_running() -> bool:
    return "ray" in sys.modules and sys.modules["ray"].is_initialized()


def _planned_by_a_worker(study: Study, images: int | None) -> Plan:
    """By a process that ends with it, since it would keep what it has taken of a GPU."""
    import ray

    make = ray.remote(num_cpus=study.resources.cpu, num_gpus=study.resources.gpu or 0, max_calls=1)(
        _plan_of
    )
    return Plan.from_dict(ray.get(make.remote(study.to_dict(), images, cache_for_workers())))


def _plan_of(values: dict[str, Any], images: int | None, folder: str | None) -> dict[str, Any]:
    from trainables.process.gpu import limit_memory
    from trainables.process.precision import set_precision
    from trainables.process.tensorflow_setup import limit_threads

    use_cache(folder)
    study = Study.model_validate(values)
    limit_threads(max(1, int(study.resources.cpu)))
    limit_memory(study.resources.gpu or 0)
    set_precision(study.resources.precision)
    return _plan(study, images).to_dict()


def _plan(study: Study, images: int | None) -> Plan:
    import_tensorflow()
    from trainables.features.plan.measured_plan import plan_study

    return plan_study(study, images)
