"""Tests for the figures of the first screen."""

from __future__ import annotations

import re

import pytest

from reports.analysis.answer import costs, results, status, winning_settings
from reports.data.run_data import read_run


def values(facts) -> dict[str, str]:
    return {fact.label: fact.value.replace("\u00a0", " ") for fact in facts}


def test_results_of_the_test_set(read) -> None:
    assert values(results(read("complete"))) == {
        "Test accuracy of the final model": "98.9 %",
        "Test accuracy of the winner as searched": "98.3 %",
        "Test accuracy of the recipe two_phase": "95.0 %",
        "Against the recipe two_phase": "+3.3 (better)",
    }
    note = results(read("complete"))[0].note.replace("\u00a0", " ")
    assert "95 % interval 97.2 % to 99.6 % (Wilson, 360 images)" in note
    against = results(read("complete"))[3].note.replace("\u00a0", " ")
    assert re.search(r"95 % interval \+1\.\d to \+5\.\d \(Tango\)", against)


def test_results_before_the_test(read) -> None:
    found = results(read("under_way"))
    assert found[0].label.startswith("Validation accuracy of the best trial so far")
    assert "the test set is sealed" in found[0].note
    for name in ("under_way", "minimising"):
        for fact in results(read(name)):
            assert "interval" not in fact.note, "none for a maximum"
            assert "flattered by the choice" in fact.note


def test_before_the_test_the_means_of_new_seeds_stand_for_both(sealed_full) -> None:
    found = results(sealed_full)
    assert [fact.note.startswith("mean of 3 new seeds") for fact in found] == [True, True]
    means = [sealed_full.finalists.finalists[i].mean for i in (0, 1)]
    assert [fact.value for fact in found] == [f"{100 * mean:.1f}\u00a0%" for mean in means]


@pytest.mark.parametrize("name", ["empty", "nothing_finished", "all_failed"])
def test_without_a_result(read, name) -> None:
    assert [fact.value for fact in results(read(name))] == ["–"]
    assert winning_settings(read(name)) == []


def test_costs(read) -> None:
    data = read("complete")
    found = values(costs(data))
    assert found["Trials"] == "20"
    assert costs(data)[0].note == "9 complete, 9 pruned, 2 failed"
    assert found["Epochs trained"] == str(sum(t.epochs for t in data.history.trials.values()))
    assert costs(read("empty"))[0].note == "none yet"


def test_settings_are_those_that_were_searched_and_exist(read) -> None:
    data = read("one_trial")
    names = [name for name, _ in winning_settings(data)]
    assert "learning_rate" in names
    assert "batch_norm" not in names, "nothing is thawed in a linear probe"
    assert set(names) <= set(data.searched)


@pytest.mark.parametrize(
    ("reason", "said"), [("seconds", "its time was over"), ("done", "all trials were done")]
)
def test_what_ended_a_search_is_said_in_words(reason, said, make_run) -> None:
    maker = make_run()
    maker.one_epoch(None, 0.5)
    assert status(read_run(maker.close(reason=reason))).endswith(f"({said}).")


def test_status(read) -> None:
    assert status(read("complete")).endswith("(budget spent).")
    assert "running, or was cut off" in status(read("under_way"))
