"""The page of all hyperparameters, docs/hyperparameters.md, made from the code: make docs."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from spaces.hyperparameters import CONDITIONS, FIELDS, Hyperparameters

PAGE = Path(__file__).parents[1] / "docs" / "hyperparameters.md"

_HEAD = """\
# All hyperparameters

Written by `make docs` from `spaces/hyperparameters.py`. A study gives each of them a fixed value
in `base`, or a range or choices in `space`; a recipe gives values of its own. What is not named has
its default. A hyperparameter with a condition exists only where that holds.

| hyperparameter | values | default | exists if | meaning |
|---|---|---|---|---|
"""


def page() -> str:
    """The page as Markdown."""
    meanings = _meanings()
    hints = get_type_hints(Hyperparameters)
    return _HEAD + "".join(_row(name, hints[name], meanings[name]) for name in FIELDS)


def _row(name: str, hint: Any, meaning: str) -> str:
    condition = CONDITIONS.get(name)
    default = FIELDS[name].default if condition is None else condition.default
    exists = "always" if condition is None else condition.text
    cells = (f"`{name}`", _values(hint), _plain(default), exists, meaning)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _values(hint: Any) -> str:
    """The values that a type allows, in words."""
    kinds = [kind for kind in (get_args(hint) or (hint,)) if kind is not type(None)]
    if get_origin(hint) is Literal:
        return ", ".join(_plain(kind) for kind in kinds)
    if get_origin(hint) is tuple:
        return "list of whole numbers"
    if len(kinds) == 1 and kinds[0] is not hint:
        return _values(kinds[0])
    return {int: "whole number", float: "number", bool: "true, false", str: "text"}[kinds[0]]


def _plain(value: Any) -> str:
    if value is None:
        return "none given"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(list(value)) if isinstance(value, tuple) else f"{value}"


def _meanings() -> dict[str, str]:
    """The description of each attribute in the docstring."""
    text = inspect.getdoc(Hyperparameters) or ""
    section = text[text.index("Attributes:") : text.index("Raises:")]
    found = re.split(r"\n {4}(?=\w+:)", section)[1:]
    pairs = (part.split(":", 1) for part in found)
    return {name.strip(): " ".join(meaning.split()) for name, meaning in pairs}


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
