"""The ledger: what is written is what is read, whatever it was and wherever it was cut off."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.records import events
from search.records.ledger import Ledger, read_ledger
from spaces.errors import RunStateError
from spaces.hyperparameters import Hyperparameters

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=6).filter(lambda k: k != "float"), inner, max_size=4)
    ),
    max_leaves=12,
)
EVENTS = st.fixed_dictionaries(
    {"event": st.sampled_from(["driver_started", "trial_measured", "of_a_later_version"])},
    optional={"time": st.floats(), "trial": st.integers(), "fields": VALUES},
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ledger") / "ledger.jsonl"


def write(path: Path, written: list[dict[str, Any]]) -> None:
    path.unlink(missing_ok=True)
    with Ledger(path) as ledger:
        for event in written:
            ledger.append(event)


def same(one: Any, other: Any) -> bool:
    """Equal, with types, and NaN equal to NaN."""
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


@given(st.lists(EVENTS, max_size=5))
@settings(max_examples=80)
def test_what_is_written_is_what_is_read(path, written):
    write(path, written)
    read = read_ledger(path)
    assert len(read) == len(written)
    assert all(map(same, read, written))


@given(st.lists(EVENTS, min_size=1, max_size=5), st.data())
@settings(max_examples=80)
def test_a_cut_anywhere_loses_no_more_than_the_torn_line(path, written, data):
    write(path, written)
    whole = path.read_bytes()
    cut = data.draw(st.integers(0, len(whole)), label="bytes left")
    path.write_bytes(whole[:cut])
    left = whole[:cut].count(b"\n")
    assert all(map(same, read_ledger(path), written[:left]))
    assert len(read_ledger(path)) == left
    assert path.read_bytes() == whole[:cut], "reading changes nothing"

    extra = {"event": "driver_started", "time": 1.0}
    with Ledger(path) as ledger:
        ledger.append(extra)
    again = read_ledger(path)
    assert len(again) == left + 1
    assert all(map(same, again, [*written[:left], extra]))


def test_every_line_is_plain_json(path):
    write(path, [{"event": "x", "loss": [math.nan, math.inf, -math.inf, 0.1]}])
    [line] = path.read_text().splitlines()
    loss = json.loads(line, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))["loss"]
    assert loss[3] == 0.1
    assert loss[:3] == [{"float": "nan"}, {"float": "inf"}, {"float": "-inf"}]


def test_an_event_is_on_disk_before_append_returns(path):
    path.unlink(missing_ok=True)
    with Ledger(path) as ledger:
        for count in range(1, 4):
            ledger.append({"event": "x", "time": 0.0})
            assert len(read_ledger(path)) == count


def test_opening_appends_and_never_begins_anew(path):
    write(path, [{"event": "one"}])
    for _ in range(2):
        with Ledger(path) as ledger:
            ledger.append({"event": "more"})
    assert [event["event"] for event in read_ledger(path)] == ["one", "more", "more"]


@pytest.mark.parametrize(
    "damage",
    [
        b"{not json}\n",
        b"\n",
        b"[1]\n",
        b'"text"\n',
        b"{}\n",
        b"\xff\xfe\n",
        b"\x00\x00\n",
        b"[" * 100_000 + b"\n",
        b'{"event":[]}\n',
        b'{"event":"study_opened","version":"7"}\n',
    ],
    ids=range(10),
)
def test_a_damaged_line_is_refused_with_its_number(path, damage):
    write(path, [{"event": "one"}])
    path.write_bytes(path.read_bytes() + damage + b'{"event":"three"}\n')
    for use in (read_ledger, Ledger):
        with pytest.raises(RunStateError, match=r"line 2 is damaged"):
            use(path)


def test_a_newer_ledger_is_refused_and_left_alone(path):
    opened = events.study_opened("study", "hash", {}) | {"version": events.VERSION + 1}
    write(path, [opened])
    before = path.read_bytes()
    for use in (read_ledger, Ledger):
        with pytest.raises(RunStateError, match="Upgrade"):
            use(path)
    assert path.read_bytes() == before


def test_what_is_no_json_is_refused_before_anything_is_written(path):
    write(path, [{"event": "one"}])
    with Ledger(path) as ledger, pytest.raises(TypeError):
        ledger.append({"event": "two", "value": object()})
    assert [event["event"] for event in read_ledger(path)] == ["one"]


def test_events_have_a_name_a_time_and_their_trial(make_measurement):
    point = Hyperparameters(dense_units=(64,))
    of_trials = [
        events.trial_proposed(3, "recipe", point, 7),
        events.trial_started(3, "node", 10, 5, 0),
        events.trial_measured(3, make_measurement(1)),
        events.trial_ended(3, events.COMPLETE, "max_epochs"),
    ]
    of_the_run = [
        events.study_opened("study", "hash", {"keras": "3"}),
        events.driver_started("host", 1),
        events.driver_stopped("done"),
    ]
    for event in [*of_trials, *of_the_run]:
        assert isinstance(event["event"], str)
        assert event["time"] > 0
    assert {event["trial"] for event in of_trials} == {3}
    assert {"state", "reason"} <= set(of_trials[-1])


@pytest.mark.parametrize("state", ["RUNNING", "DONE", "complete", ""])
def test_a_trial_ends_in_a_state_that_ends_it(state):
    with pytest.raises(ValueError, match="state is"):
        events.trial_ended(0, state, "why")


def test_the_name_of_a_new_ledger_is_on_disk_too(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr("os.fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_ino))
    for expected in ([tmp_path.stat().st_ino], []):
        Ledger(tmp_path / "ledger.jsonl").close()
        assert synced == expected
        synced.clear()
