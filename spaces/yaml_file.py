"""YAML read safely, with the line of every value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, with YAML 1.2's numbers (1e-4) and no key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key must be a plain word", key.start_mark
                )
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} stands twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)$"),
    list("-+.0123456789"),
)


class YamlFile:
    """A parsed YAML text.

    Attributes:
        value: What it says, in plain Python values.

    Raises:
        ValueError: If it is not YAML, or asks for anything but plain values.
    """

    def __init__(self, text: str) -> None:
        try:
            loader = _Loader(text)
            try:
                self._root = loader.get_single_node()
                self.value = loader.construct_document(self._root) if self._root else None
            finally:
                loader.dispose()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
            raise ValueError(f"{place}{error.problem}") from error
        except (yaml.YAMLError, RecursionError) as error:
            raise ValueError(str(error) or "nested too deeply") from error

    def line_of(self, path: Sequence[str | int]) -> int | None:
        """Line (from 1) of the deepest part of the path that stands in the file."""
        node, line = self._root, None
        for part in path:
            node, found = _child(node, part)
            line = found or line
        return line


def _child(node: yaml.Node | None, part: str | int) -> tuple[yaml.Node | None, int | None]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return value, key.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        child = node.value[part]
        return child, child.start_mark.line + 1
    return node, None
