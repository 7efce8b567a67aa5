"""Safetensors files are read right, and refused with a sentence where they break the rules."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from spaces.errors import WeightsError
from tests.golden import seeded_states
from tests.trainables.weights.torch_files import FILES, write
from trainables.weights.torch_file import read_state_dict


def test_safetensors_that_its_own_library_wrote() -> None:
    expected = seeded_states.dtype_tensors()
    found = read_state_dict(FILES / "dtypes.safetensors")
    legacy = read_state_dict(FILES / "dtypes_legacy.pth")
    assert found.keys() == expected.keys()
    for name, array in legacy.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name, strict=True)


def _safetensors(header: object, body: bytes = bytes(8), length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + body


def _entry(begin: int, end: int, dtype: object = "F32", shape: object = (1,)) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


TWICE = b'{"a": %s, "a": %s}' % tuple(json.dumps(_entry(i, i + 4)).encode() for i in (0, 4))
"""Two tensors of one name: the bytes of one of them belong to none."""


def test_safetensors_are_told_by_their_content_too(tmp_path: Path) -> None:
    content = _safetensors({"__metadata__": {"a": "b"}, "b": _entry(4, 8), "a": _entry(0, 4)})
    found = read_state_dict(write(tmp_path / "weights.bin", content))
    assert {name: array.tolist() for name, array in found.items()} == {"a": [0.0], "b": [0.0]}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x01\x02", "header too small"),
        (_safetensors({}, length=2**63), "header too large"),
        (_safetensors({}, length=11), "invalid header length"),
        (_safetensors(b'{"a": '), "invalid JSON"),
        (_safetensors(b"\xff\xff"), "invalid UTF-8"),
        (_safetensors(b"[" * 100_000), "invalid JSON"),
        (_safetensors([1]), "invalid JSON"),
        (_safetensors(b'{"a": 1, "a": 2}'), "invalid type: integer `1`"),
        (_safetensors({"a": 3}), "invalid type: integer `3`"),
        (_safetensors({"a": _entry(4, 0)}), "invalid offset for tensor"),
        (_safetensors({"a": _entry(-4, 0)}), "integer `-4`"),
        (_safetensors({"a": _entry(0, 4), "b": _entry(0, 4)}), "invalid offset for tensor"),
        (
            _safetensors({"a": _entry(0, 6), "b": _entry(4, 8)}),
            "invalid shape, data type, or offset",
        ),
        (_safetensors({"a": _entry(4, 8)}), "invalid offset for tensor"),
        (_safetensors({"a": _entry(0, 4)}), "not fully covered"),
        (_safetensors({"a": _entry(0, 12, shape=[3])}), "not fully covered"),
        (_safetensors({"a": _entry(0, 8, "F8_E4M3", [8])}), "F8_E4M3"),
        (_safetensors({"a": _entry(0, 8, ["F32"], [2])}), "invalid type: sequence"),
        (_safetensors({"a": _entry(0, 8, "F32", [-2])}), "integer `-2`"),
        (_safetensors({"a": _entry(0, 8, "F32", [True, 2])}), "boolean `true`"),
        (_safetensors({"a": _entry(0, 8, "F32", 2)}), "expected a sequence"),
        (_safetensors({"a": _entry(0, 0, shape=[0, 2**62])}, b""), "array is too big"),
        (_safetensors({"a": _entry(0, 8, shape=[2**40] * 3)}), "overflow"),
        (_safetensors({"a": _entry(0, 8, shape=[1] * 70 + [2])}), "maximum supported dimension"),
        (_safetensors(TWICE), "invalid offset for tensor"),
    ],
)
def test_safetensors_that_break_the_rules(tmp_path: Path, content: bytes, said: str) -> None:
    path = write(tmp_path / "weights.safetensors", content)
    with pytest.raises(WeightsError, match=said) as caught:
        read_state_dict(path)
    assert "\n" not in str(caught.value)
    assert "expected a .safetensors file" in str(caught.value)
