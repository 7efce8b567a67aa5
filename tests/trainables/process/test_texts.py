"""Names, lines and cells from outside are shown as text."""

from __future__ import annotations

import csv
import io
import os

import pytest

from trainables.process.texts import csv_cell, name_of, printable


def test_a_name_that_is_no_utf8_is_escaped_and_can_be_written():
    name = os.fsdecode(b"caf\xe9.jpg")
    with pytest.raises(UnicodeEncodeError):
        name.encode()
    assert name_of(name) == r"caf\xe9.jpg"
    assert name_of("café.jpg") == "café.jpg"


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
