"""Reading YAML safely, with the line of every value, and writing it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import yaml

_FLOAT = "tag:yaml.org,2002:float"
_FLOAT_1_2 = re.compile(r"^[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)$")


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, with YAML 1.2's numbers (1e-4), and keys kept as text."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        self.flatten_mapping(node)
        return {key.value: self.construct_object(value, deep=deep) for key, value in node.value}


class _Dumper(yaml.SafeDumper):
    """PyYAML's safe dumper, which quotes words that `_Loader` would read as numbers."""


for _class in (_Loader, _Dumper):
    _class.add_implicit_resolver(_FLOAT, _FLOAT_1_2, list("-+.0123456789"))


def dump_yaml(value: Any, is_compact: bool = False) -> str:
    """Plain values as YAML, which `YamlFile` reads back unchanged.

    Args:
        value: The content.
        is_compact: Whether what is inside a section is on one line each.
    """
    text = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    if not is_compact:
        return text
    node = yaml.compose(text, Loader=_Loader)
    _compact(node, 0)
    return yaml.serialize(node, Dumper=_Dumper, allow_unicode=True, width=100)


def _compact(node: yaml.Node | None, depth: int) -> None:
    """Put collections inside sections on one line, but not lists of mappings."""
    if isinstance(node, yaml.MappingNode):
        node.flow_style = depth > 1
        children = [value for _, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        node.flow_style = not any(isinstance(child, yaml.MappingNode) for child in node.value)
        children = node.value
    else:
        return
    for child in children:
        _compact(child, depth + 1)


class YamlFile:
    """Parsed YAML.

    Attributes:
        value: The content as plain Python values.

    Raises:
        ValueError: If the text is not YAML, or contains anything but plain values.
    """

    def __init__(self, text: str) -> None:
        try:
            loader = _Loader(text)
            try:
                self._root = loader.get_single_node()
                _refuse_unusable_keys(self._root, set())
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
        """Line number (from 1) of the deepest part of the path that the file contains."""
        node, line = self._root, None
        for part in path:
            node, found = _child(node, part)
            line = found or line
        return line


def _refuse_unusable_keys(node: yaml.Node | None, seen: set[int]) -> None:
    """Refuse duplicate keys and keys that are not plain words, before merges are resolved."""
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for child in node.value:
            _refuse_unusable_keys(child, seen)
    if isinstance(node, yaml.MappingNode):
        names = set()
        for key, child in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _key_error("a key must be a plain word", key)
            if key.value in names:
                raise _key_error(f"the key {key.value!r} appears twice", key)
            names.add(key.value)
            _refuse_unusable_keys(child, seen)


def _key_error(text: str, key: yaml.Node) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, text, key.start_mark)


def _child(node: yaml.Node | None, part: str | int) -> tuple[yaml.Node | None, int | None]:
    if isinstance(node, yaml.MappingNode):
        # Merged values come first, so a key that overrides one of them is the last one.
        for key, value in reversed(node.value):
            if key.value == str(part):
                return value, key.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        child = node.value[part]
        return child, child.start_mark.line + 1
    return node, None
