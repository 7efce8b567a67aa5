"""Searches on a real cluster of one host: jobs, shares of GPUs, metrics, the dashboard."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from search.records.ledger import read_ledger
from search.records.run import Run
from search.watching.prometheus import NAMES
from tests.cluster.clusters import ROOT, Cluster, cluster
from tests.faults.driving import Search, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(280)]


@pytest.fixture(scope="module")
def host() -> Iterator[Cluster]:
    with cluster(cpus=4, gpus=2) as found:
        yield found


def events_of(run: Path) -> list[dict[str, Any]]:
    ledger = Run(run).ledger
    return read_ledger(ledger) if ledger.exists() else []


def ended(run: Path) -> int:
    return sum(event["event"] == "trial_ended" for event in events_of(run))


def most_at_once(events: list[dict[str, Any]]) -> int:
    """Largest number of trials that ran at once, each from its first to its last event."""
    running, most = set(), 0
    for event in events:
        if event["event"] in ("trial_started", "trial_measured"):
            running.add(event["trial"])
            most = max(most, len(running))
        elif event["event"] == "trial_ended":
            running.discard(event["trial"])
    return most


def test_four_trials_at_half_a_gpu_run_on_two_and_never_five(host: Cluster, tmp_path: Path) -> None:
    """The study allows eight at once, so it is the GPUs that limit them to four."""
    resources = {"cpu": 0.5, "gpu": 0.5, "concurrent": 8}
    made = Search(
        tmp_path,
        resources=resources,
        budget={"trials": 9, "max_epochs": 150, "grace_period": 150, "reduction_factor": 3},
    )
    driver = host.search(made.study, "--run", made.run.folder)
    seen: list[int] = []
    while driver.poll() is None:
        seen.append(_workers(host))
        time.sleep(0.2)
    said, _ = driver.communicate()
    assert driver.returncode == 0, said
    assert max(seen) == 4, seen
    assert most_at_once(made.events) == 4
    assert len(made.history.in_state("COMPLETE")) == 9


def _workers(host: Cluster) -> int:
    """Workers that hold their share of a GPU: live actors of the trainable's class."""
    rows = _listed(host, "actors")
    return sum("Trainable" in row["class_name"] and row["state"] == "ALIVE" for row in rows)


def _listed(host: Cluster, what: str) -> list[dict[str, Any]]:
    """Actors or tasks as the dashboard shows them."""
    told = host.told(f"/api/v0/{what}?limit=2000")
    return told["data"]["result"]["result"]


def test_a_job_runs_a_search_to_its_end_with_the_code_of_its_folder(
    host: Cluster, tmp_path: Path
) -> None:
    made = Search(tmp_path, resources={"cpu": 1, "gpu": 0})
    host.submit("to-the-end", made.study, "--run", made.run.folder)
    wait_until(lambda: host.ended("to-the-end"))
    logs = host.job("logs", "to-the-end")
    assert host.ended("to-the-end") == "SUCCEEDED", logs
    assert f"{host.dashboard}/#/jobs/" in logs
    history = made.history
    assert sorted(history.trials) == list(range(8))
    assert all(trial.is_over for trial in history.trials.values())


def test_a_job_that_is_stopped_ends_in_order_and_resumes(host: Cluster, tmp_path: Path) -> None:
    budget = {"trials": 8, "max_epochs": 60, "grace_period": 60, "reduction_factor": 3}
    made = Search(tmp_path, resources={"cpu": 1, "gpu": 0, "concurrent": 2}, budget=budget)
    host.submit("stopped", made.study, "--run", made.run.folder)
    wait_until(lambda: ended(made.run.folder) >= 2)
    host.job("stop", "stopped")
    assert host.ended("stopped") == "STOPPED"
    last = made.events[-1]
    assert (last["event"], last["reason"]) == ("driver_stopped", "SIGTERM")
    over = {n: t.epochs for n, t in made.history.trials.items() if t.is_over}
    assert 2 <= len(over) < 8
    host.submit("resumed", made.study, "--run", made.run.folder, "--resume")
    wait_until(lambda: host.ended("resumed"))
    assert host.ended("resumed") == "SUCCEEDED", host.job("logs", "resumed")
    after = made.history.trials
    assert sorted(after) == list(range(8))
    assert {n: after[n].epochs for n in over} == over
    assert set(pd.read_parquet(made.run.trials).state) == {"COMPLETE"}


