"""Where the run of a job is, and that of a search which is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from search.cluster.ray_job import RUNS, is_job, job_environment, run_folder
from spaces.errors import InputError


@pytest.fixture
def as_job(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """This process as what `ray job submit --working-dir` starts, in the copy of that folder."""
    runtime_env = {"working_dir": "gcs://_ray_pkg_1.zip", "env_vars": None}
    config = json.dumps({"runtime_env": runtime_env, "metadata": {}})
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", config)
    folder = tmp_path / "copy"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize(
    ("given", "runs", "expected"),
    [
        (None, None, "runs/digits"),
        (None, "/shared/runs", "/shared/runs/digits"),
        (None, "s3://bucket/runs/", "s3://bucket/runs/digits"),
        ("mine", "/shared/runs", "mine"),
        ("s3://bucket/mine", None, "s3://bucket/mine"),
        (Path("/tmp/mine"), None, "/tmp/mine"),
    ],
)
def test_a_run_is_where_it_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, given: str | Path | None, runs: str | None, expected: str
) -> None:
    monkeypatch.delenv("RAY_JOB_CONFIG_JSON_ENV_VAR", raising=False)
    monkeypatch.delenv(RUNS, raising=False)
    if runs is not None:
        monkeypatch.setenv(RUNS, runs)
    assert not is_job()
    assert job_environment() == {}
    assert run_folder(given, "digits") == expected


@pytest.mark.parametrize("given", [None, "runs/mine", "copy-of-copy"])
def test_a_run_that_would_go_with_its_job_is_refused(
    as_job: Path, monkeypatch: pytest.MonkeyPatch, given: str | None
) -> None:
    monkeypatch.delenv(RUNS, raising=False)
    assert is_job()
    with pytest.raises(InputError, match="THAWTUNE_RUNS"):
        run_folder(given, "digits")


def test_a_job_writes_where_all_machines_see_it(
    as_job: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(RUNS, str(tmp_path / "shared"))
    assert run_folder(None, "digits") == f"{tmp_path}/shared/digits"
    assert run_folder("s3://bucket/digits", "digits") == "s3://bucket/digits"
