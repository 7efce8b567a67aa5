"""What a fine-tuning's log tells of epochs, restarts and weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from search.finetune.epoch_log import Log, Told
from search.finetune.ray_train import check_equal
from spaces.errors import RunStateError


def epoch(number: int, attempt: int = 0, began_after: int = 0, workers: int = 2) -> dict[str, Any]:
    return {
        "event": "epoch",
        "workers": [
            {
                "epoch": number,
                "attempt": attempt + rank / 10,
                "began_after": began_after,
                "train_loss": 1.0 / number + attempt,
                "train_accuracy": 0.5,
                "learning_rate": 0.1,
                "seconds": {},
                "digest": f"of epoch {number}",
            }
            for rank in range(workers)
        ],
    }


LOST = {"event": "lost", "workers": {"1": "ActorDiedError: it is dead"}}

DEAD = "ActorDiedError: it is dead"
RESTARTED = "the workers were restarted"


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([epoch(1), epoch(2)], []),
        ([epoch(1), epoch(2), LOST, epoch(3, 1, 2, 1)], [(2, 1, DEAD)]),
        ([LOST, epoch(1, 1)], [(0, 2, DEAD)]),
        ([epoch(1), LOST, LOST, epoch(2, 1, 1)], [(1, None, DEAD), (1, 2, DEAD)]),
        ([epoch(1), LOST], [(1, None, DEAD)]),
        ([epoch(1, workers=1), epoch(2, 1, 1)], [(1, 2, RESTARTED)]),
        ([epoch(1), epoch(2), LOST, epoch(2, 1, 1)], [(1, 2, DEAD)]),
    ],
    ids=["none", "fewer", "before the first", "twice", "for good", "more", "not the newest"],
)
def test_restarts(events: list[dict[str, Any]], expected: list[tuple[Any, ...]]) -> None:
    found = [(r["epoch"], r["workers"], r["reason"]) for r in Told(tuple(events)).restarts]
    assert found == expected


def test_of_an_epoch_trained_twice_the_later_one_counts() -> None:
    told = Told((epoch(1), epoch(2), LOST, epoch(2, 1, 1, 3)))
    assert [e["train_loss"] for e in told.history] == [1.0, 1.5]
    assert told.digests == ["of epoch 2"] * 3


def test_what_is_written_is_read_but_for_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    assert Told.read(path).events == ()
    log = Log(path)
    log.after_report(None, epoch(1)["workers"], None)
    log.after_exception(None, {1: ValueError("it is\nbroken"), 0: KeyError()})
    with path.open("a") as file:
        file.write('{"event": "ep')
    told = Told.read(path)
    assert [e["event"] for e in told.events] == ["epoch", "lost"]
    assert told.restarts[0]["reason"] == "ValueError: it is; KeyError"


def test_different_weights_are_refused() -> None:
    check_equal([])
    check_equal(["a", "a"])
    with pytest.raises(RunStateError, match="worker 1: b"):
        check_equal(["a", "b"])
