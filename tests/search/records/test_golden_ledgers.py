"""Ledgers as they were once written are read as they were meant, whatever is written today."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.records.events import VERSION
from search.records.history import History
from search.records.ledger import Ledger, read_ledger
from search.records.run import Run
from spaces.studies.study import Objective

FOLDER = Path(__file__).parents[2] / "golden" / "ledgers"

EXPECTED = {
    1: ["0 COMPLETE 4", "1 COMPLETE 4"],
    2: [
        *("0 COMPLETE 4", "1 COMPLETE 4", "2 PRUNED 2", "3 COMPLETE 4", "4 PRUNED 2"),
        *("5 PRUNED 2", "6 COMPLETE 4", "7 COMPLETE 4", "8 COMPLETE 4", "9 COMPLETE 4"),
        *("10 COMPLETE 4", "11 COMPLETE 4"),
    ],
    3: ["0 COMPLETE 2", "1 PRUNED 1", "2 PRUNED 1", "3 COMPLETE 2", "4 COMPLETE 2"],
}
"""By version: number, state and epochs of each trial."""


def test_there_is_one_of_every_version():
    assert sorted(FOLDER.iterdir()) == [
        FOLDER / f"version_{number}.jsonl" for number in range(1, VERSION + 1)
    ]
    assert sorted(EXPECTED) == list(range(1, VERSION + 1))


@pytest.mark.parametrize("version", EXPECTED)
def test_it_says_what_it_said(version, tmp_path):
    (tmp_path / "ledger.jsonl").write_bytes((FOLDER / f"version_{version}.jsonl").read_bytes())
    history = Run(tmp_path).history()
    said = [f"{t.number} {t.state} {t.epochs}" for t in history.trials.values()]
    assert said == EXPECTED[version]
    assert history.opened["version"] == version
    assert history.stopped["reason"] == "done"
    assert history.trials[0].recipe == "linear_probe"


def test_repeats_of_finalists_are_known_since_version_2():
    old, new = (History.of(read_ledger(FOLDER / f"version_{n}.jsonl")) for n in (1, 2))
    assert len(old.searched) == len(old.trials)
    assert [t.finalist_of for t in new.trials.values()][6:] == [3, 1, 0, 3, 1, 0]
    assert new.incumbent(Objective()).number == 3


def test_rows_of_features_are_counted_since_version_3():
    """Before, files were: nobody knows of how many rows."""
    found = [History.of(read_ledger(FOLDER / f"version_{number}.jsonl")) for number in EXPECTED]
    assert [(history.hits, history.misses) for history in found] == [
        (None, None),
        (None, None),
        (11, 149),
    ]


@pytest.mark.parametrize("version", EXPECTED)
def test_opening_it_for_appending_changes_no_byte(version, tmp_path):
    content = (FOLDER / f"version_{version}.jsonl").read_bytes()
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(content)
    Ledger(path).close()
    assert path.read_bytes() == content
