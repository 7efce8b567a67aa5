"""The dataset section of a study file."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from spaces.studies.dataset import FORMATS, WITH_TEST_SET, DatasetSection
from spaces.studies.study_file import parse_study


def problems(**keys):
    with pytest.raises(ValidationError) as refused:
        DatasetSection(**keys)
    return "; ".join(error["msg"] for error in refused.value.errors())


@pytest.mark.parametrize("format_", FORMATS)
def test_every_format_has_defaults_that_read_back(format_):
    section = DatasetSection(format=format_, name="pets")
    assert section.test == (None if format_ in WITH_TEST_SET else 0.2)
    assert DatasetSection.model_validate(section.model_dump(mode="json")) == section


def test_all_that_can_be_said_reads_back():
    section = DatasetSection(
        format="lists",
        path="~/caltech",
        name="caltech101",
        validation=0.5,
        seed=3,
        subset=0.1,
        skip_bad=True,
        max_pixels=10**7,
        class_names={0: "zero", "anchor": "Anchor"},
        drop_classes=["BACKGROUND_Google", 1990],
    )
    assert section.drop_classes == ("BACKGROUND_Google", "1990")
    assert section.class_names == {"0": "zero", "anchor": "Anchor"}
    assert DatasetSection.model_validate(section.model_dump(mode="json")) == section


@pytest.mark.parametrize("subset", [1, 5000, 0.1, 1.0, None])
def test_subset_is_a_number_or_a_share(subset):
    section = DatasetSection(format="digits", subset=subset)
    assert section.subset == subset
    assert type(section.subset) is type(subset)


@pytest.mark.parametrize("subset", [0, -1, 0.0, 1.5, True, "many", float("nan")])
def test_subset_that_is_neither(subset):
    assert "expected a number of images, such as 5000, or a share" in problems(
        format="digits", subset=subset
    )


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"format": "zip"}, "Input should be 'digits', 'folders'"),
        (
            {"format": "digits", "path": "x"},
            "path is only for formats that have files, but format is digits",
        ),
        ({"format": "folders", "unknown": 1}, "Extra inputs are not permitted"),
        ({"format": "idx", "test": 0.1}, "format idx comes with a test set"),
        (
            {"format": "idx", "drop_classes": ["a"]},
            "drop_classes is only for formats folders, split_f",
        ),
        (
            {"format": "idx", "image_column": "a"},
            "is only for formats parquet, tfds and table, but format is",
        ),
        ({"format": "tfds"}, "name is missing: format tfds needs"),
        ({"format": "folders", "validation": 0.5, "test": 0.5}, "leave nothing to train on"),
        ({"format": "folders", "validation": 0}, "greater than 0"),
        ({"format": "folders", "max_pixels": 0}, "greater than or equal to 1"),
        (
            {"format": "folders", "class_names": {"a": "x", "b": "x"}},
            "class_names gives two classes the same name",
        ),
        ({"format": "folders", "path": ""}, "at least 1 character"),
    ],
)
def test_what_is_wrong_is_said(keys, expected):
    assert expected in problems(**keys)


def test_everything_wrong_with_a_section_is_said_at_once():
    text = problems(format="cifar10", test=0.1, drop_classes=["a"], label_column="b")
    for key in ("test is 0.1", "drop_classes is only for", "label_column is only for"):
        assert key in text


def test_a_study_says_it_with_its_place():
    raw = {"name": "x", "dataset": {"format": "idx", "test": 0.2, "subsets": 3}, "space": {}}
    _, found = parse_study(raw)
    assert (found[0].place, found[0].text) == (
        ("dataset", "subsets"),
        "subsets is not a valid key; did you mean subset?",
    )
    del raw["dataset"]["subsets"]
    _, found = parse_study(raw)
    assert found[0].place == ("dataset",)
    assert found[0].text.startswith("test is 0.2, but format idx comes with a test set")


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ({"foldr": 2}, "foldr is not a valid key; did you mean folder?"),
        ({"folder": "two"}, "folder is 'two'"),
        ({}, "group has nothing; expected one of folder, pattern and column"),
        (2, "group is 2"),
    ],
)
def test_what_is_wrong_with_a_group_is_said(group, expected):
    raw = {"name": "pets", "dataset": {"format": "folders", "group": group}, "space": {}}
    _, found = parse_study(raw)
    assert any(expected in problem.text for problem in found)
