"""Runs of every shape, what is read of them and their reports, each made once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from reports.build import build_report
from reports.data.run_data import RunData, read_run
from search.records.run import Run
from tests.reports.run_maker import RunMaker, finish
from tests.reports.run_shapes import SHAPES, digits


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """A run of each shape, made once; tests that change one copy it first."""
    return {name: make(tmp_path_factory.mktemp(name) / "run-1") for name, make in SHAPES.items()}


@pytest.fixture(params=list(SHAPES))
def shape(request: pytest.FixtureRequest) -> str:
    """The name of each shape in turn."""
    return str(request.param)


@pytest.fixture(scope="session")
def read(runs: dict[str, Run]) -> Callable[[str], RunData]:
    """What is read of a shape."""
    return cache(lambda name: read_run(runs[name]))


@pytest.fixture(scope="session")
def reported(runs: dict[str, Run]) -> Callable[[str], Path]:
    """The report's folder of a shape, built once."""
    return cache(lambda name: build_report(runs[name]).parent)


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., RunMaker]:
    """Begins a run of the digits study, with changes."""
    return lambda **changes: RunMaker(tmp_path / "run", digits(**changes))


@pytest.fixture
def open_test() -> Callable[..., None]:
    """Fine-tunes and opens the test set of a run."""
    return finish


@pytest.fixture
def sealed_full(runs: dict[str, Run], tmp_path: Path) -> RunData:
    """The run that has every file, before fine-tuning and the test."""
    shutil.copytree(runs["full"].folder, tmp_path / "sealed")
    run = Run(tmp_path / "sealed")
    run.test.unlink()
    run.finetune.unlink()
    return read_run(run)
