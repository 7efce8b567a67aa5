"""A study writes itself out whole, and reads back as the same study."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from spaces.hyperparameters import FIELDS
from spaces.studies.reading import RESERVED
from spaces.studies.study import METRICS, Study
from spaces.studies.study_file import load_study, parse_study, study_names
from spaces.studies.yaml_file import YamlFile


def read_back(study: Study) -> Study:
    again, problems = parse_study(YamlFile(study.to_yaml()).value)
    assert again is not None, problems
    return again


def assert_same(study: Study, again: Study) -> None:
    assert again.to_yaml() == study.to_yaml()
    assert again.hash == study.hash
    assert again.search_space == study.search_space
    assert again.recipe_points == study.recipe_points
    for section in ("name", "dataset", "objective", "budget", "resources", "seed"):
        assert getattr(again, section) == getattr(study, section)
    assert read_back(again) == again


SPECS: dict[str, st.SearchStrategy[Any]] = {
    "learning_rate": st.fixed_dictionaries(
        {"low": st.floats(1e-8, 1e-3), "high": st.floats(1e-3, 10), "log": st.booleans()}
    ),
    "unfrozen_depth": st.fixed_dictionaries({"low": st.integers(0, 3), "high": st.integers(3, 49)}),
    "batch_norm": st.just({"choices": ["frozen", "trained"]}),
    "dense_units": st.lists(
        st.lists(st.integers(1, 512), max_size=3), min_size=1, max_size=4, unique_by=tuple
    ).map(lambda choices: {"choices": choices}),
    "dropout": st.lists(st.floats(0, 0.9), min_size=1, max_size=3, unique=True).map(
        lambda choices: {"choices": choices}
    ),
    "decay": st.just({"choices": ["none", "step", "cosine"]}),
    "decay_factor": st.just([{"low": 0.1, "high": 0.2, "when": {"decay": ["step"]}}]),
}
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,11}", fullmatch=True)
WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)


@st.composite
def written_studies(draw: st.DrawFn) -> dict[str, Any]:
    space = draw(st.fixed_dictionaries({}, optional=SPECS))
    base: dict[str, Any] = {"weights": draw(WORDS)} | (
        {} if "learning_rate" in space else {"learning_rate": draw(st.floats(1e-9, 1))}
    )
    searched = {"learning_rate"} & set(space)
    rates = {name: st.floats(space[name]["low"], space[name]["high"]) for name in searched}
    epochs = draw(st.integers(1, 50))
    recipe_names = draw(
        st.lists(WORDS.filter(lambda n: n not in RESERVED), max_size=2, unique=True)
    )
    return {
        "name": draw(NAMES),
        "dataset": {
            "format": "folders",
            "path": draw(WORDS),
            "class_names": draw(st.dictionaries(WORDS, st.uuids().map(str), max_size=2)),
            "subset": draw(st.none() | st.integers(1, 99) | st.floats(0.01, 1)),
        },
        "objective": draw(
            st.sampled_from([{"metric": metric, "mode": mode} for metric, mode in METRICS.items()])
        ),
        "base": base,
        "space": space,
        "recipes": {name: draw(st.fixed_dictionaries({}, optional=rates)) for name in recipe_names},
        "budget": {"trials": draw(st.integers(1, 999)), "max_epochs": epochs},
        "resources": {"cpu": draw(st.floats(0.1, 64)), "gpu": draw(st.floats(0, 8))},
        "seed": draw(st.integers(0, 2**40)),
    }


@given(written_studies())
@settings(max_examples=40)
def test_a_study_that_is_written_out_reads_back_as_itself(raw):
    study, problems = parse_study(raw)
    if study is None:  # recipes may lie outside what was drawn
        assert problems
        return
    assert_same(study, read_back(study))


def test_a_recipe_reads_back_as_itself(make_study):
    study = make_study()
    assert len(study.recipe_points) == 2
    assert_same(study, read_back(study))


def test_a_recipe_keeps_what_the_base_gives_of_a_searched_parameter(make_study):
    study = make_study(
        base={"backbone": "VGG16", "batch_size": 16},
        space={"backbone": {"choices": ["VGG16", "ResNet50"]}, "batch_size": {"choices": [16, 64]}},
        recipes={"plain": {}},
    )
    assert study.recipe_points["plain"].batch_size == 16
    assert_same(study, read_back(study))


@pytest.mark.parametrize("name", study_names())
def test_own_studies_read_back_as_themselves(name, write_study):
    from spaces.studies.study_file import find_study

    study = load_study(find_study(name))
    saved = write_study(study.to_yaml(), "study")
    assert_same(study, load_study(saved))


@pytest.mark.parametrize(
    "word",
    [
        "1e5",
        "1E-3",
        "+1e2",
        ".5e3",
        "2e10",
        "on",
        "null",
        "0x1F",
        "1_000",
        "12:30",
        "~",
        "=",
        "007",
    ],
)
def test_words_that_look_like_numbers_stay_words(make_study, word):
    dataset = {"format": "folders", "path": word, "class_names": {word: "one", "b": word}}
    study = make_study(dataset=dataset, recipes={word: {}})
    again = read_back(study)
    assert again.dataset.path == word
    assert again.dataset.class_names == {word: "one", "b": word}
    assert list(again.recipe_points) == [word]
    assert_same(study, again)


@pytest.mark.parametrize("name", ["1e5", "2024", "1.5"])
def test_a_file_whose_name_looks_like_a_number_gives_a_study_of_that_name(write_study, name):
    path = write_study("dataset: {format: digits}\nspace: {}\n", name)
    study = load_study(path)
    assert study.name == name
    assert read_back(study).name == name


def test_the_saved_copy_hides_nothing(make_study):
    study = make_study()
    saved = yaml.safe_load(study.to_yaml())
    assert set(saved) == set(Study.model_fields)
    assert set(saved["base"]) | set(saved["space"]) == set(FIELDS)
    for section, model in (
        ("dataset", type(study.dataset)),
        ("objective", type(study.objective)),
        ("budget", type(study.budget)),
        ("resources", type(study.resources)),
    ):
        assert set(saved[section]) == set(model.model_fields)


def test_another_study_has_another_hash(make_study):
    hashes = {
        make_study().hash,
        make_study(seed=1).hash,
        make_study(base={"dropout": 0.1}).hash,
        make_study(budget={"trials": 9, "max_epochs": 9}).hash,
        make_study(recipes={}).hash,
    }
    assert len(hashes) == 5


def test_a_default_that_is_written_out_is_the_same_study(make_study):
    assert make_study().hash == make_study(base={"dropout": 0.0, "batch_size": 32}).hash


@pytest.mark.parametrize("metric", METRICS)
def test_a_metric_has_one_mode(make_study, metric):
    right = METRICS[metric]
    assert make_study(objective={"metric": metric, "mode": right}).objective.mode == right
    wrong = {"max": "min", "min": "max"}[right]
    _, problems = parse_study(
        make_study().to_dict() | {"objective": {"metric": metric, "mode": wrong}}
    )
    assert [p.text for p in problems] == [f"mode of {metric} is {right}, not {wrong}"]


def test_epochs_of_a_trial_are_the_budgets(make_study):
    study = make_study(budget={"max_epochs": 17})
    assert study.search_space.base["epochs"] == 17
    assert {point.epochs for point in study.recipe_points.values()} == {17}


def test_a_study_that_was_read_cannot_be_changed(make_study):
    with pytest.raises(ValidationError, match="frozen"):
        make_study().seed = 3


def test_recipes_keep_the_order_of_the_file(make_study):
    names = ["z", "a", "m"]
    study = make_study(recipes={name: {} for name in names})
    assert list(study.recipe_points) == names
    assert list(read_back(study).recipe_points) == names
