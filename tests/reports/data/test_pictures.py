"""Tests for the pictures that a run brings along."""

from __future__ import annotations

import io
import json

import pytest
from PIL import Image

from reports.data.pictures import data_address, is_picture, read_explained
from search.records.run import Run
from spaces.errors import RunStateError

ENTRY = {"image": "roses/1.jpg", "label": "rose", "predicted": "tulip", "probability": 0.98}


def written(folder, entries) -> Run:
    (folder / "gradcam").mkdir()
    Image.new("RGBA", (900, 450), (9, 9, 9, 9)).save(folder / "gradcam" / "a.png")
    (folder / "gradcam" / "broken.png").write_bytes(b"\x89PNG no more")
    (folder / "gradcam" / "index.json").write_text(json.dumps(entries))
    return Run(folder)


def test_they_are_made_small_and_say_what_they_show(tmp_path) -> None:
    run = written(tmp_path, [ENTRY | {"file": "a.png", "right": False}])
    [one] = read_explained(run, "gradcam")
    shown = one.photograph("gradcam_01", "Grad-CAM picture")
    assert shown.caption.replace("\u00a0", " ") == "rose, classified as tulip, confidence 98.0 %"
    assert "roses/1.jpg" in shown.alt
    with Image.open(io.BytesIO(shown.encoded())) as image:
        assert (image.format, image.size) == ("JPEG", (456, 228))
    assert data_address(b"abc") == "data:image/jpeg;base64,YWJj"


def test_those_that_cannot_be_read_or_lie_elsewhere_are_left_out(tmp_path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "outside.png")
    files = ("broken.png", "missing.png", "../outside.png", "a.png")
    run = written(tmp_path, [ENTRY | {"file": name, "right": True} for name in files])
    assert [one.path.name for one in read_explained(run, "gradcam")] == ["a.png"]
    assert not is_picture(tmp_path)


@pytest.mark.parametrize("entries", [[{"file": "a.png"}], {"a": 1}, [3]])
def test_a_damaged_index_is_named(tmp_path, entries) -> None:
    with pytest.raises(RunStateError, match=r"index\.json"):
        read_explained(written(tmp_path, entries), "gradcam")


def test_no_folder_and_an_empty_index_are_no_pictures(tmp_path) -> None:
    assert read_explained(Run(tmp_path), "gradcam") == ()
    assert read_explained(written(tmp_path, []), "gradcam") == ()
