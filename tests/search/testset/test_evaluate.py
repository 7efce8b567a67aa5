"""The sealed test set: opened once, again only on purpose, and by whom it may be opened."""

from __future__ import annotations

import dataclasses
import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

from search.records import events
from search.records.ledger import Ledger
from search.records.run import Run, write_json, write_whole
from search.testset.evaluate import evaluate
from search.testset.scores import scores_of
from spaces.errors import ChangedDataError, InputError, RunStateError
from tests.search.final_runs import SCRATCH, final_run, save_weights, write_finetune
from trainables.datasets.rows import loading
from trainables.datasets.sets.recorded import RecordedSets
from trainables.training.measurement import Measurement

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
"""Keras 3.15 saves through what NumPy 2.4 deprecates."""

SCORES = ("accuracy", "balanced_accuracy", "macro_f1", "auc", "loss")


@pytest.fixture
def make_run(tmp_path, make_study):
    """A run with a final model and a checkpoint of each of its trials."""

    def make(name, trials=1, seconds=1.5, seed=0, **sections) -> Run:
        given = {"space": {"dropout": {"low": 0.0, "high": 0.5}}, "recipes": {}}
        run = final_run(tmp_path / name, make_study(**given | sections), seed=seed)
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


def test_it_is_opened_once(make_run):
    run = make_run("run")
    first, opened = evaluate(run)
    assert opened
    assert [m["role"] for m in first["models"]] == ["final", "winner", "recipe"]
    assert evaluate(run) == (first, False)


def test_the_opening_is_on_disk_before_a_test_image_is_read(make_run, monkeypatch):
    run = make_run("run")
    real = loading.open_sealed_test

    def watched(*arguments):
        opening = json.loads(run.opening.read_text())["openings"][-1]
        assert [name for name, _, _ in opening["models"]] == ["final", "winner", "probe"]
        raise KeyboardInterrupt

    monkeypatch.setattr(loading, "open_sealed_test", watched)
    with pytest.raises(KeyboardInterrupt):
        evaluate(run)
    assert not run.test.exists()
    monkeypatch.setattr(loading, "open_sealed_test", real)
    then = json.loads(run.opening.read_text())["openings"][0]["opened"]
    record, opened = evaluate(run)
    assert (opened, record["opened"]) == (True, then), "the same models finish what was begun"


def test_an_opening_for_other_models_that_was_not_finished_counts(make_run, monkeypatch):
    run = make_run("run")
    write_json(run.opening, {"openings": [{"opened": 1.0, "sha256": "0" * 64, "models": []}]})
    with pytest.raises(RunStateError, match="for other models, and that evaluation was not fin"):
        evaluate(run)
    evaluate(run, again=True)
    assert len(json.loads(run.opening.read_text())["openings"]) == 2


def test_a_model_without_weights_is_found_out_before_the_opening(make_run):
    run = make_run("run")
    shutil.rmtree(run.trial_checkpoints(0))
    with pytest.raises(RunStateError, match="has no checkpoint to test as winner"):
        evaluate(run)
    assert not run.opening.exists()
    assert not (run.folder / "gradcam").exists()


def test_a_recipe_that_the_end_interrupted_is_tested_if_it_has_weights(make_run):
    """A search that ends by its time leaves trials behind, with and without a checkpoint."""
    run = make_run("run")
    with Ledger(run.ledger) as ledger:
        for number, name in ((1, "kept"), (2, "lost")):
            ledger.append(events.trial_proposed(number, name, SCRATCH, 5))
            measured = Measurement(1, 0.5, 0.8, 0.6, 0.1, 1e-3, {"train": 1.0})
            ledger.append(events.trial_measured(number, measured))
    save_weights(run, 1)
    record, _ = evaluate(run)
    assert [m["name"] for m in record["models"]] == ["final", "winner", "probe", "kept"]


def test_changed_test_images_leave_no_opening(make_run):
    run = make_run("run")
    sets = RecordedSets.from_parquet(run.sets.read_bytes())
    chosen = sets.positions("test")[0]
    contents = list(sets.contents)
    contents[chosen] = "0" * 32
    others = dataclasses.replace(sets, contents=tuple(contents), fingerprint="another")
    write_whole(run.sets, others.to_parquet())
    with pytest.raises(ChangedDataError, match=sets.keys[chosen]):
        evaluate(run)
    assert not run.opening.exists()


def test_the_winner_is_the_one_that_was_fine_tuned(make_run):
    """Trials that came after the fine-tuning may have beaten it: they are not what was shipped."""
    run = make_run("run", trials=3, finalists={"count": 0})
    heard = []
    record, _ = evaluate(run, say=heard.append)
    assert [m["trial"] for m in record["models"]] == [0, 0, 0]
    assert "would now choose trial 0" not in "".join(heard)


def test_another_winner_of_the_search_is_told(make_run):
    run = make_run("run", trials=6, finalists={"count": 0})
    heard = []
    record, _ = evaluate(run, say=heard.append)
    assert [m["trial"] for m in record["models"][:2]] == [0, 0]
    assert "it would now choose trial 5" in heard[0]


