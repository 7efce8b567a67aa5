"""Conventions of the code for texts: encodings are given, and data is never taken for markup."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("spaces", "trainables", "search", "reports")

_POSITION = {"read_text": 0, "write_text": 1}
"""Where the encoding may stand among the arguments of a method of paths."""


def calls() -> Iterator[tuple[str, ast.Call, str]]:
    """Each call in the code: its place, the call, and the name of what is called."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", node, name


def given(call: ast.Call) -> dict[str, object]:
    """The keyword arguments of a call that are constants."""
    return {
        keyword.arg or "": keyword.value.value
        if isinstance(keyword.value, ast.Constant)
        else keyword.value
        for keyword in call.keywords
    }


def depends_on_the_locale(call: ast.Call, name: str) -> bool:
    keywords = given(call)
    if "encoding" in keywords:
        return False
    if name in _POSITION:
        return len(call.args) <= _POSITION[name]
    if name in ("run", "Popen", "check_output"):
        return bool(keywords.get("text"))
    if name in ("open", "fdopen"):
        modes = [a.value for a in call.args if isinstance(a, ast.Constant)] + [keywords.get("mode")]
        return any(isinstance(m, str) and set(m) <= set("rwaxt+") and m for m in modes)
    return False


def test_every_text_file_has_an_encoding():
    found = list(calls())
    assert sum(name in _POSITION for _, _, name in found) > 20
    assert [place for place, call, name in found if depends_on_the_locale(call, name)] == []


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("path.write_text(text)", True),
        ("path.write_text(text, 'utf-8')", False),
        ("path.read_text()", True),
        ("open(path, 'w')", True),
        ("path.open('rb')", False),
        ("path.open('a', encoding='utf-8')", False),
        ("run(command, text=True)", True),
    ],
)
def test_the_rule_finds_what_it_should(code, expected):
    call = ast.parse(code).body[0].value
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    assert depends_on_the_locale(call, name) is expected


def test_no_console_takes_data_for_markup():
    consoles = [(place, given(call)) for place, call, name in calls() if name == "Console"]
    assert len(consoles) >= 3
    for place, keywords in consoles:
        assert (keywords.get("markup"), keywords.get("emoji")) == (False, False), place


def test_an_error_of_the_system_that_nobody_expected_is_a_sentence():
    with open("/dev/full", "w", encoding="utf-8") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "search", "schema"],
            stdout=full,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            check=False,
        )
    assert ended.returncode == 2
    said = "No space left on device. Make room there; --debug shows where it happened."
    assert ended.stderr.splitlines() == [said]
