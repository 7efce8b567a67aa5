"""What several tests of commands share: a run that has all that a run can have."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.search.final_runs import finished_run


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run whose final model has been tested, beside `photos`; only to be copied."""
    return finished_run(tmp_path_factory.mktemp("sound") / "run").folder
