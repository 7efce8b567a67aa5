"""Names, lines and cells from outside are shown as text."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys

import pytest

from spaces.texts import csv_cell, escape_bytes, name_of, printable


def test_a_name_that_is_no_utf8_is_escaped_and_can_be_written():
    name = os.fsdecode(b"caf\xe9.jpg")
    with pytest.raises(UnicodeEncodeError):
        name.encode()
    assert name_of(name) == r"caf\xe9.jpg"
    assert name_of("café.jpg") == "café.jpg"


def test_a_stream_escapes_as_files_do():
    name = os.fsdecode(b"caf\xe9 \xff")
    with pytest.raises(UnicodeEncodeError) as caught:
        name.encode()
    assert escape_bytes(caught.value) == (r"\xe9", 4)
    with pytest.raises(UnicodeDecodeError) as other:
        b"\xff".decode()
    with pytest.raises(UnicodeDecodeError):
        escape_bytes(other.value)


@pytest.mark.parametrize("locale", [{}, {"LC_ALL": "C", "PYTHONUTF8": "0"}], ids=["UTF-8", "C"])
def test_the_command_line_prints_any_name(tmp_path, locale):
    name = "Käfer[/red]:bug: ".encode() + b"caf\xe9"
    ended = subprocess.run(
        [sys.executable, "-m", "search", "status", os.fsencode(tmp_path / "x")[:-1] + name],
        env=os.environ | locale,
        capture_output=True,
        check=False,
    )
    assert ended.returncode == 4
    said = ended.stderr.decode()
    assert said.startswith(rf"{tmp_path}/Käfer[/red]:bug: caf\xe9 is not a run")


def test_control_characters_do_not_reach_the_terminal():
    assert printable("a\x1b[31mb\tc\n") == r"a\x1b[31mb\tc\n"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-cat", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_spreadsheet_runs_no_cell(text):
    file = io.StringIO()
    csv.writer(file).writerow([csv_cell(text)])
    read = next(csv.reader(io.StringIO(file.getvalue(), newline="")))
    assert read == ["'" + text]


@pytest.mark.parametrize("value", ["cat", "", "a=b", "'x", -1.5, 3, None])
def test_every_other_value_is_as_it_was(value):
    assert csv_cell(value) is value
