"""Names and data as text: the same escapes in files and on the terminal, and no formulas in CSV."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from spaces.text import csv_cell, escape_bytes, escaped, printable

WRONG = b"caf\xe9 \xff"


@pytest.mark.parametrize(
    ("name", "shown"),
    [(WRONG, r"caf\xe9 \xff"), ("Käfer".encode(), "Käfer"), ("猫".encode(), "猫")],
)
def test_bytes_that_are_no_utf_8_are_escaped(name, shown):
    assert escaped(os.fsdecode(name)) == shown
    assert escaped(Path(os.fsdecode(name))) == shown


def test_a_stream_escapes_as_files_do():
    text = os.fsdecode(WRONG)
    with pytest.raises(UnicodeEncodeError) as caught:
        text.encode()
    assert escape_bytes(caught.value) == (r"\xe9", 4)
    with pytest.raises(UnicodeDecodeError) as other:
        WRONG.decode()
    with pytest.raises(UnicodeDecodeError):
        escape_bytes(other.value)


@pytest.mark.parametrize("locale", [{}, {"LC_ALL": "C", "PYTHONUTF8": "0"}], ids=["UTF-8", "C"])
def test_the_command_line_prints_any_name(tmp_path, locale):
    name = f"Käfer[/red]:bug: {escaped(os.fsdecode(WRONG))}"
    place = os.fsencode(tmp_path) + "/Käfer[/red]:bug: ".encode() + WRONG
    ended = subprocess.run(
        [sys.executable, "-m", "search", "status", place],
        env=os.environ | locale,
        capture_output=True,
        check=False,
    )
    assert ended.returncode == 4
    assert ended.stderr.decode().startswith(f"{tmp_path}/{name} is not a run")


def test_control_characters_are_not_printed():
    assert printable("a\x1b[31mb\tc") == r"a\x1b[31mb\tc"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_spreadsheet_computes_text(text):
    file = io.StringIO()
    csv.writer(file).writerow([csv_cell(text)])
    [[cell]] = csv.reader(io.StringIO(file.getvalue(), newline=""))
    assert cell == f"'{text}"


@pytest.mark.parametrize("value", [-1.5, 0, None, "", "a=b", "1-2", "'="])
def test_other_values_stay_as_they_are(value):
    assert csv_cell(value) is value
