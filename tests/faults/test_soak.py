"""A hundred kills over several studies, on disk and at a URL, resumed with nothing but the run."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.faults.soak import STUDIES, VICTIMS, nothing_left, soaked

pytestmark = [pytest.mark.ray]

KILLS = 100
"""Over all studies and places: `make soak`."""

CASES = [(name, where) for name in STUDIES for where in ("disk", "url")]


def kill_often(folder, name, where, kills, seed):
    """Kill one search so often, then let it end; what was killed."""
    place = str(folder / "run") if where == "disk" else f"file://{folder}/storage/run"
    search = soaked(folder, name, place, seed)
    print(f"{name} ({where}) with seed {seed}", flush=True)
    with nothing_left(place):
        while sum(search.kills.values()) < kills and search.kill_once():
            pass
        print(f"killed: {dict(search.kills)}", flush=True)
        history = search.finish()
    assert len(history.searched) == STUDIES[name]["budget"]["trials"]
    repeats = [trial for trial in history.trials.values() if trial.finalist_of is not None]
    assert bool(repeats) == ("finalists" in STUDIES[name])
    return search.kills


def killed_so_often(folder, name, where, kills, seed=0):
    """Kill one search after the other until so many were: one may be over before."""
    killed = Counter()
    for again in range(20):
        (folder / str(again)).mkdir()
        left = kills - killed.total()
        killed += kill_often(folder / str(again), name, where, left, seed + again)
        if killed.total() >= kills:
            return killed
    raise AssertionError(f"only {killed.total()} kills")


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("name", "where"), CASES)
def test_a_hundred_kills_lose_nothing(tmp_path, name, where):
    assert set(killed_so_often(tmp_path, name, where, -(-KILLS // len(CASES)))) <= set(VICTIMS)


@pytest.mark.faults
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("name", "where"), [("finalists", "disk"), ("promoting", "url")])
def test_some_kills_lose_nothing(tmp_path, name, where):
    assert set(killed_so_often(tmp_path, name, where, 3, seed=7)) <= set(VICTIMS)
