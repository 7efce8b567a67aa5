"""Three sets: stratified, disjoint by content, as published, and a subset of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaces.errors import DataError
from spaces.studies.dataset import DatasetSection
from trainables.datasets.formats.readers import read_index
from trainables.datasets.manifest.index import Index
from trainables.datasets.manifest.stratified import TooFewError, take_stratified
from trainables.datasets.manifest.subset import used_positions
from trainables.datasets.sets.splits import SETS, split


def index(labels, subsets=None):
    labels = np.asarray(labels, np.int32)
    names = tuple(f"class {label}" for label in range(labels.max() + 1))
    keys = tuple(f"image {number}" for number in range(len(labels)))
    return Index(names, keys, labels, lambda _: np.zeros((1, 1, 3), np.uint8), "x", subsets)


def section(**keys):
    return DatasetSection(**({"format": "folders"} | keys))


def split_part(whole, study):
    """The part that a study uses, and its sets."""
    part = whole.take(used_positions(whole, study))
    return part, split(part, study)


def sizes(splits):
    return [len(splits.of(name)) for name in SETS]


def test_digits_are_split_60_20_20():
    digits = read_index(DatasetSection(format="digits"))
    splits = split(digits, DatasetSection(format="digits"))
    assert sizes(splits) == [1077, 360, 360]
    for name in SETS:
        share = digits.counts(splits.of(name)) / digits.counts(np.arange(1797))
        assert np.abs(share - len(splits.of(name)) / 1797).max() < 0.01


def test_shares_are_of_all_where_nothing_is_published():
    splits = split(index([0, 1] * 50), section(validation=0.1, test=0.3))
    assert sizes(splits) == [60, 10, 30]


def test_a_published_test_set_stays_and_validation_comes_out_of_training():
    subsets = ("train",) * 80 + ("test",) * 20
    splits = split(index([0, 1] * 50, subsets), section(validation=0.5))
    assert sizes(splits) == [40, 40, 20]
    assert splits.test.tolist() == list(range(80, 100))


def test_a_published_validation_set_stays_and_the_test_set_comes_out_of_training():
    subsets = ("train",) * 80 + ("validation",) * 20
    splits = split(index([0, 1] * 50, subsets), section(test=0.25))
    assert sizes(splits) == [60, 20, 20]
    assert splits.validation.tolist() == list(range(80, 100))


def test_caltechs_training_list_is_halved_exactly():
    generator = np.random.default_rng(0)
    each = generator.integers(20, 540, 101)
    each[0] += 5784 - each.sum() if each.sum() < 5784 else 0
    labels = np.repeat(np.arange(101), np.maximum(2, each * 5784 // each.sum()))
    labels = np.r_[labels, np.zeros(5784 - len(labels), int)]
    test = np.arange(2893) % 101
    subsets = ("train",) * 5784 + ("test",) * 2893
    splits = split(index(np.r_[labels, test], subsets), section(validation=0.5))
    assert sizes(splits) == [2892, 2892, 2893]


def test_floating_point_does_not_add_an_image():
    assert sizes(split(index([0, 1] * 5), section(validation=0.3, test=0.3))) == [4, 3, 3]


def test_copies_come_into_one_set():
    labels = [0, 1, 0, 1, 0, 1, 1, 0, 1, 0, 1, 0] * 5
    contents = [number // 6 for number in range(60)]  # groups of six, three of each class
    splits = split(index(labels), section(), contents)
    found = [{contents[p] for p in splits.of(name)} for name in SETS]
    assert not found[0] & found[1]
    assert not found[0] & found[2]
    assert not found[1] & found[2]


def test_copies_do_not_change_the_size_of_a_set_where_single_images_can_make_up():
    contents = [0, 0, 0, *range(1, 58)]
    splits = split(index([0] * 30 + [1] * 30), section(), contents)
    assert sizes(splits) == [36, 12, 12]


def test_too_few_images_are_a_sentence():
    with pytest.raises(
        DataError,
        match=r"1 of 2 classes have fewer than 3 .* not counting copies, .* 'class 1' has 2\.",
    ):
        split(index([0] * 20 + [1, 1]), section())
    with pytest.raises(DataError, match="'class 1' has 1"):
        split(index([0] * 20 + [1] * 5), section(), [*range(20), 99, 99, 99, 99, 99])
    with pytest.raises(DataError, match="A test set of 1%, which is 1 images"):
        split(index([0, 1] * 10), section(test=0.01))


@pytest.mark.parametrize(("subset", "expected"), [(30, 30), (0.3, 30), (100, 100), (1.0, 100)])
def test_subset_of_all(subset, expected):
    part, splits = split_part(index([0, 1] * 50), section(subset=subset))
    assert sum(sizes(splits)) == expected
    assert sizes(splits)[0] == 0.6 * expected
    assert part.counts(np.arange(expected)).tolist() == [expected // 2] * 2
    again, its_splits = split_part(index([0, 1] * 50), section(subset=subset))
    assert part.keys == again.keys
    assert np.array_equal(splits.train, its_splits.train)
    other, _ = split_part(index([0, 1] * 50), section(subset=subset, seed=1))
    assert (other.keys == part.keys) == (expected == 100)


def test_subset_leaves_a_published_test_set_whole():
    subsets = ("train",) * 60 + ("validation",) * 20 + ("test",) * 20
    part, splits = split_part(index([0, 1] * 50, subsets), section(subset=0.2))
    assert sizes(splits) == [12, 4, 20]
    assert part.counts(splits.train).tolist() == [6, 6]
    assert set(part.published[splits.test]) == {"test"}


def test_impossible_subsets_are_sentences():
    with pytest.raises(DataError, match="subset is 101, but there are only 100 images"):
        used_positions(index([0, 1] * 50), section(subset=101))
    with pytest.raises(DataError, match="A subset of 1 images is too small: there are 2 classes"):
        used_positions(index([0, 1] * 50), section(subset=1))


@given(data=st.data())
def test_what_is_taken_is_stratified_and_whole(data):
    classes = data.draw(st.integers(2, 5))
    each = data.draw(st.lists(st.integers(2, 40), min_size=classes, max_size=classes))
    labels = np.repeat(np.arange(classes), each)
    contents = data.draw(
        st.one_of(
            st.just(list(range(len(labels)))),
            st.lists(st.integers(0, 30), min_size=len(labels), max_size=len(labels)),
        )
    )
    count = data.draw(st.integers(1, len(labels)))
    left = data.draw(st.sampled_from([0, 1]))
    try:
        taken = take_stratified(labels, contents, count, 7, least_left=left)
    except TooFewError:
        return
    assert not {contents[i] for i in np.flatnonzero(taken)} & {
        contents[i] for i in np.flatnonzero(~taken)
    }
    again = take_stratified(labels, contents, count, 7, least_left=left)
    assert np.array_equal(taken, again)
    if len(set(contents)) == len(contents):
        assert taken.sum() == count
        ours = np.bincount(labels[taken], minlength=classes)
        assert ours.min() >= 1
        assert (np.array(each) - ours).min() >= left
        exact = np.array(each) * count / len(labels)
        free = (exact >= 1) & (exact <= np.array(each) - left)
        if free.all():
            assert np.abs(ours - exact).max() <= 1
