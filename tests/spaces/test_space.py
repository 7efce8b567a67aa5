"""A search space and its points: what is sampled can be given, and what is given is inside."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spaces.hyperparameters import CONDITIONS, FIELDS, Hyperparameters
from spaces.parameters import Categorical, Float, Int, Parameter
from spaces.space import SearchSpace

BASE = {n: CONDITIONS[n].default if n in CONDITIONS else f.default for n, f in FIELDS.items()}
THAWABLE = ("EfficientNetLite0", "VGG16")

POOL: dict[str, tuple[Parameter, ...]] = {
    "backbone": (Categorical("backbone", (*THAWABLE, "none")),),
    "truncation_layer": (Categorical("truncation_layer", (None, "a", "b")),),
    "unfrozen_depth": (
        Int("unfrozen_depth", 0, 12, 3, when={"backbone": ("EfficientNetLite0",)}),
        Int("unfrozen_depth", 1, 4, when={"backbone": ("VGG16",)}),
    ),
    "batch_norm": (Categorical("batch_norm", ("frozen", "trained")),),
    "convolutions": (Categorical("convolutions", ((), (8,), (8, 16))),),
    "convolution_pooling": (Categorical("convolution_pooling", (False, True)),),
    "dense_units": (Categorical("dense_units", ((), (64,))),),
    "dropout": (
        Float("dropout", 0, 0.5, when={"dense_units": ((64,),)}),
        Float("dropout", 0.1, 0.2, when={"dense_units": ((),), "convolutions": ((8,),)}),
    ),
    "optimizer": (Categorical("optimizer", ("adam", "sgd")),),
    "momentum": (Float("momentum", 0.5, 0.99),),
    "learning_rate": (Float("learning_rate", 1e-5, 1.0, log=True),),
    "decay": (Categorical("decay", ("none", "time", "step", "exponential", "cosine", "plateau")),),
    "decay_rate": (Float("decay_rate", 0, 1),),
    "decay_factor": (
        Float("decay_factor", 0.1, 0.2, when={"decay": ("step",)}),
        Float("decay_factor", 0.8, 0.9, when={"decay": ("exponential", "plateau")}),
    ),
    "decay_epochs": (Int("decay_epochs", 1, 8, log=True),),
    "batch_size": (Categorical("batch_size", (16, 32)),),
    "head_epochs": (Int("head_epochs", 0, 3),),
    "thaw_learning_rate": (Float("thaw_learning_rate", 1e-5, 1e-3, log=True),),
}


def value_of(draw: st.DataObject, parameter: Parameter) -> Any:
    if isinstance(parameter, Categorical):
        return draw.draw(st.sampled_from(parameter.choices), label=parameter.key)
    if isinstance(parameter, Float):
        return draw.draw(st.floats(parameter.low, parameter.high), label=parameter.key)
    steps = (parameter.high - parameter.low) // parameter.step
    return parameter.low + parameter.step * draw.draw(st.integers(0, steps), label=parameter.key)


@given(names=st.sets(st.sampled_from(sorted(POOL))), data=st.data())
@settings(max_examples=300)
def test_a_sampled_point_says_what_was_chosen(names, data):
    parameters = tuple(p for name in FIELDS if name in names for p in POOL[name])
    space = SearchSpace(parameters, BASE)
    asked: dict[str, Any] = {}

    def suggest(parameter: Parameter) -> Any:
        assert parameter.key not in asked
        asked[parameter.key] = value_of(data, parameter)
        return asked[parameter.key]

    point = space.sample(suggest)
    assert space.choices_of(point) == asked
    assert space.sample(lambda parameter: asked[parameter.key]) == point


@given(names=st.sets(st.sampled_from(sorted(POOL))), data=st.data())
@settings(max_examples=100)
def test_what_is_not_searched_is_the_bases(names, data):
    parameters = tuple(p for name in FIELDS if name in names for p in POOL[name])
    point = SearchSpace(parameters, BASE).sample(lambda p: value_of(data, p))
    for name in set(FIELDS) - names:
        condition = CONDITIONS.get(name)
        exists = condition is None or getattr(point, name) is not None
        assert getattr(point, name) == (BASE[name] if exists else None)


class TestPoint:
    SPACE = SearchSpace((Float("learning_rate", 1e-4, 1e-2),), BASE | {"dropout": 0.3})

    def test_the_base_fills_what_is_not_given(self):
        point = self.SPACE.point({"learning_rate": 5e-3})
        assert point == Hyperparameters(learning_rate=5e-3, dropout=0.3)

    def test_without_a_value_the_base_speaks_for_a_searched_one(self):
        assert self.SPACE.point({}).learning_rate == BASE["learning_rate"]

    def test_a_child_without_its_parent_is_refused(self):
        with pytest.raises(ValueError, match="momentum is 0.5, but exists only if optimizer is"):
            self.SPACE.point({"momentum": 0.5})

    def test_all_is_refused_at_once(self):
        with pytest.raises(ValueError, match="momentum") as error:
            self.SPACE.point({"momentum": 0.5, "dropout": 3.0})
        assert len(str(error.value).splitlines()) == 2

    def test_a_childs_base_is_silent_where_its_parent_is_not(self):
        space = SearchSpace((), BASE | {"momentum": 0.5})
        assert space.point({}).momentum is None
        assert space.point({"optimizer": "sgd"}).momentum == 0.5


class TestChoices:
    SPACE = SearchSpace(
        (
            Float("learning_rate", 1e-4, 1e-2),
            Categorical("decay", ("none", "time")),
            Float("decay_rate", 0.1, 1.0),
        ),
        BASE,
    )

    def test_only_what_exists_is_chosen(self):
        assert set(self.SPACE.choices_of(self.SPACE.point({}))) == {"learning_rate", "decay"}
        timed = self.SPACE.point({"decay": "time", "decay_rate": 0.5})
        assert self.SPACE.choices_of(timed) == {
            "learning_rate": BASE["learning_rate"],
            "decay": "time",
            "decay_rate": 0.5,
        }

    def test_outside_a_range_is_refused_with_the_range(self):
        with pytest.raises(
            ValueError, match=r"^learning_rate is 0.5, but the space allows 0.0001..0.01$"
        ):
            self.SPACE.choices_of(Hyperparameters(learning_rate=0.5))

    def test_a_choice_that_is_not_there_is_refused(self):
        with pytest.raises(ValueError, match=r"decay is cosine, but the space allows none \| time"):
            self.SPACE.choices_of(Hyperparameters(decay="cosine"))

    def test_another_value_than_the_bases_is_refused(self):
        with pytest.raises(ValueError, match="dropout is 0.5, but the space fixes it at 0.0"):
            self.SPACE.choices_of(Hyperparameters(dropout=0.5))

    def test_every_reason_is_named(self):
        point = Hyperparameters(dropout=0.5, learning_rate=1.0, dense_units=(3,))
        with pytest.raises(ValueError, match="dropout") as error:
            self.SPACE.choices_of(point)
        named = sorted(line.split(" ", 1)[0] for line in str(error.value).splitlines())
        assert named == ["dense_units", "dropout", "learning_rate"]

    def test_a_recipe_may_have_epochs_of_its_own(self):
        assert self.SPACE.choices_of(Hyperparameters(epochs=3))["decay"] == "none"
