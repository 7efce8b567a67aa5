"""Groups of images stay together: by folder, by pattern, by column."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from spaces.errors import DataError
from spaces.studies.dataset import DatasetSection, Group
from tests.trainables.datasets.pictures import encoded, picture, write
from tests.trainables.datasets.reading import read
from trainables.datasets.manifest.index import Index
from trainables.datasets.preflight.examine import examine, preflight
from trainables.datasets.sets.grouped import together
from trainables.datasets.sets.recorded import RecordedSets
from trainables.datasets.sets.splits import SETS, split


def photos(root, plants=8, each=3):
    for label, name in enumerate(("rose", "tulip")):
        for plant in range(plants):
            for number in range(each):
                content = encoded(picture(label * 1000 + plant * 10 + number))
                write(root / name / f"plant_{plant}" / f"{number}.jpg", content)
    return root


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"folder": 2}, "plant_3"),
        ({"folder": -1}, "plant_3"),
        ({"folder": 1}, "rose"),
        ({"pattern": r"plant_(\d+)"}, "3"),
        ({"pattern": r"[a-z]+/plant_\d+"}, "rose/plant_3"),
    ],
)
def test_rules(tmp_path, rule, expected):
    index = read(photos(tmp_path), group=rule)
    assert index.groups[index.keys.index("rose/plant_3/1.jpg")] == expected


def test_images_without_a_group_are_named(tmp_path):
    write(photos(tmp_path) / "rose" / "0.jpg", encoded(picture(77)))
    with pytest.raises(DataError, match=r"1 of 49 images have no group: rose/0\.jpg without a fo"):
        read(tmp_path, group={"folder": 2})
    with pytest.raises(DataError, match=r"49 of 49 images have no group: .* and 44 more without"):
        read(tmp_path, group={"pattern": "camera"})


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({}, "group has nothing; expected one of folder, pattern"),
        ({"folder": 1, "pattern": "x"}, "group has folder and pattern"),
        ({"folder": 0}, "expected 1 for the first folder"),
        ({"pattern": "("}, "not a regular expression"),
    ],
)
def test_rules_that_are_none(rule, expected):
    with pytest.raises(ValidationError, match=expected):
        Group(**rule)


def test_groups_never_cross_sets_and_the_record_has_them(tmp_path):
    found = preflight(
        DatasetSection(format="folders", path=str(photos(tmp_path)), group={"folder": 2}), "plants"
    )
    recorded = RecordedSets.from_parquet(found.sets.to_parquet())
    by_group = {}
    for key, group, name in zip(recorded.keys, recorded.groups, recorded.sets, strict=True):
        by_group.setdefault(key.split("/")[1], set()).add((int(group), name))
    assert len(by_group) == 8
    assert all(len(places) == 1 for places in by_group.values())
    assert {name for places in by_group.values() for _, name in places} == set(SETS)


@given(data=st.data())
def test_neither_groups_nor_copies_ever_cross_sets(data):
    count = data.draw(st.integers(6, 60))
    whole = st.integers(0, 25)
    groups = data.draw(st.lists(whole, min_size=count, max_size=count))
    contents = data.draw(st.lists(whole, min_size=count, max_size=count))
    labels = np.array(data.draw(st.lists(st.integers(0, 2), min_size=count, max_size=count)))
    index = _index(labels, [f"g{group}" for group in groups])
    try:
        splits = split(index, DatasetSection(format="folders"), contents)
    except DataError:
        return
    where = np.empty(count, "U10")
    for name in SETS:
        where[splits.of(name)] = name
        assert set(labels[splits.of(name)]) == set(labels)
    for rule in (groups, contents):
        for value in set(rule):
            assert len({str(where[i]) for i in range(count) if rule[i] == value}) == 1
    assert sorted(np.concatenate([splits.of(name) for name in SETS])) == list(range(count))


@given(st.integers(0, 20))
def test_sets_of_many_groups_have_their_share_of_every_class(seed):
    generator = np.random.default_rng(seed)
    groups = generator.integers(0, 60, 600)
    labels = np.where(generator.random(600) < 0.7, 0, 1)
    splits = split(_index(labels, [str(g) for g in groups]), DatasetSection(format="folders"))
    for name in ("validation", "test"):
        counts = np.bincount(labels[splits.of(name)])
        assert np.abs(counts / np.bincount(labels) - 0.2).max() < 0.08


def test_what_shares_a_copy_or_a_group_is_together():
    ids = together([b"1", b"1", b"2", b"3", b"", b""], ["a", "b", "b", "c", "d", "e"])
    assert ids.tolist() == [0, 0, 0, 1, 2, 3]
    assert together([b"1", b"2", b"1"], None).tolist() == [0, 1, 0]


def test_too_few_groups_are_a_sentence():
    index = _index(np.array([0, 1] * 10), ["p", "q"] * 10)
    with pytest.raises(DataError, match="2 of 2 classes have fewer than 3 groups of images"):
        split(index, DatasetSection(format="folders"))


def test_published_sets_that_divide_a_group_are_refused_unless_the_study_allows_it(tmp_path):
    for part, numbers in (("train", range(8)), ("test", range(7, 10))):
        for label in range(2):
            for plant in numbers:
                seed = label * 100 + plant + (50 if part == "test" else 0)
                name = f"plant_{plant}.jpg"
                write(tmp_path / part / f"class_{label}" / name, encoded(picture(seed)))
    keys = {"format": "split_folders", "path": str(tmp_path), "group": {"pattern": r"plant_\d+"}}
    with pytest.raises(DataError, match="1 group is in more than one published set: plant_7"):
        preflight(DatasetSection(**keys), "plants")
    allowed = examine(DatasetSection(**keys, allow_leaks=True), "plants")
    assert not allowed.errors
    assert any("plant_7; the study allows it" in warning for warning in allowed.warnings)


def _index(labels, groups):
    keys = tuple(f"image {number}" for number in range(len(labels)))
    names = tuple(f"class {label}" for label in range(labels.max() + 1))
    read_one = lambda _: np.zeros((1, 1, 3), np.uint8)  # noqa: E731
    return Index(names, keys, labels.astype(np.int32), read_one, "x", groups=tuple(groups))
