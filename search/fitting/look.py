"""Looking at photos and at the machine, and writing the study that follows from both."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import ray
from rich.console import Console
from rich.filesize import decimal

from search.cluster.ray_session import ray_running
from search.fitting.photos import checked_photos
from search.fitting.probes import measured_machine, probed
from search.fitting.reserve import Clock
from search.fitting.source import DEFAULT_MINUTES, Source
from search.fitting.study import costs, rules
from search.fitting.study.candidates import available, begun_with, ranked
from search.fitting.study.facts import DataFacts, Machine, Probe
from search.fitting.study.step import Step, step_for
from search.fitting.study.written_study import WrittenStudy, write_study
from search.fitting.subset import counted, part_of, share_for, text_of
from spaces.errors import InputError
from trainables.datasets.preflight.record import Preflight
from trainables.datasets.rows.resizing import CROPPED_FROM

Say = Callable[[str], None]

_SPARE = 1.25
"""Factor of the shortest time that is recommended to one who gave less."""


@dataclass(frozen=True)
class Seconds:
    """How the time divides.

    Attributes:
        looked: Taken until the study is written.
        searching: For the search.
        after: For fine-tuning, test and report.
        each_model: For the test of one model, of that.
    """

    looked: float
    searching: float
    after: float
    each_model: float


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
        if any(parameter.name == "crop_scale" for parameter in study.search_space.parameters):
            pixels += round(3 * self.data.train * (CROPPED_FROM * size) ** 2)
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
        seed: Of the split and of all trials; None is 0 for photos, and what a study says.
        data: Where the dataset of a study is, in place of what it says.
        began: When the time began to count, by `time.monotonic`.
    """

    minutes: float | None = DEFAULT_MINUTES
    run: str | None = None
    address: str | None = None
    gpu: bool | None = None
    seed: int | None = None
    data: Path | None = None
    began: float = field(default_factory=time.monotonic)

    @property
    def clock(self) -> Clock:
        """The time that was asked for."""
        return Clock(None if self.minutes is None else 60 * self.minutes, self.began)


def prepared_for(
    source: Source, options: Options, clock: Clock, console: Console, say: Say
) -> Prepared:
    """Look at photos, measure the machine, probe backbones, and write the study. Needs Ray.

    Raises:
        DataError: If the photos cannot be used.
    """
    if source.section is None:
        raise InputError(f"{source.path} is a study already. Give photos.")
    given = source.section
    if options.seed is not None:
        given = given.model_copy(update={"seed": options.seed})
    seen, classes = counted(source, given)
    machine, gpu = _measured(options)
    seconds = 60 * DEFAULT_MINUTES if clock.left is None else clock.left
    share = share_for(seen, classes, machine, seconds)
    section, found = checked_photos(source, part_of(given, share), console)
    data = DataFacts.of(found)
    say(f"{source.name}: {data.in_words}.")
    notes: tuple[str, ...] = () if share is None else (text_of(share, data.seen),)
    step = step_for(data, machine, seconds)
    _refuse_short(source, data, machine, step, seconds)
    named = _affordable(data, machine, step, seconds)
    probes = ranked(probed(section, found.sets.without_test(), named, gpu), data.validation)
    kept = begun_with(probes, data.validation)
    notes += _notes(probes, kept)
    for note in notes:
        say(note)
    times = _divided(clock, seconds, data, machine, step, probes[0])
    written = write_study(
        source.name,
        section,
        data,
        machine,
        step,
        kept,
        times.searching,
        options.seed or 0,
        uses_gpu=options.gpu is not False,
    )
    return Prepared(found, data, machine, written, times, notes)


def _divided(
    clock: Clock, seconds: float, data: DataFacts, machine: Machine, step: Step, best: Probe
) -> Seconds:
    """What is left of the time for the search, and what everything after it takes."""
    left = seconds if clock.left is None else clock.left
    cost = costs.of(data, machine, rules.WORK[best.backbone], step.size)
    training = cost.training(step.epochs, step.share, is_live=step.share == 1)
    after = cost.after(machine, training, models=4)
    return Seconds(clock.taken, left - after, after, cost.each_model(machine))


def planned(source: Source, options: Options, console: Console) -> Prepared:
    """What `fit` would do, without doing it."""
    clock = options.clock
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
    source: Source, data: DataFacts, machine: Machine, step: Step, left: float
) -> None:
    """Refuse a time in which not even the head of one network can be trained and tested.

    Raises:
        InputError: With the time that is needed.
    """
    cost = costs.of(data, machine, rules.CANDIDATES[0].work, step.size)
    head = cost.training(1, 0.0, is_live=False)
    needed = cost.features / machine.workers + head + cost.after(machine, head, models=3)
    if left >= needed:
        return
    whole = costs.START + costs.LOOKING * data.seen + needed
    raise InputError(
        f"The time is too short for {source.name}: to train and to test a single head on "
        f"{data.seen:,} images takes about {whole:.0f} seconds here. Give --minutes "
        f"{math.ceil(2 * _SPARE * whole / 60) / 2:g} or more."
    )


def _measured(options: Options) -> tuple[Machine, float]:
    """The machine's rate, and the share of a GPU of each trial.

    Raises:
        InputError: If GPUs are asked for, but there are none.
    """
    there = ray.cluster_resources()
    cpus, gpus = int(there.get("CPU", 1)), int(there.get("GPU", 0))
    if options.gpu and not gpus:
        raise InputError("--gpu was given, but Ray finds no GPU. Omit it, or check the driver.")
    if options.gpu is False or not gpus:
        return measured_machine(max(1, cpus - 1 if cpus > 2 else cpus), 0, 0.0), 0.0
    return measured_machine(gpus, gpus, 1.0), 1.0