def test_repeats_stand_for_winner_and_recipes(make_run):
    """All were trained equally long and with the same seed; a pruned trial was not."""
    run = make_run("run")
    with Ledger(run.ledger) as ledger:
        for event in (
            events.trial_proposed(1, "probe", SCRATCH, 7, 0),
            events.trial_measured(1, Measurement(1, 0.5, 0.8, 0.6, 0.9, 1e-3, {"train": 1.0})),
            events.trial_ended(1, events.COMPLETE, "max_epochs"),
        ):
            ledger.append(event)
    save_weights(run, 1)
    record, _ = evaluate(run)
    assert [(m["role"], m["trial"], m["weights_of"]) for m in record["models"]] == [
        ("final", 0, 0),
        ("winner", 0, 1),
        ("recipe", 0, 1),
    ]


def test_all_repeats_of_winner_and_best_recipe_are_tested(make_run):
    run = make_run("run")
    with Ledger(run.ledger) as ledger:
        for number in (1, 2, 3):
            measured = Measurement(1, 0.5, 0.8, 0.6, 0.9, 1e-3, {"train": 1.0})
            ledger.append(events.trial_proposed(number, "probe", SCRATCH, 7 + number, 0))
            ledger.append(events.trial_measured(number, measured))
            ledger.append(events.trial_ended(number, events.COMPLETE, "max_epochs"))
    for number in (1, 2, 3):
        save_weights(run, number)
    record, _ = evaluate(run)
    assert "repeats" not in record["models"][0]
    predictions = pq.read_table(run.predictions).to_pandas()
    for model in record["models"][1:]:
        assert [one["weights_of"] for one in model["repeats"]] == [1, 2, 3]
        assert len({one["sha256"] for one in model["repeats"]}) == 3
        for one in model["repeats"]:
            rows = predictions[predictions.model == one["predictions"]]
            assert len(rows) == record["images"]
            shares = np.stack(rows.probabilities.to_list())
            recorded = {name: one[name] for name in SCORES if name in one}
            assert set(recorded) >= {"accuracy", "balanced_accuracy", "macro_f1", "loss"}
            assert recorded == pytest.approx(scores_of(shares, rows.label.to_numpy()))
    opened = json.loads(run.opening.read_text())["openings"][0]["models"]
    assert [number for name, _, number in opened if name == "winner"] == [1, 2, 3]


def test_another_model_is_refused_unless_again_and_that_is_told(make_run):
    run = make_run("run")
    first, _ = evaluate(run)
    model = run.model / "model.keras"
    other = make_run("other", seed=1).model / "model.keras"
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
        (make_run("tpe", trials=6), "was searched with searcher: tpe, not with random"),
        (make_run("short", trials=2, searcher="random"), "thawtune resume .* --trials 4"),
        (
            make_run("seed", 6, searcher="random", dataset={"format": "digits", "seed": 1}),
            "the images of the three sets, dataset differ",
        ),
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


def test_the_cost_of_a_search_is_all_that_its_winner_took(make_run):
    """Repeats of finalists and features computed in advance are paid for by the winner too."""
    run = make_run("run", trials=3)
    with Ledger(run.ledger) as ledger:
        measured = Measurement(1, 0.5, 0.8, 0.6, 0.6, 1e-3, {"train": 1.0})
        stored = {"seconds": 2.0, "cores": 2.0, "bytes": 1, "hits": 0, "misses": 1, "images": 9}
        ledger.append(events.features_stored(**stored))
        ledger.append(events.trial_proposed(3, None, SCRATCH, 7, 2))
        ledger.append(events.trial_measured(3, measured))
        ledger.append(events.trial_ended(3, events.COMPLETE, "max_epochs"))
    enough = 3 * 1.5 + 1.0 + 2 * 2.0
    with pytest.raises(InputError, match=f"the search {enough:.0f} s"):
        evaluate(run, against=make_run("short", trials=6, searcher="random", seconds=1.5))
    record, _ = evaluate(run, against=make_run("long", trials=8, searcher="random", seconds=1.5))
    assert record["models"][-1]["trial"] == 5


def test_without_checkpoints_of_repeats_the_trials_of_the_search_are_tested(make_run):
    """Older versions removed those of repeats."""
    run = make_run("run")
    with Ledger(run.ledger) as ledger:
        measured = Measurement(1, 0.5, 0.8, 0.6, 0.9, 1e-3, {"train": 1.0})
        ledger.append(events.trial_proposed(1, "probe", SCRATCH, 7, 0))
        ledger.append(events.trial_measured(1, measured))
        ledger.append(events.trial_ended(1, events.COMPLETE, "max_epochs"))
    record, _ = evaluate(run)
    assert [m["weights_of"] for m in record["models"]] == [0, 0, 0]


def test_repeats_are_compared_by_a_seed_that_all_have(make_run):
    """A lost repeat was made again last: the first of each are of different seeds."""
    run = make_run("run", trials=2, finalists={"count": 1, "seeds": 2})
    write_json(run.finetune, run.read_json(run.finetune) | {"trial": 1})
    measured = Measurement(1, 0.5, 0.8, 0.6, 0.9, 1e-3, {"train": 1.0})
    with Ledger(run.ledger) as ledger:
        for number, (of, seed) in enumerate([(0, 8), (1, 7), (1, 8)], 2):
            ledger.append(events.trial_proposed(number, None if of else "probe", SCRATCH, seed, of))
            ledger.append(events.trial_measured(number, measured))
            ledger.append(events.trial_ended(number, events.COMPLETE, "max_epochs"))
    for number in (2, 3, 4):
        save_weights(run, number)
    record, _ = evaluate(run)
    assert [m["weights_of"] for m in record["models"]] == [1, 4, 2]
