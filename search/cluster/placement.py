"""Placement of trials: the share of a GPU that each gets, and how many run at once."""

from __future__ import annotations

from collections import Counter

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from search.cluster.machines import (
    Machine,
    all_machines,
    in_words,
    machines_to_come,
    machines_up,
    slots,
)
from search.live.live_run import OpenRun
from search.records import events
from spaces.errors import InputError
from spaces.studies.study import Resources, Study
from trainables.process.gpu import gpu_memory
from trainables.process.memory import data_memory

MOST_A_GPU = 4
"""Largest number of trials per GPU; more would only wait for each other's kernels."""

_POLL_SECONDS = 0.5
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
        InputError: If a trial does not fit on any machine.
    """
    study, machines = current.study, all_machines()
    cpu, gpu = study.resources.cpu, study.resources.gpu
    if gpu is None:
        share = gpu_share(study, machines, None)
        gpu = gpu_share(study, machines, _memory(current, cpu), images) if share else share
        current.take(events.noted(_in_words(gpu, machines)))
    _check_fits(machines, cpu, gpu)
    concurrent = study.resources.concurrent or fitting(
        cpu, gpu, machines, shares_its_machine=not machines_to_come() and _is_alone()
    )
    filled = study.resources.model_copy(update={"gpu": gpu, "concurrent": concurrent})
    return study.model_copy(update={"resources": filled})


def fitting(cpu: float, gpu: float, machines: Counter[Machine], shares_its_machine: bool) -> int:
    """The number of trials that can run at once, none of them on two machines.

    Trials that use only CPUs leave one core to the driver if its machine has more than two.

    Args:
        cpu: CPUs per trial.
        gpu: GPUs per trial.
        machines: Those that are up or may come.
        shares_its_machine: Whether all trials run on the driver's machine.
    """
    if shares_its_machine and not gpu:
        machines = Counter(
            {Machine(m.cpu - (m.cpu > 2), m.gpu): count for m, count in machines.items()}
        )
    return max(1, slots(machines, cpu, gpu))


def gpu_share(
    study: Study, machines: Counter[Machine], memory: int | None, images: int = 0
) -> float:
    """The share of a GPU that each trial gets: 1/k, where k trials fit in its memory.

    Args:
        study: Determines the largest batch and image.
        machines: Those that are up or may come. Of those with GPUs, the one with the fewest CPUs
            for each decides how many trials a GPU can feed.
        memory: Bytes of memory of the smallest GPU. If it is unknown (None), each trial gets a
            whole GPU.
        images: Number that each trial trains and validates on.
    """
    with_gpus = [m for m in machines if m.gpu and m.cpu >= study.resources.cpu]
    if not with_gpus:
        return 0.0
    by_cpus = min(int(m.cpu / m.gpu / study.resources.cpu) for m in with_gpus)
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


def _in_words(gpu: float, machines: Counter[Machine]) -> str:
    if not gpu:
        return "No GPU found: trials run on the CPU."
    total = int(sum(machine.gpu * count for machine, count in machines.items()))
    each = round(1 / gpu)
    shared = "one trial on each" if each == 1 else f"{each} trials share one"
    return f"{total} {'GPU' if total == 1 else 'GPUs'} found: {shared}."


def fits_somewhere(cpu: float, gpu: float) -> bool:
    """Whether some machine that is up could run a trial if it ran nothing else."""
    return slots(machines_up(), cpu, gpu) > 0


def most_cpu() -> float:
    """CPUs of the machine that has the most."""
    return max((machine.cpu for machine in all_machines()), default=1)


def host_threads(resources: Resources) -> int:
    """Threads of TensorFlow in a trial: its CPUs, or on GPUs a share of the machine's, if larger.

    A trial on a GPU has the next images gathered and augmented by its host meanwhile, and Ray's
    `num_cpus` limits nothing.
    """
    own = max(1, int(resources.cpu))
    machines = [machine for machine in machines_up() if machine.gpu] if resources.gpu else []
    shares = [int(m.cpu) // max(1, int(m.gpu / (resources.gpu or 1) + 1e-3)) for m in machines]
    return max(own, min(shares, default=own))


def _check_fits(machines: Counter[Machine], cpu: float, gpu: float) -> None:
    if slots(machines, cpu, gpu):
        return
    raise InputError(
        f"A trial needs {cpu:g} CPU and {gpu:g} GPU, but no machine has that; there are: "
        f"{in_words(machines)}. Continue with fewer: thawtune resume takes --cpu and --gpu."
    )


def _is_alone() -> bool:
    """Whether the driver's machine is the only one that can run trials."""
    here = ray.get_runtime_context().get_node_id()
    runs_trials = [n["NodeID"] for n in ray.nodes() if n["Alive"] and n["Resources"].get("CPU")]
    return runs_trials == [here]


def _memory(current: OpenRun, cpu: float) -> int | None:
    """Bytes of memory of the smallest GPU that is up, or of the first to come; None: unknown."""
    asked = [
        ray.remote(gpu_memory)
        .options(num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(n["NodeID"], False))
        .remote()
        for n in ray.nodes()
        if n["Alive"] and n["Resources"].get("GPU")
    ]
    if not asked:
        current.say("No GPU node is up yet: waiting for the autoscaler to start one.")
        asked = [ray.remote(gpu_memory).options(num_cpus=cpu, num_gpus=1).remote()]
    left = asked
    while left:
        _, left = ray.wait(left, num_returns=len(left), timeout=_POLL_SECONDS)
        if left and current.ending.has_begun:
            ray.cancel(left[0])
            return None
    known = [memory for memory in ray.get(asked) if memory is not None]
    return min(known, default=None)
