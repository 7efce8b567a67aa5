"""Tests for the time that a search was at work."""

from __future__ import annotations

from reports.data.working_time import WorkingTime

LEDGER = [
    {"event": "study_opened", "time": 90.0},
    {"event": "driver_started", "time": 100.0},
    {"event": "trial_measured", "time": 130.0},
    {"event": "driver_started", "time": 1000.0},
    {"event": "trial_measured", "time": 1005.0},
    {"event": "driver_stopped", "time": 1010.0},
]


def test_pauses_are_left_out() -> None:
    time = WorkingTime.of(LEDGER)
    assert time.spans == ((100.0, 130.0), (1000.0, 1010.0))
    assert time.total == 40
    assert [time.at(t) for t in (50, 100, 115, 500, 1005, 9999)] == [0, 0, 15, 30, 35, 40]
    assert time.started == 100


def test_a_run_without_a_driver_has_none() -> None:
    assert WorkingTime.of(LEDGER[:1]).total == 0
    assert WorkingTime().started is None


def test_drivers_that_overlap_count_once() -> None:
    """The clock of the second driver is behind: it starts before the first one's last event."""
    ledger = [
        {"event": "driver_started", "time": 100.0},
        {"event": "trial_measured", "time": 130.0},
        {"event": "driver_started", "time": 110.0},
        {"event": "trial_measured", "time": 150.0},
        {"event": "driver_started", "time": 120.0},
        {"event": "driver_stopped", "time": 140.0},
    ]
    time = WorkingTime.of(ledger)
    assert time.spans == ((100.0, 150.0),)
    assert time.total == 50, "the union; the sum of the drivers' spans is 90"
    assert [time.at(t) for t in (115, 135, 200)] == [15, 35, 50]
