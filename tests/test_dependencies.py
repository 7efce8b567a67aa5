"""pyproject.toml declares every library that is imported, and names a file that needs it."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("spaces", "trainables", "search", "reports")
TEXT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
PROJECT = tomllib.loads(TEXT)["project"]

EXTRAS = PROJECT["optional-dependencies"]
REQUIREMENTS = [
    requirement
    for requirement in chain(PROJECT["dependencies"], *EXTRAS.values())
    if not requirement.startswith("thawtune[")
]

MODULES = {
    "import-linter": "importlinter",
    "mlflow-skinny": "mlflow",
    "pillow": "PIL",
    "pyyaml": "yaml",
    "scikit-learn": "sklearn",
    "tensorboardx": "tensorboardX",
}
"""Modules that are called otherwise than their distribution."""

NOTED = re.compile(r'"([a-z0-9-]+)(?:\[[^"]*)?[>=][^"]*",?\]? *# (.+)')
PATH = re.compile(r"[\w./]+/[\w./]*\w|\.[\w-]+\.yaml")


def distribution(requirement: str) -> str:
    return re.match(r"[\w-]+", requirement)[0].lower()


def module(name: str) -> str:
    return MODULES.get(name, name.replace("-", "_"))


def imported(path: Path) -> set[str]:
    """Top-level modules that a file imports by a statement."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                found |= {alias.name.split(".")[0] for alias in names}
            case ast.ImportFrom(module=str(name), level=0):
                found.add(name.split(".")[0])
    return found


def named(path: Path) -> set[str]:
    """Top-level modules that a file may import by a name in a string."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    texts = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return {text.split(".")[0] for text in texts if isinstance(text, str)}


def declared(*extras: str) -> set[str]:
    requirements = chain(PROJECT["dependencies"], *(EXTRAS[extra] for extra in extras))
    return {module(distribution(requirement)) for requirement in requirements}


def test_every_library_that_is_imported_is_declared():
    files = [path for name in PACKAGES for path in (ROOT / name).rglob("*.py")]
    known = {*sys.stdlib_module_names, *PACKAGES}
    needed = {name: str(path) for path in files for name in imported(path) - known}
    assert len(files) > 200
    assert len(needed) > 15
    missing = {
        name: path for name, path in needed.items() if name not in declared("export", "photos")
    }
    assert not missing, "declare these in pyproject.toml"
    installed = packages_distributions()
    assert needed.keys() <= installed.keys(), "MODULES has a name that no distribution has"


def test_every_dependency_has_a_lower_bound():
    assert len(REQUIREMENTS) > 40
    assert [requirement for requirement in REQUIREMENTS if ">=" not in requirement] == []


NOTES = [found.groups() for line in TEXT.splitlines() if (found := NOTED.search(line))]


def test_every_dependency_has_a_comment():
    assert sorted(name for name, _ in NOTES) == sorted(map(distribution, REQUIREMENTS))


@pytest.mark.parametrize(("name", "comment"), NOTES, ids=[f"{n}: {c}" for n, c in NOTES])
def test_the_files_beside_a_dependency_need_it(name, comment):
    paths = [ROOT / path for path in PATH.findall(comment)]
    assert all(path.exists() for path in paths), comment
    for path in paths:
        if path.suffix == ".py":
            found = imported(path) | named(path)
            assert module(name) in found, f"{path} does not import {module(name)}"
    if f"{name}>" in "".join(PROJECT["dependencies"]):
        assert paths, "name a file that needs it"
