"""Errors and the exit codes that they end a process with."""

from __future__ import annotations

import signal

import pytest

from spaces import errors


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.InputError, 2),
        (errors.DataError, 2),
        (errors.WeightsError, 2),
        (errors.EveryTrialFailedError, 3),
        (errors.RunStateError, 4),
    ],
)
def test_exit_codes_are_those_of_the_design(kind, code):
    error = kind("a sentence")
    assert error.exit_code == code
    assert isinstance(error, errors.ThawtuneError)


def test_an_interrupted_search_ends_as_its_signal_asks():
    assert errors.InterruptedSearchError("ended", signal.SIGTERM).exit_code == 143
    assert errors.InterruptedSearchError("ended", signal.SIGINT).exit_code == 130


def test_a_study_error_has_a_line_for_each_problem():
    error = errors.StudyError("title", ["one", "two"])
    assert error.problems == ("one", "two")
    assert str(error).splitlines() == ["title", "  one", "  two"]
    assert error.exit_code == 2


def test_a_failed_trial_is_no_error_of_the_programme():
    error = errors.TrialFailedError("non_finite", "the loss was nan")
    assert error.reason == "non_finite"
    assert not isinstance(error, errors.ThawtuneError)


def test_a_trial_fails_for_a_known_reason():
    with pytest.raises(ValueError, match="must be one of"):
        errors.TrialFailedError("mood", "")
