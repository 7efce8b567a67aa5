"""The sealed test set: opened once, again only on purpose, and by whom it may be opened."""

from __future__ import annotations

import numpy as np
import pytest

from search.records import events
from search.records.ledger import Ledger
from search.records.run import Run, write_json
from search.testset.evaluate import evaluate
from spaces.errors import InputError, RunStateError
from tests.search.final_runs import SCRATCH, final_run, write_finetune
from trainables.networks.network import kept_weights
from trainables.training.checkpoints import Checkpoints
from trainables.training.measurement import Measurement
from trainables.training.training import build_pretrained

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
"""Keras 3.15 saves through what NumPy 2.4 deprecates."""


@pytest.fixture
def make_run(tmp_path, make_study):
    """A run with a final model and a checkpoint of each of its trials."""

    def make(name, trials=1, seconds=1.5, fingerprint="these images", **sections) -> Run:
        given = {"space": {"dropout": {"low": 0.0, "high": 0.5}}, "recipes": {}}
        run = final_run(tmp_path / name, make_study(**given | sections))
        write_json(run.data, run.read_json(run.data) | {"fingerprint": fingerprint})
        with Ledger(run.ledger) as ledger:
            for number in range(1, trials):
                measured = Measurement(
                    1, 0.5, 0.8, 0.6, 0.5 + 0.1 * number, 1e-3, {"train": seconds}
                )
                ledger.append(events.trial_proposed(number, None, SCRATCH, 5))
                ledger.append(events.trial_measured(number, measured))
                ledger.append(events.trial_ended(number, events.COMPLETE, "max_epochs"))
        for number in range(trials):
            save_weights(run, number)
        return run

    return make


def save_weights(run: Run, number: int) -> None:
    network = build_pretrained(SCRATCH, 10, seed=number)
    best = {f"best/{i}": v.numpy() for i, v in enumerate(kept_weights(network))}
    Checkpoints(run.trial_checkpoints(number)).save(
        1, {"epoch": np.array(1), "seed": np.array(number)} | best
    )


def test_it_is_opened_once(make_run):
    run = make_run("run")
    first, opened = evaluate(run)
    assert opened
    assert [m["role"] for m in first["models"]] == ["final", "winner", "recipe"]
    assert evaluate(run) == (first, False)


def test_another_model_is_refused_unless_again_and_that_is_told(make_run):
    run = make_run("run")
    first, _ = evaluate(run)
    model = run.model / "model.keras"
    other = make_run("other").model / "model.keras"
    model.write_bytes(other.read_bytes())
    with pytest.raises(RunStateError, match="is not the file that fine-tuning wrote"):
        evaluate(run)
    write_finetune(run)
    with pytest.raises(RunStateError, match="would choose on the test set"):
        evaluate(run)
    again, opened = evaluate(run, again=True)
    assert opened
    assert again["opened"] == first["opened"]
    assert [opening["sha256"] for opening in again["again"]] == [again["models"][0]["sha256"]]
    assert again["first"] == first["models"]
    assert len(evaluate(run, again=True)[0]["again"]) == 2


def test_a_random_search_is_tested_at_equal_cost(make_run):
    run = make_run("run", trials=3)
    cost = 1.5 * 3
    other = make_run("random", trials=6, searcher="random", seconds=1.4)
    record, _ = evaluate(run, against=other)
    found = record["models"][-1]
    assert (found["name"], found["role"]) == ("random search", "random")
    assert 1.5 + 2 * 1.4 <= cost < 1.5 + 3 * 1.4
    assert found["trial"] == 2, "the best of what had ended by then"


def test_it_is_no_rival_if_it_is_not_the_same_or_cost_less(make_run):
    run = make_run("run", trials=3)
    cases = [
        (make_run("tpe", trials=6), "was searched by tpe, not by random"),
        (make_run("short", trials=2, searcher="random"), "Go on with it by --trials"),
        (make_run("images", 6, searcher="random", fingerprint="others"), "dataset differ"),
        (
            make_run("space", 6, searcher="random", space={"dropout": {"low": 0.1, "high": 0.2}}),
            "space differ",
        ),
    ]
    for other, said in cases:
        with pytest.raises(InputError, match=said):
            evaluate(run, against=other)
    assert not run.test.exists(), "the test set was not opened for any of them"


def test_after_the_test_a_rival_needs_again(make_run):
    run = make_run("run", trials=2)
    evaluate(run)
    other = make_run("random", trials=4, searcher="random")
    with pytest.raises(RunStateError, match="--again"):
        evaluate(run, against=other)
