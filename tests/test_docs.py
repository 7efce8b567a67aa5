"""Documentation names what exists: paths, modules, links, and every folder of the four packages."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from spaces.hyperparameters import AUGMENTATION, FEATURE_AUGMENTATION

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("spaces", "trainables", "search", "reports")
TOP = "|".join((*PACKAGES, "tests", "docs"))

PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "docs/cluster.md",
    "docs/watching.md",
    "docs/statistics.md",
    "docs/backbones.md",
    "docs/hyperparameters.md",
    "docs/photos.md",
    "docs/augmentation.md",
    "docs/ingredients.md",
)

_PATH = re.compile(rf"(?<![\w./<-])(?:{TOP})/[\w./-]*\w")
_MODULE = re.compile(rf"(?:`|python -m )((?:{TOP})(?:\.\w+)+)")
_BARE_FILE = re.compile(r"`(\w+\.py)`")
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def is_module(name: str) -> bool:
    """Whether a dotted name is a folder, a module, or something in a module."""
    path = ROOT / name.replace(".", "/")
    return path.is_dir() or any(p.with_suffix(".py").is_file() for p in (path, path.parent))


def test_all_pages_are_checked():
    assert {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")} < set(PAGES)


@pytest.mark.parametrize(
    ("page", "least"), list(zip(PAGES, (6, 80, 0, 0, 0, 0, 1, 0, 0, 0), strict=True))
)
def test_every_path_exists(page, least):
    named = set(_PATH.findall(text_of(page)))
    assert len(named) >= least
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_every_augmentation_is_described():
    text = text_of("docs/augmentation.md")
    named = ("resize", "crop_ratio", "views", *AUGMENTATION, *FEATURE_AUGMENTATION)
    assert [name for name in named if f"`{name}" not in text] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_module_exists(page):
    named = set(_MODULE.findall(text_of(page)))
    assert [name for name in sorted(named) if not is_module(name)] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_file_named_without_its_folder_exists(page):
    known = {path.name for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    assert set(_BARE_FILE.findall(text_of(page))) <= known


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page):
    links = _LINK.findall(text_of(page))
    assert links or page not in ("README.md", "docs/cluster.md", "docs/watching.md")
    assert [link for link in links if not (ROOT / page).parent.joinpath(link).exists()] == []


def paths_in_the_map() -> list[str]:
    """The paths in the first column of the map's tables, in order."""
    text = text_of("CONTRIBUTING.md")
    lines = text[text.index("## The map") : text.index("## Start here")].splitlines()
    return [
        p for x in lines if x.startswith("| ") for p in re.findall(r"`([^`]+)`", x.split("|")[1])
    ]


def test_the_map_names_every_folder():
    named = set(paths_in_the_map())
    folders = {
        file.parent.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for file in (ROOT / package).rglob("__init__.py")
    }
    assert len(folders) >= 40
    assert sorted(folders - named) == []


def test_the_map_has_the_order_of_the_contracts():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    paths = [path.removesuffix(".py") for path in paths_in_the_map()]
    checked = 0
    for contract in settings["tool"]["importlinter"]["contracts"]:
        for container in contract.get("containers", ()):
            ranks = {
                f"{container}.{name}".replace(".", "/"): rank
                for rank, layer in enumerate(reversed(contract["layers"]))
                for name in re.split(r" [|:] ", layer)
            }
            found = [ranks[path] for path in paths if path in ranks]
            checked += len(found)
            assert found == sorted(found), container
    assert checked >= 40


def test_what_is_missing_is_found():
    """The patterns see each way in which a page names a file."""
    text = "`search/none.py`, [a](docs/none.md), python -m tests.none and `none.py`"
    assert _PATH.findall(text) == ["search/none.py", "docs/none.md"]
    assert _PATH.findall("runs/search/none.py, s3://bucket/docs/none.md") == []
    assert [name for name in _MODULE.findall(text) if not is_module(name)] == ["tests.none"]
    assert _BARE_FILE.findall(text) == ["none.py"]
    assert _LINK.findall(text) == ["docs/none.md"]
