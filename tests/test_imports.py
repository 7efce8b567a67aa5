"""Imports go one way, light things stay light, and the four packages are this project's own."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("spaces", "trainables", "search", "reports")
"""In the order in which they may import each other."""

MOST_MODULES = 13
"""Of a folder, beside its __init__.py."""

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def loaded_by(statement: str) -> set[str]:
    """Top-level modules that a fresh interpreter has after a statement."""
    say = "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    code = f"import json, sys\n{statement}\n{say}"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return set(json.loads(result.stdout.splitlines()[-1]))


def test_the_contracts_of_pyproject_are_kept():
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    result = subprocess.run(
        [sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert len(PYPROJECT["tool"]["importlinter"]["contracts"]) >= 4
    assert "0 broken" in result.stdout


def test_the_layers_are_those_of_the_design():
    settings = PYPROJECT["tool"]["importlinter"]
    layers = [c["layers"] for c in settings["contracts"] if c["type"] == "layers"]
    assert layers[0] == list(reversed(PACKAGES))
    ordered = {
        container
        for contract in settings["contracts"]
        for container in contract.get("containers", ())
        if contract["exhaustive"]
    }
    assert set(PACKAGES) <= ordered, "each package has a contract for the order of its folders"
    assert not any("ignore_imports" in contract for contract in settings["contracts"])
    assert settings["root_packages"] == list(PACKAGES)


HEAVY = {"ray", "tensorflow", "keras", "optuna"}
TABLES = {"pandas", "pyarrow", "matplotlib", "sklearn"}


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import reports.build", HEAVY),
        ("import search.records.run, search.records.ledger", HEAVY | TABLES),
        ("import search.records.history", HEAVY | TABLES),
        ("import search.records.tables", HEAVY),
        ("import search.cli", HEAVY | TABLES | {"numpy", "pydantic"}),
        ("import spaces.studies.study_file", HEAVY | TABLES | {"numpy"}),
        ("import spaces, trainables, search, reports", HEAVY | TABLES | {"numpy", "pydantic"}),
        ("import trainables.training.measurement", HEAVY | TABLES | {"numpy"}),
        ("import trainables.datasets.rows.loading", HEAVY),
        ("import search.driver.search, search.driver.prepare", {"tensorflow", "keras"}),
    ],
)
def test_what_an_import_does_not_load(statement, absent):
    assert loaded_by(statement) & absent == set()


def test_help_loads_nothing_heavy():
    statement = """
import contextlib, io
import search.cli
with contextlib.redirect_stdout(io.StringIO()) as help, contextlib.suppress(SystemExit):
    search.cli.app(["--help"])
assert "search" in help.getvalue()
"""
    assert loaded_by(statement) & (HEAVY | TABLES) == set()


def packages_on_disk() -> list[str]:
    found = [
        ".".join(file.parent.relative_to(ROOT).parts)
        for name in PACKAGES
        for file in (ROOT / name).rglob("__init__.py")
    ]
    return sorted(found)


def test_every_package_is_this_projects_own():
    """PyPI has unrelated packages called spaces and reports."""
    found = packages_on_disk()
    assert len(found) >= 9
    assert {name.split(".")[0] for name in found} == set(PACKAGES)
    for name in found:
        module = importlib.import_module(name)
        assert Path(module.__file__).resolve().is_relative_to(ROOT), name


def test_every_folder_with_modules_is_a_package():
    folders = {
        ".".join(file.parent.relative_to(ROOT).parts)
        for name in PACKAGES
        for file in (ROOT / name).rglob("*.py")
    }
    assert sorted(folders) == packages_on_disk()


def test_no_folder_has_more_modules_than_one_sees_at_a_glance():
    folders = {path.parent for name in (*PACKAGES, "tests") for path in (ROOT / name).rglob("*.py")}
    crowded = {
        str(folder.relative_to(ROOT)): count
        for folder in folders
        if (count := len({p.name for p in folder.glob("*.py")} - {"__init__.py"})) > MOST_MODULES
    }
    assert len(folders) >= 100
    assert crowded == {}


def test_what_is_installed_is_all_of_it():
    """A package that pyproject.toml does not name is missing from the wheel."""
    from setuptools import find_namespace_packages

    include = PYPROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
    installed = find_namespace_packages(str(ROOT), include=include)
    assert set(packages_on_disk()) <= set(installed)
    assert {name.split(".")[0] for name in installed} == set(PACKAGES)


def test_packages_do_nothing_when_they_are_imported():
    """Their __init__.py is a docstring; that of search also gives `fit` when it is asked for."""
    import ast

    found = packages_on_disk()
    for name in found:
        tree = ast.parse((ROOT / name.replace(".", "/") / "__init__.py").read_text())
        assert ast.get_docstring(tree), name
        assert len(tree.body) == 1 or name == "search", name


def test_search_gives_fit_without_loading_it_before():
    assert not loaded_by("import search") & (HEAVY | TABLES | {"numpy", "pydantic", "rich"})
    assert "pydantic" in loaded_by("from search import open_run; assert callable(open_run)")
    assert loaded_by("import search; assert not hasattr(search, 'nothing')")


def test_tests_are_no_package():
    """pytest imports them by path; those two alone have programs and helpers of their own."""
    packages = {path.parent.name for path in (ROOT / "tests").rglob("__init__.py")}
    assert packages == {"faults", "benchmarks", "opponents", "questions"}
