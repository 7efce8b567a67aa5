"""What is given is a study or photos, and says which."""

from __future__ import annotations

import re

import pytest
from PIL import Image
from rich.console import Console

from search.fitting.photos import checked_photos
from search.fitting.source import DEFAULT_MINUTES, minutes_for, source_of
from spaces.errors import DataError, InputError, StudyError


@pytest.fixture
def photos(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / "My photos!" / name).mkdir(parents=True)
        for number in range(6):
            Image.new("RGB", (8, 8), (number, 0, 0)).save(
                tmp_path / "My photos!" / name / f"{number}.png"
            )
    return tmp_path / "My photos!"


def test_a_folder_of_photos_gets_a_name_that_a_study_can_have(photos):
    source = source_of(str(photos))
    assert source.name == "My_photos"
    assert source.section.format == "folders"
    assert source.section.skip_bad
    assert minutes_for(source, None) == DEFAULT_MINUTES
    assert minutes_for(source, 5) == 5


def test_a_study_is_found_by_name_and_by_path(tmp_path):
    assert source_of("digits").section is None
    assert minutes_for(source_of("digits"), None) is None
    path = tmp_path / "mine.yaml"
    path.write_text("dataset: {format: digits}\nspace: {dropout: {low: 0, high: 0.5}}")
    assert (source_of(str(path)).name, source_of(str(path)).section) == ("mine", None)


def test_what_is_neither_gets_a_hint():
    with pytest.raises(InputError, match="Did you mean digits"):
        source_of("digit")


def test_a_folder_without_classes_is_refused_with_what_can_be_read(tmp_path):
    with pytest.raises(DataError, match="What can be read"):
        source_of(str(tmp_path))


def written(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return str(path)


def test_a_file_with_a_dataset_alone_stands_for_photos_that_are_read_as_it_says(photos, tmp_path):
    """The layout is recognised, if it does not say it."""
    source = source_of(written(tmp_path, f"dataset: {{path: '{photos}', test: 0.25, seed: 3}}"))
    assert (source.name, source.section.format, source.section.skip_bad) == (
        "mine",
        "folders",
        True,
    )
    assert (source.section.test, source.section.seed, source.has_shares) == (0.25, 3, True)
    assert not source_of(written(tmp_path, f"dataset: {{path: '{photos}'}}")).has_shares


def flat(folder):
    """Twelve images of each of two classes, named after them."""
    folder.mkdir()
    for label, name in enumerate(("cat.", "great_dane_")):
        for number in range(12):
            pixels = Image.new("RGB", (8, 8), (9 * number, 200 * label, 5 * number))
            pixels.save(folder / f"{name}{number}.png")
    return folder


def checked(tmp_path, text):
    source = source_of(written(tmp_path, text))
    return checked_photos(source, source.section, Console(quiet=True))


def test_the_shares_of_such_a_file_are_kept_and_others_follow_the_rules(tmp_path):
    folder = flat(tmp_path / "flat")
    for keys, expected in (("test: 0.34", (0.2, 0.34)), ("seed: 1", (0.25, 0.25))):
        text = f"dataset: {{path: '{folder}', label_pattern: '[a-z_]+', {keys}}}"
        section, _ = checked(tmp_path, text)
        assert (section.validation, section.test) == expected


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("format: folder", "line 1, dataset.format: format is 'folder'"),
        ("format: folders, tset: 0.2", "tset is not a valid key; did you mean test"),
        ("format: folders, label_pattern: '('", "not a regular expression"),
        ("format: idx, label_pattern: 'a'", "label_pattern is only for format folders"),
    ],
)
def test_what_is_wrong_in_such_a_file_is_named(keys, said, tmp_path):
    with pytest.raises(StudyError, match="does not say how to read photos") as refused:
        source_of(written(tmp_path, f"dataset: {{path: photos, {keys}}}"))
    assert said in str(refused.value)


def test_names_of_files_are_classes_where_a_pattern_says_so(tmp_path):
    """One line of the refusal, with the path filled in, makes it work."""
    folder = flat(tmp_path / "flat")
    with pytest.raises(DataError, match=r"begin with cat \(12\), great_dane \(12\)") as refused:
        source_of(str(folder))
    [line] = re.findall(r"dataset: .*\}", str(refused.value))
    section, found = checked(tmp_path, line.replace("...", str(folder)))
    assert section.format == "folders"
    assert found.class_names == ("cat", "great_dane")
    assert [sum(each) for each in zip(*found.counts.values(), strict=True)] == [12, 12]


def test_of_names_of_files_classes_can_be_dropped_and_none_may_be_missing(tmp_path):
    folder = flat(tmp_path / "flat")
    Image.new("RGB", (8, 8), (1, 2, 3)).save(folder / "owl.9.png")
    keys = f"path: '{folder}', label_pattern: '([a-z_]+)[._][0-9]'"
    _, found = checked(tmp_path, f"dataset: {{{keys}, drop_classes: [owl]}}")
    assert found.class_names == ("cat", "great_dane")
    assert [tuple(finding) for finding in found.ignored] == [
        ("owl.9.png", "is dropped by the study")
    ]
    Image.new("RGB", (8, 8), (4, 5, 6)).save(folder / "7.png")
    with pytest.raises(DataError, match=r"1 of 26 images have no class: 7\.png without a match"):
        checked(tmp_path, f"dataset: {{{keys}}}")


def test_names_of_cameras_are_no_classes(tmp_path):
    for number in range(12):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / f"IMG_{number}.png")
    with pytest.raises(DataError) as refused:
        source_of(str(tmp_path))
    assert "begin with" not in str(refused.value)
