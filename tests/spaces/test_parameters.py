"""What a searcher may choose: bounds, membership, words and conditions."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spaces.parameters import Categorical, Float, Int


@pytest.mark.parametrize("kind", [Float, Int])
class TestNumbers:
    def test_both_ends_belong_to_the_range(self, kind):
        parameter = kind("p", 2, 5)
        assert parameter.contains(2)
        assert parameter.contains(5)
        assert not parameter.contains(1)
        assert not parameter.contains(6)

    def test_a_single_value_is_a_range(self, kind):
        assert kind("p", 3, 3).contains(3)

    def test_low_above_high_is_refused(self, kind):
        with pytest.raises(ValueError, match=r"low \(5\) is above high \(2\)"):
            kind("p", 5, 2)

    @pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
    def test_an_end_that_is_not_finite_is_refused(self, kind, bad):
        with pytest.raises(ValueError, match="must be finite"):
            kind("p", bad, 2)
        with pytest.raises(ValueError, match="must be finite"):
            kind("p", 0, bad)

    @pytest.mark.parametrize("low", [0, -1])
    def test_a_logarithm_needs_positive_ends(self, kind, low):
        with pytest.raises(ValueError, match="must be above 0"):
            kind("p", low, 2, log=True)

    def test_words_and_text_are_no_numbers(self, kind):
        assert not kind("p", 0, 9).contains("3")
        assert not kind("p", 0, 9).contains(None)


@given(low=st.integers(-50, 50), count=st.integers(0, 20), step=st.integers(1, 9))
@settings(max_examples=100)
def test_a_step_counts_from_low(low, count, step):
    high = low + count * step
    parameter = Int("p", low, high, step)
    contained = [value for value in range(low - 20, high + 20) if parameter.contains(value)]
    assert contained == list(range(low, high + 1, step))


@pytest.mark.parametrize(("step", "text"), [(0, "step is 0"), (-2, "step is -2")])
def test_a_step_is_at_least_one(step, text):
    with pytest.raises(ValueError, match=text):
        Int("p", 0, 9, step)


def test_a_step_and_a_logarithm_exclude_each_other():
    with pytest.raises(ValueError, match=r"log and step \(\d+\) exclude each other"):
        Int("p", 1, 9, 2, log=True)


def test_whole_numbers_only():
    assert not Int("p", 0, 9).contains(3.0)
    assert Float("p", 0, 9).contains(3)


class TestCategories:
    def test_a_choice_counts_with_its_type(self):
        parameter = Categorical("p", (1, True, "1", None, (1,)))
        for choice in parameter.choices:
            assert parameter.contains(choice)
        for other in (1.0, False, "True", (), [1], 2):
            assert not parameter.contains(other)

    def test_no_choices_are_refused(self):
        with pytest.raises(ValueError, match="choices is empty"):
            Categorical("p", ())

    def test_a_choice_that_stands_twice_is_refused(self):
        with pytest.raises(ValueError, match="contains a value twice"):
            Categorical("p", ("a", "b", "a"))


@pytest.mark.parametrize(
    ("parameter", "words"),
    [
        (Float("p", 1e-4, 0.5, log=True), "0.0001..0.5 (log)"),
        (Int("p", 0, 8, 4), "0..8 in steps of 4"),
        (Int("p", 1, 8, log=True), "1..8 (log)"),
        (Categorical("p", ("adam", (64,), None)), "adam | (64,) | None"),
    ],
)
def test_a_parameter_in_words(parameter, words):
    assert parameter.describe() == words


def test_conditions_make_the_key_and_decide_on_existence():
    plain = Float("lr", 0, 1)
    bound = Float("lr", 0, 1, when={"backbone": ("VGG16", "none"), "decay": ("step",)})
    assert plain.key == "lr"
    assert bound.key == "lr[backbone=VGG16|none,decay=step]"
    assert plain.exists({})
    assert bound.exists({"backbone": "none", "decay": "step"})
    assert not bound.exists({"backbone": "none", "decay": "cosine"})
    assert not bound.exists({"decay": "step"})
