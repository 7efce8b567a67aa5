"""Photos in the place of a study: their preflight, and a study for those who only look at one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from search.fitting.source import DEFAULT_MINUTES, Source, source_of
from search.fitting.study import costs, rules
from search.fitting.study.candidates import available, unprobed
from search.fitting.study.facts import DataFacts, Machine
from search.fitting.study.step import step_for
from search.fitting.study.written_study import write_study
from search.studies.preflight import checked_data, examine_study, progress_bar
from spaces.studies.dataset import DatasetSection
from trainables.datasets.preflight.examine import examine
from trainables.datasets.preflight.record import Preflight


def checked_photos(
    source: Source, section: DatasetSection, console: Console
) -> tuple[DatasetSection, Preflight]:
    """The dataset with its own shares of the sets, or those of the rules for so many images."""
    name = source.name
    found = checked_data(section, name, console)
    share = rules.chosen(rules.SPLIT, found.images).value
    is_fixed = source.has_shares or section.test is None
    if is_fixed or (section.validation, section.test) == (share, share):
        return section, found
    section = section.model_copy(update={"validation": share, "test": share})
    return section, checked_data(section, name, console)


@contextmanager
def study_file(given: str, console: Console) -> Iterator[Path]:
    """The file of a study, or of one that is written for photos while the context is open.

    Such a study is for half an hour on this machine, without measuring and probing: it serves the
    commands that look at a study, and a search without fine-tuning and test.

    Args:
        given: A study, or photos.
        console: Shows the progress of the preflight of photos.

    Raises:
        InputError: If there is neither.
        DataError: If the photos cannot be used.
    """
    source = source_of(given)
    if source.section is None:
        yield source.path
        return
    section, found = checked_photos(source, source.section, console)
    data, machine = DataFacts.of(found), Machine(os.cpu_count() or 1, 0, costs.NOMINAL)
    seconds = 60 * DEFAULT_MINUTES
    step = step_for(data, machine, seconds)
    probes = [unprobed(candidate.name, step.size) for candidate in available()][: rules.KEPT]
    written = write_study(source.name, section, data, machine, step, probes, seconds)
    with tempfile.TemporaryDirectory(prefix="thawtune-") as folder:
        path = Path(folder, f"{source.name}.yaml")
        path.write_text(written.to_yaml(), encoding="utf-8")
        yield path


def examined(given: str, data: Path | None, console: Console) -> tuple[DatasetSection, Preflight]:
    """The preflight of a study's dataset or of photos; its errors are part of the result.

    Raises:
        InputError: If there is neither a study nor photos.
        DataError: If the dataset cannot be found.
    """
    source = source_of(given)
    if source.section is None:
        return examine_study(given, data, console)
    strict = source.section.model_copy(update={"skip_bad": False})
    with progress_bar(console) as progress:
        return strict, examine(strict, source.name, progress=progress)
