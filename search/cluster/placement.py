"""Placement of trials: the share of a GPU that each gets, and how many run at once."""

from __future__ import annotations

from collections.abc import Mapping

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from search.cluster.ray_private import largest_cluster
from search.live.live_run import OpenRun
from search.records import events
from spaces.errors import InputError
from spaces.studies.study import Resources, Study
from trainables.process.gpu import gpu_memory
from trainables.process.memory import data_memory

MOST_A_GPU = 4
"""Largest number of trials per GPU; more would only wait for each other's kernels."""

_FIXED_BYTES = 2 * 2**30
_BYTES_A_PIXEL = 3000
"""Activations and their gradients in float32: VGG16 needs 2,400 bytes per pixel of an image."""


def placed(current: OpenRun, images: int) -> Study:
    """The study with `resources.gpu` and `resources.concurrent` filled in. Ray must be running.

    If the study does not set `resources.gpu`, its trials get a share of a GPU if there are any;
    the share is noted in the ledger.

    Args:
        current: The run.
        images: Number that its trials train and validate on.

    Raises:
        InputError: If a trial does not fit on any node.
    """
    study = current.study
    there, may_come = dict(ray.cluster_resources()), largest_cluster()
    total = {kind: max(there.get(kind, 0), may_come.get(kind, 0)) for kind in ("CPU", "GPU")}
    gpu = study.resources.gpu
    if gpu is None:
        gpu = gpu_share(study, total, _smallest_gpu() if total["GPU"] else None, images)
        current.take(events.noted(_in_words(gpu, total)))
    if not may_come:
        _check_fits(study.resources.cpu, gpu)
    concurrent = study.resources.concurrent or fitting(
        study.resources.cpu, gpu, total, shares_its_machine=not may_come and _is_alone()
    )
    filled = study.resources.model_copy(update={"gpu": gpu, "concurrent": concurrent})
    return study.model_copy(update={"resources": filled})


def fitting(cpu: float, gpu: float, total: Mapping[str, float], shares_its_machine: bool) -> int:
    """The number of trials that can run at once.

    Trials that use only CPUs leave one core to the driver if its machine has more than two.

    Args:
        cpu: CPUs per trial.
        gpu: GPUs per trial.
        total: CPUs and GPUs of all nodes, including those that an autoscaler may start.
        shares_its_machine: Whether all trials run on the driver's machine.
    """
    cpus = total["CPU"]
    if shares_its_machine and not gpu and cpus > 2:
        cpus -= 1
    fits = [cpus / cpu] + ([total["GPU"] / gpu] if gpu else [])
    return max(1, int(min(fits) + 1e-3))


def gpu_share(
    study: Study, total: Mapping[str, float], memory: int | None, images: int = 0
) -> float:
    """The share of a GPU that each trial gets: 1/k, where k trials fit in its memory.

    Args:
        study: Determines the largest batch and image.
        total: CPUs and GPUs of all nodes.
        memory: Bytes of memory of the smallest GPU. If it is unknown (None), each trial gets a
            whole GPU.
        images: Number that each trial trains and validates on.
    """
    if not total["GPU"]:
        return 0.0
    by_cpus = int(total["CPU"] / total["GPU"] / study.resources.cpu)
    trials = max(1, min(MOST_A_GPU, by_cpus)) if memory else 1
    while (
        memory
        and trials > 1
        and bytes_of_a_trial(study, images, memory // trials) > memory // trials
    ):
        trials -= 1
    return int(10_000 / trials) / 10_000  # Ray counts in ten-thousandths


def bytes_of_a_trial(study: Study, images: int = 0, share: int = 0) -> int:
    """Estimated GPU memory of a trial in bytes, from the study's largest batch and image.

    Args:
        study: Its study.
        images: Number that it trains and validates on. It holds their pixels, or as many of them at
            a time as a trial may that streams them.
        share: Bytes of the GPU that it gets.
    """
    batch, size = largest(study, "batch_size"), largest(study, "image_size")
    held = min(images * 3 * size**2, data_memory(share))
    return _FIXED_BYTES + _BYTES_A_PIXEL * batch * size**2 + held


def largest(study: Study, name: str) -> int:
    """The largest value that an integer hyperparameter can have in a study."""
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
    """Whether some node of the cluster could run a trial if it ran nothing else."""
    return any(n.get("CPU", 0) >= cpu and n.get("GPU", 0) >= gpu for n in _machines())


def most_cpu() -> float:
    """CPUs of the node that has the most."""
    return max((node.get("CPU", 0) for node in _machines()), default=1)


def host_threads(resources: Resources) -> int:
    """Threads of TensorFlow in a trial: its CPUs, or on GPUs a share of the machine's, if larger.

    A trial on a GPU has the next images gathered and augmented by its host meanwhile, and Ray's
    `num_cpus` limits nothing.
    """
    own = max(1, int(resources.cpu))
    machines = [node for node in _machines() if node.get("GPU", 0)] if resources.gpu else []
    trials = [max(1, int(node["GPU"] / (resources.gpu or 1) + 1e-3)) for node in machines]
    shares = [
        int(node.get("CPU", 1)) // count for node, count in zip(machines, trials, strict=True)
    ]
    return max(own, min(shares, default=own))


def _machines() -> list[dict[str, float]]:
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _check_fits(cpu: float, gpu: float) -> None:
    if fits_somewhere(cpu, gpu):
        return
    has = "; ".join(f"{n.get('CPU', 0):g} CPU and {n.get('GPU', 0):g} GPU" for n in _machines())
    raise InputError(
        f"A trial needs {cpu:g} CPU and {gpu:g} GPU, but no machine has that; there are: {has}. "
        "Continue with fewer: thawtune resume takes --cpu and --gpu."
    )


def _is_alone() -> bool:
    """Whether the driver's machine is the only one that can run trials."""
    here = ray.get_runtime_context().get_node_id()
    runs_trials = [n["NodeID"] for n in ray.nodes() if n["Alive"] and n["Resources"].get("CPU")]
    return runs_trials == [here]


def _smallest_gpu() -> int | None:
    """Bytes of memory of the smallest GPU on the nodes that are up, or None if unknown."""
    asked = [
        ray.remote(gpu_memory)
        .options(num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(n["NodeID"], False))
        .remote()
        for n in ray.nodes()
        if n["Alive"] and n["Resources"].get("GPU")
    ]
    known = [memory for memory in ray.get(asked) if memory is not None]
    return min(known, default=None)
