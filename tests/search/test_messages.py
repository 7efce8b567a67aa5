"""Commands that messages tell a person to type: each exists, and works as it is typed."""

from __future__ import annotations

import ast
import difflib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from search.cli import app
from search.records.run import Run

ROOT = Path(__file__).parents[2]
COMMANDS = typer.main.get_command(app).commands
ANY = "7"
"""Stands for the parts of a message that are filled in: valid as a run, a number and a name."""


def trees() -> Iterator[tuple[str, ast.Module]]:
    for package in ("spaces", "trainables", "search", "reports"):
        for path in sorted((ROOT / package).rglob("*.py")):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))


def texts(tree: ast.Module) -> Iterator[str]:
    """String literals but docstrings, each f-string as a whole."""
    quiet = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            quiet |= {id(part) for part in node.values}
            constant = ast.Constant
            yield "".join(p.value if isinstance(p, constant) else ANY for p in node.values)
        elif isinstance(getattr(node, "value", None), str) and id(node) not in quiet:
            yield node.value


def typed() -> list[tuple[str, list[str]]]:
    """Every `run.command(…)` in the code, as words to type, with the file that has it."""
    found = []
    for name, tree in trees():
        for node in ast.walk(tree):
            is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            if is_call and node.func.attr == "command" and node.args:
                words = [a.value if isinstance(a, ast.Constant) else ANY for a in node.args]
                if words[0] in COMMANDS:
                    found.append((name, [words[0], ANY, *words[1:]]))
    return found


def check(words: list[str]) -> None:
    """Parse a command as the command line does; nothing runs."""
    command = COMMANDS[words[0]]
    command.make_context(words[0], list(words[1:]))


def test_commands_that_are_made_for_a_run_can_be_typed():
    found = typed()
    assert len(found) >= 10
    assert {words[0] for _, words in found} >= {"resume", "stop", "finetune"}
    for _, words in found:
        check(words)


def test_a_command_in_a_text_exists_and_has_the_options_that_it_is_given():
    named = set()
    for name, tree in trees():
        for text in texts(tree):
            for command, rest in re.findall(r"\bthawtune ([a-z]+)\b([^.:;\n]*)", text):
                if command not in COMMANDS:  # prose, unless it is a command misspelt
                    assert not difflib.get_close_matches(command, COMMANDS, cutoff=0.75), text
                    continue
                named.add(command)
                known = {o for p in COMMANDS[command].params for o in (*p.opts, *p.secondary_opts)}
                assert set(re.findall(r"--[a-z][a-z-]*", rest)) <= known | {"--help"}, (name, text)
    assert named >= {"search", "list", "report"}


@pytest.mark.parametrize(
    "folder", ["run", "my runs/first one", "it's", "$HOME/run", "s3://b/r?a=b&c=d"]
)
def test_a_run_with_any_name_can_be_typed(folder):
    run = Run(Path("copy"), remote=folder) if "://" in folder else Run(Path(folder))
    words = shlex.split(run.command("resume", "--trials", "9"))
    assert words == ["thawtune", "resume", folder, "--trials", "9"]
    check(words[1:])
