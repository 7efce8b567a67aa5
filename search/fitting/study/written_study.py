"""The study that `fit` runs: written by the rules, from what the data and the machine are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from search.fitting.study.commented_yaml import commented
from search.fitting.study.facts import DataFacts, Machine, Probe
from search.fitting.study.step import Step
from search.fitting.study.writer import StudyWriter
from spaces.errors import StudyError
from spaces.studies.dataset import DatasetSection
from spaces.studies.study import Study
from spaces.studies.study_file import parse_study


@dataclass(frozen=True)
class WrittenStudy:
    """A study with the reasons of its choices.

    Attributes:
        study: The study.
        values: What was chosen, without the defaults.
        why: A reason by the path of a key.
        head: What a reader should know first.
    """

    study: Study
    values: Mapping[str, Any]
    why: Mapping[tuple[str, ...], str]
    head: str

    def to_yaml(self, is_whole: bool = False) -> str:
        """The study as a file, with comments.

        Args:
            is_whole: Whether every default is written out.
        """
        return commented(self.study.to_dict() if is_whole else self.values, self.why, self.head)


def write_study(
    name: str,
    section: DatasetSection,
    data: DataFacts,
    machine: Machine,
    step: Step,
    probes: Sequence[Probe],
    seconds: float,
    seed: int = 0,
    uses_gpu: bool = True,
) -> WrittenStudy:
    """Write the study.

    Args:
        name: Of the study.
        section: The dataset.
        data: What the preflight found.
        machine: What was measured.
        step: Image size and epochs.
        probes: Of the backbones that the study has, the best first.
        seconds: Time of the search.
        seed: Of the study.
        uses_gpu: Whether trials get GPUs, if there are any.
    """
    writer = StudyWriter(data, machine, step, probes, seconds)
    values = {
        "name": name,
        "dataset": section.model_dump(mode="json", exclude_defaults=True)
        | {"format": section.format},
        **writer.sections(),
        "resources": {"cpu": 1} | ({} if uses_gpu else {"gpu": 0}),
        "seed": seed,
    }
    study, problems = parse_study(values)
    if study is None:
        texts = [f"{'.'.join(map(str, p.place))}: {p.text}" for p in problems]
        raise StudyError("The study written for these images cannot be run:", texts)
    return WrittenStudy(study, values, writer.why, f"Written by thawtune for: {data.in_words}.")
