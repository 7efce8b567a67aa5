"""Files of safetensors are read right, and refused where they break the format's rules."""

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


def test_safetensors_are_told_by_their_content_too(tmp_path: Path) -> None:
    content = _safetensors({"__metadata__": {"a": "b"}, "b": _entry(4, 8), "a": _entry(0, 4)})
    found = read_state_dict(write(tmp_path / "weights.bin", content))
    assert {name: array.tolist() for name, array in found.items()} == {"a": [0.0], "b": [0.0]}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x01\x02", "2 bytes"),
        (_safetensors({}, length=2**63), "claims"),
        (_safetensors({}, length=11), "claims"),
        (_safetensors(b'{"a": '), "not JSON"),
        (_safetensors(b"\xff\xff"), "not JSON"),
        (_safetensors(b"[" * 100_000), "not JSON"),
        (_safetensors([1]), "not a JSON object"),
        (_safetensors(b'{"a": 1, "a": 2}'), "name twice"),
        (_safetensors({"a": 3}), "data_offsets"),
        (_safetensors({"a": _entry(4, 0)}), "data_offsets"),
        (_safetensors({"a": _entry(-4, 0)}), "data_offsets"),
        (_safetensors({"a": _entry(0, 4), "b": _entry(0, 4)}), "expected to start at 4"),
        (_safetensors({"a": _entry(0, 6), "b": _entry(4, 8)}), "6 bytes for F32"),
        (_safetensors({"a": _entry(4, 8)}), "expected to start at 0"),
        (_safetensors({"a": _entry(0, 4)}), "4 of its bytes belong to no tensor"),
        (_safetensors({"a": _entry(0, 12, shape=[3])}), "end by 8"),
        (_safetensors({"a": _entry(0, 8, "F8_E4M3", [8])}), "F8_E4M3"),
        (_safetensors({"a": _entry(0, 8, ["F32"], [2])}), "dtype"),
        (_safetensors({"a": _entry(0, 8, "F32", [-2])}), "valid shape"),
        (_safetensors({"a": _entry(0, 8, "F32", [True, 2])}), "valid shape"),
        (_safetensors({"a": _entry(0, 8, "F32", 2)}), "valid shape"),
    ],
)
def test_safetensors_that_break_the_rules(tmp_path: Path, content: bytes, said: str) -> None:
    path = write(tmp_path / "weights.safetensors", content)
    with pytest.raises(WeightsError, match=said):
        read_state_dict(path)
