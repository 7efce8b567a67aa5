"""Tests that folders of the machine do not get into a page."""

from __future__ import annotations

import pytest

from reports.data.run_data import without_folders


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('File "/opt/venv/lib/a.py", line 3', 'File "…/a.py", line 3'),
        ("path: /data/household/", "path: …/household"),
        ("at C:\\Users\\ann\\x.py now", "at …/x.py now"),
        ("file:/home/ann/x", "file:/home/ann/x"),
        ("https://example.org/a/b", "https://example.org/a/b"),
        ("train/val and 3/4 and </script>", "train/val and 3/4 and </script>"),
        ("[/home/ann/w.npz, none]", "[…/w.npz, none]"),
    ],
)
def test_absolute_paths_are_cut(text: str, expected: str) -> None:
    assert without_folders(text) == expected


def test_known_paths_may_have_spaces() -> None:
    text = "path: /home/Ann Smith/my data"
    assert without_folders(text, ["/home/Ann Smith/my data", None]) == "path: …/my data"
    assert without_folders("data/digits", ["data/digits"]) == "data/digits"
