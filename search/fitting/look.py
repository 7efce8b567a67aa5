"""Looking at photos and at the machine, and writing the study that follows from both."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import ray
from rich.console import Console
from rich.filesize import decimal

from search.cluster.ray_session import ray_running
from search.fitting.photos import checked_photos
from search.fitting.probes import measured_machine, probed
from search.fitting.reserve import Clock
from search.fitting.source import DEFAULT_MINUTES, Source
from search.fitting.study import costs, rules
from search.fitting.study.candidates import available
from search.fitting.study.facts import DataFacts, Machine, Probe
from search.fitting.study.step import Step, step_for
from search.fitting.study.written_study import WrittenStudy, write_study
from spaces.errors import InputError
from trainables.datasets.preflight.record import Preflight

Say = Callable[[str], None]


@dataclass(frozen=True)
class Seconds:
    """How the time divides.

    Attributes:
        looked: Taken until the study is written.
        searching: For the search.
        after: For fine-tuning, test and report.
    """

    looked: float
    searching: float
    after: float


@dataclass(frozen=True)
class Prepared:
    """Photos that were looked at, and the study written for them.

    Attributes:
        found: The preflight.
        data: What the study follows from.
        machine: What was measured.
        written: The study.
        seconds: How the time divides.
        notes: Sentences for the report: what the probes found, and which backbones were dropped.
    """

    found: Preflight
    data: DataFacts
    machine: Machine
    written: WrittenStudy
    seconds: Seconds
    notes: tuple[str, ...]

    @property
    def in_words(self) -> list[str]:
        """What it would take, a line each."""
        study, times = self.written.study, self.seconds
        size = study.search_space.base["image_size"]
        pixels = 3 * self.data.seen * size**2
        kept = max(1, study.finalists.count) + (1 + study.finalists.seeds) * len(study.recipes)
        weights = 25e6 * kept
        return [
            f"time: {times.looked:.0f} s until now, about {times.searching:.0f} s of search, and "
            f"{times.after:.0f} s for fine-tuning, test and report",
            f"disk: about {decimal(round(pixels + weights))} ({decimal(pixels)} of decoded images "
            "in the cache, the rest checkpoints in the run)",
        ]


@dataclass(frozen=True)
class Options:
    """What `thawtune fit` was asked for.

    Attributes:
        minutes: For everything; None for a study's own budget.
        run: Folder or URL of the run.
        address: Address of a Ray cluster.
        gpu: Whether to use GPUs; None uses them if there are any.
        seed: Of the study that is written, and of its split.
    """

    minutes: float | None = DEFAULT_MINUTES
    run: str | None = None
    address: str | None = None
    gpu: bool | None = None
    seed: int = 0


def prepared_for(
    source: Source, options: Options, clock: Clock, console: Console, say: Say
) -> Prepared:
    """Look at photos, measure the machine, probe backbones, and write the study. Needs Ray.

    Raises:
        DataError: If the photos cannot be used.
    """
    if source.section is None:
        raise InputError(f"{source.path} is a study already. Give photos.")
    section, found = checked_photos(source.section, source.name, console)
    data = DataFacts.of(found)
    say(f"{source.name}: {data.in_words}.")
    workers, gpus, gpu = _workers(options)
    machine = measured_machine(workers, gpus, gpu)
    seconds = clock.left if clock.left is not None else 60 * DEFAULT_MINUTES
    step = step_for(data, machine, seconds)
    named = _affordable(data, machine, step, seconds)
    probes = _ranked(probed(section, found.sets.without_test(), named, gpu))
    kept = _kept(probes, data)
    notes = _notes(probes, kept)
    for note in notes:
        say(note)
    left = clock.left if clock.left is not None else seconds
    cost = costs.of(data, machine, rules.WORK[probes[0].backbone], step.size)
    training = cost.training(step.epochs, step.share, is_live=step.share == 1)
    after = cost.after(machine, training, models=4)
    _refuse_short(source, data, machine, cost, left)
    written = write_study(
        source.name, section, data, machine, step, kept, left - after, options.seed
    )
    return Prepared(found, data, machine, written, Seconds(clock.taken, left - after, after), notes)


def planned(source: Source, options: Options, console: Console) -> Prepared:
    """What `fit` would do, without doing it."""
    clock = Clock(None if options.minutes is None else 60 * options.minutes)
    with ray_running(options.address):
        return prepared_for(source, options, clock, console, lambda _: None)


def _notes(probes: list[Probe], kept: list[Probe]) -> tuple[str, ...]:
    ranked = ", ".join(f"{p.backbone} {p.accuracy or 0:.3f}" for p in probes)
    dropped = ", ".join(p.backbone for p in probes if p not in kept)
    unprobed = ", ".join(c.name for c in available() if c.name not in {p.backbone for p in probes})
    found = [
        f"Probes at {probes[0].image_size} pixels (validation accuracy of a ridge classifier on "
        f"frozen features): {ranked}. The search tries {', '.join(p.backbone for p in kept)}"
        + (f"; dropped: {dropped}." if dropped else ".")
    ]
    if unprobed:
        found.append(f"There was no time to probe {unprobed}.")
    return tuple(found)


def _affordable(
    data: DataFacts, machine: Machine, step: Step, seconds: float
) -> list[tuple[str, int]]:
    """The candidates that there is time to probe, each at the study's size; at least the first."""
    most = rules.PROBES_SHARE * machine.workers * seconds
    return [
        (candidate.name, step.size)
        for candidate in available()
        if candidate is rules.CANDIDATES[0]
        or data.seen * machine.forward_seconds(candidate.work, step.size) <= most
    ]


def _refuse_short(
    source: Source, data: DataFacts, machine: Machine, cost: costs.Cost, left: float
) -> None:
    """Refuse a time in which not even the head of one network can be trained and tested.

    Raises:
        InputError: With the time that is needed.
    """
    head = cost.training(1, 0.0, is_live=False)
    needed = cost.features / machine.workers + head + cost.after(machine, head, models=3)
    if left >= needed:
        return
    minutes = math.ceil((costs.START + costs.LOOKING * data.seen + needed) / 6) / 10
    raise InputError(
        f"The time is too short for {source.name}: to train and to test a single head on "
        f"{data.seen:,} images takes about {minutes:g} minutes here. Give --minutes "
        f"{math.ceil(minutes)} or more."
    )


def _workers(options: Options) -> tuple[int, int, float]:
    """Trials at a time, GPUs, and the share of a GPU of each trial."""
    there = ray.cluster_resources()
    cpus, gpus = int(there.get("CPU", 1)), int(there.get("GPU", 0))
    if options.gpu and not gpus:
        raise InputError("--gpu was given, but Ray finds no GPU. Omit it, or check the driver.")
    if options.gpu is False or not gpus:
        return max(1, cpus - 1 if cpus > 2 else cpus), 0, 0.0
    return gpus, gpus, 1.0


def _ranked(probes: list[Probe]) -> list[Probe]:
    return sorted(probes, key=lambda p: (-(p.accuracy or 0.0), rules.WORK[p.backbone]))


def _kept(probes: list[Probe], data: DataFacts) -> list[Probe]:
    """The backbones that a search begins with, the best first."""
    best = probes[0].accuracy or 0.0
    error = 3 * (best * (1 - best) / max(1, data.validation)) ** 0.5
    bound = best - max(rules.HOPELESS, error)
    return [p for p in probes if (p.accuracy or 0.0) >= bound][: rules.KEPT]
