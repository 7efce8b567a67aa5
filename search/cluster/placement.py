"""Where trials go: how much of a GPU each has, and how many run at once."""

from __future__ import annotations

from collections.abc import Mapping

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from search.live.live_run import OpenRun
from search.records import events
from spaces.errors import InputError
from spaces.study import Study
from trainables.process.gpu import gpu_memory

MOST_A_GPU = 4
"""Trials; beyond that they wait for each other's kernels."""

_FIXED_BYTES = 2 * 2**30
_BYTES_A_PIXEL = 3000
"""Activations and their gradients, float32: VGG16 has 2,400 for each pixel of an image."""


def placed(current: OpenRun) -> Study:
    """The study with `resources.gpu` and `resources.concurrent` filled in. Needs Ray.

    Where the study asks for no share of a GPU, its trials get one if there are GPUs, and the
    ledger says which.

    Raises:
        InputError: If a trial does not fit on any machine.
    """
    study = current.study
    there, may_come = dict(ray.cluster_resources()), _may_come()
    total = {kind: max(there.get(kind, 0), may_come.get(kind, 0)) for kind in ("CPU", "GPU")}
    gpu = study.resources.gpu
    if gpu is None:
        gpu = gpu_share(study, total, _smallest_gpu() if total["GPU"] else None)
        current.take(events.noted(_in_words(gpu, total)))
    if not may_come:
        _check_fits(study.resources.cpu, gpu)
    concurrent = study.resources.concurrent or fitting(
        study.resources.cpu, gpu, total, shares_its_machine=not may_come and _is_alone()
    )
    filled = study.resources.model_copy(update={"gpu": gpu, "concurrent": concurrent})
    return study.model_copy(update={"resources": filled})


def fitting(cpu: float, gpu: float, total: Mapping[str, float], shares_its_machine: bool) -> int:
    """How many trials fit at once.

    Trials on CPUs leave a core to the driver, where it has more than two of them.

    Args:
        cpu: Of a trial.
        gpu: Of a trial.
        total: CPUs and GPUs of all machines, those that an autoscaler may start included.
        shares_its_machine: Whether all trials are on the driver's machine.
    """
    cpus = total["CPU"]
    if shares_its_machine and not gpu and cpus > 2:
        cpus -= 1
    fits = [cpus / cpu] + ([total["GPU"] / gpu] if gpu else [])
    return max(1, int(min(fits) + 1e-3))


def gpu_share(study: Study, total: Mapping[str, float], memory: int | None) -> float:
    """The share of a GPU that a trial gets: 1/k for as many as fit in its memory.

    Args:
        study: Says how large batches and images are.
        total: CPUs and GPUs of all machines.
        memory: Of the smallest GPU; None, unknown, leaves a trial a whole one.
    """
    if not total["GPU"]:
        return 0.0
    by_memory = memory // bytes_of_a_trial(study) if memory else 1
    by_cpus = int(total["CPU"] / total["GPU"] / study.resources.cpu)
    trials = max(1, min(MOST_A_GPU, by_memory, by_cpus))
    return int(10_000 / trials) / 10_000  # Ray counts in ten-thousandths


def bytes_of_a_trial(study: Study) -> int:
    """Memory on a GPU, estimated from the largest batch and the largest image of the study."""
    batch, size = largest(study, "batch_size"), largest(study, "image_size")
    return _FIXED_BYTES + _BYTES_A_PIXEL * batch * size**2


def largest(study: Study, name: str) -> int:
    """The largest value that a hyperparameter can have in a study: a whole number."""
    space = study.search_space
    values = [int(getattr(point, name)) for point in study.recipe_points.values()]
    searched = [parameter for parameter in space.parameters if parameter.name == name]
    for parameter in searched:
        values += [int(value) for value in getattr(parameter, "values", ())]
    return max(values if searched else [*values, int(space.base[name])])


def _in_words(gpu: float, total: Mapping[str, float]) -> str:
    if not gpu:
        return "No GPU found: trials run on the CPU."
    count, each = int(total["GPU"]), round(1 / gpu)
    shared = "one trial on each" if each == 1 else f"{each} trials share one"
    return f"{count} {'GPU' if count == 1 else 'GPUs'} found: {shared}."


def fits_somewhere(cpu: float, gpu: float) -> bool:
    """Whether a machine that is there now could run a trial, if it ran nothing else."""
    return any(n.get("CPU", 0) >= cpu and n.get("GPU", 0) >= gpu for n in _machines())


def _machines() -> list[dict[str, float]]:
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _check_fits(cpu: float, gpu: float) -> None:
    if fits_somewhere(cpu, gpu):
        return
    has = "; ".join(f"{n.get('CPU', 0):g} CPU and {n.get('GPU', 0):g} GPU" for n in _machines())
    raise InputError(
        f"A trial asks for {cpu:g} CPU and {gpu:g} GPU, and no machine has that: {has}. "
        "Change resources in the study, or leave resources.gpu out, and go on by --resume."
    )


def _is_alone() -> bool:
    """Whether the driver's machine is the only one that runs trials."""
    here = ray.get_runtime_context().get_node_id()
    runs_trials = [n["NodeID"] for n in ray.nodes() if n["Alive"] and n["Resources"].get("CPU")]
    return runs_trials == [here]


def _may_come() -> dict[str, float]:
    """CPUs and GPUs with all the machines that an autoscaler may start; empty without one."""
    from ray._private.state import state

    return dict(state.get_max_resources_from_cluster_config() or {})


def _smallest_gpu() -> int | None:
    """Memory in bytes, asked of each machine that has one now."""
    asked = [
        ray.remote(gpu_memory)
        .options(num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(n["NodeID"], False))
        .remote()
        for n in ray.nodes()
        if n["Alive"] and n["Resources"].get("GPU")
    ]
    known = [memory for memory in ray.get(asked) if memory is not None]
    return min(known, default=None)