def test_a_run_in_a_jobs_working_directory_is_refused(host: Cluster, tmp_path: Path) -> None:
    made = Search(tmp_path)
    host.submit("lost", made.study)
    wait_until(lambda: host.ended("lost"))
    assert host.ended("lost") == "FAILED"
    logs = host.job("logs", "lost")
    assert "THAWTUNE_RUNS" in logs
    assert "Traceback" not in logs


def test_workers_import_this_project_and_no_other(host: Cluster, tmp_path: Path) -> None:
    """The driver's current directory has another package `search`, which workers could import."""
    (tmp_path / "search").mkdir()
    (tmp_path / "search" / "__init__.py").write_text("raise ImportError('another project')\n")
    code = """
import sys
sys.path[0] = sys.argv[2]
import ray
from search.cluster.ray_session import ray_running
from search.cluster.code_shipping import _imported, code_digest
with ray_running(sys.argv[1]):
    digest, folder = ray.get(ray.remote(_imported).remote())
    print(digest == code_digest(), folder)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, host.address, str(ROOT)],
        cwd=tmp_path,
        env=host.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    same, folder = done.stdout.split()
    assert same == "True"
    assert "runtime_resources" in folder


@pytest.mark.parametrize("token", ["", "0" * 64])
def test_a_driver_without_the_token_is_refused(host: Cluster, tmp_path: Path, token: str) -> None:
    made = Search(tmp_path)
    host_for_strangers = Cluster(
        host.address,
        host.dashboard,
        host.metrics,
        host.environment
        | {"RAY_AUTH_TOKEN": token, "RAY_AUTH_MODE": "token", "HOME": str(tmp_path)},
    )
    driver = host_for_strangers.search(made.study, "--run", made.run.folder)
    said, _ = driver.communicate(timeout=120)
    assert driver.returncode == 2, said
    assert "token" in said
    assert "Traceback" not in said


def test_metrics_move_and_trials_have_names(host: Cluster, tmp_path: Path) -> None:
    budget = {"trials": 4, "max_epochs": 90, "grace_period": 9, "reduction_factor": 3}
    base = {"image_size": 32, "batch_size": 32}
    space = {"learning_rate": {"low": 1e-4, "high": 1e-3, "log": True}}
    resources = {"cpu": 1, "gpu": 0, "concurrent": 2}
    sections = {"budget": budget, "base": base, "space": space, "recipes": {}}
    seen: dict[str, set[float]] = defaultdict(set)
    named: set[str] = set()
    # The second run finds the features that the first has computed. It has another seed, so that
    # its incumbent is another one: within a run the best may be reached before the first scrape.
    for seed, run in enumerate(("first", "second")):
        made = Search(tmp_path, tmp_path / run, resources=resources, seed=seed, **sections)
        driver = host.search(made.study, "--run", made.run.folder)
        while driver.poll() is None:
            for name, value in _figures(host.scrape()):
                seen[name].add(value)
            named |= {row["name"] for row in _listed(host, "tasks")}
            time.sleep(0.5)
        said, _ = driver.communicate()
        assert driver.returncode == 0, said
    wanted = {f"ray_{name}" for name in NAMES}
    found = {name.removesuffix("_total") for name, values in seen.items() if len(values) > 1}
    assert wanted <= found, seen
    assert {f"trial_{number:05d}" for number in range(4)} <= named


def _figures(page: str) -> Iterator[tuple[str, float]]:
    for line in page.splitlines():
        if line.startswith("ray_thawtune_"):
            name, value = re.match(r"(\w+)(?:\{.*\})? (\S+)", line).groups()
            yield name, float(value)


def test_every_metric_is_drawn_by_the_dashboard_of_grafana() -> None:
    board = json.loads((ROOT / "docs" / "grafana.json").read_text(encoding="utf-8"))
    drawn = " ".join(t["expr"] for panel in board["panels"] for t in panel["targets"])
    used = set(re.findall(r"ray_(thawtune_\w+?)(?:_total)?\b", drawn))
    assert used == set(NAMES)
    places = [tuple(panel["gridPos"].values()) for panel in board["panels"]]
    assert len(set(places)) == len(places)
