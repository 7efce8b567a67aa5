"""What is given is a study or photos, and says which."""

from __future__ import annotations

import pytest
from PIL import Image

from search.fitting.source import DEFAULT_MINUTES, minutes_for, source_of
from spaces.errors import DataError, InputError


@pytest.fixture
def photos(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / "My photos!" / name).mkdir(parents=True)
        for number in range(3):
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
    path.write_text("dataset: {format: digits}")
    assert (source_of(str(path)).name, source_of(str(path)).section) == ("mine", None)


def test_what_is_neither_gets_a_hint():
    with pytest.raises(InputError, match="Did you mean digits"):
        source_of("digit")


def test_a_folder_without_classes_is_refused_with_what_can_be_read(tmp_path):
    with pytest.raises(DataError, match="What can be read"):
        source_of(str(tmp_path))
