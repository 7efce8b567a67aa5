"""A study as YAML with a comment for each choice."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import yaml

from spaces.studies.yaml_file import dump_yaml

_WIDTH = 98


def commented(values: Mapping[str, Any], why: Mapping[tuple[str, ...], str], head: str) -> str:
    """Plain values as YAML.

    Args:
        values: The content.
        why: A comment by the path of the key that it precedes.
        head: The comment at the top.
    """
    lines = [*_comment(head, ""), ""]
    node = yaml.compose(text := dump_yaml(dict(values), is_compact=True), Loader=yaml.SafeLoader)
    places = dict(reversed(list(_places(node, ()))))  # of a line, the outermost key
    for number, line in enumerate(text.splitlines()):
        path = places.get(number)
        if path is not None and path in why:
            lines += _comment(why[path], line[: len(line) - len(line.lstrip())])
        lines.append(line)
    return "\n".join(lines) + "\n"


def _comment(text: str, indent: str) -> list[str]:
    return [
        f"{indent}# {part}".rstrip()
        for paragraph in text.splitlines()
        for part in textwrap.wrap(paragraph, _WIDTH - len(indent) - 2) or [""]
    ]


def _places(node: Any, path: tuple[str, ...]) -> list[tuple[int, tuple[str, ...]]]:
    """The path of the key on each line."""
    if not isinstance(node, yaml.MappingNode):
        return []
    found = []
    for key, value in node.value:
        here = (*path, str(key.value))
        found.append((key.start_mark.line, here))
        found += _places(value, here)
    return found
