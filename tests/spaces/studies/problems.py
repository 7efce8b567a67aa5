"""What is wrong with a study file, as its error says it, taken apart."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from spaces.errors import StudyError
from spaces.studies.study import Study
from spaces.studies.study_file import load_study


def problems(
    path: Path, load: Callable[[Path], Study] = load_study
) -> list[tuple[int | None, str, str]]:
    """(line, place, text) of each problem of a study file that cannot be run.

    Args:
        path: Of the file.
        load: Refuses it.
    """
    with pytest.raises(StudyError) as caught:
        load(path)
    found = []
    for problem in caught.value.problems:
        match = re.fullmatch(r"(?:line (\d+), )?([^:]+): (.*)", problem, re.DOTALL)
        assert match, problem
        found.append((int(match[1]) if match[1] else None, match[2], match[3]))
    assert str(caught.value).splitlines()[0] == f"{path} cannot be run:"
    return found
