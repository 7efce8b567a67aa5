"""Files that PyTorch wrote are read right; damaged ones and other ones are refused.

The files in tests/golden/torch_files come from tests/golden/make_golden.py.
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from spaces.errors import WeightsError
from tests.golden import seeded_states
from tests.trainables.weights.torch_files import FILES, MAGIC_NUMBER, legacy, write, zipped
from trainables.weights.torch_file import read_state_dict

CONTAINERS = ("legacy", "zip")


def _assert_same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype, name
        np.testing.assert_array_equal(found[name], array, err_msg=name, strict=True)


# What PyTorch wrote


def test_every_golden_file_is_there() -> None:
    names = {path.name for path in FILES.iterdir()}
    kinds = ("dtypes", "views", "module", "parameters", "state_dict", "model")
    expected = {f"{kind}_{container}.pth" for kind in kinds for container in CONTAINERS}
    assert names == expected | {"whole_module_zip.pth", "dtypes.safetensors"}


@pytest.mark.parametrize("container", CONTAINERS)
def test_every_dtype(container: str) -> None:
    expected = seeded_states.dtype_tensors()
    found = read_state_dict(FILES / f"dtypes_{container}.pth")
    # bfloat16 keeps 8 bits of precision: the expected numbers, rounded to that.
    rounded = found.pop("bfloat16")
    assert rounded.dtype == np.float32
    np.testing.assert_allclose(rounded, expected.pop("bfloat16"), rtol=2**-8)
    assert rounded[:3].tolist() == [1.0, -2.5, 0.15625]
    _assert_same(found, expected)


@pytest.mark.parametrize("container", CONTAINERS)
def test_views_that_share_one_storage(container: str) -> None:
    found = read_state_dict(FILES / f"views_{container}.pth")
    _assert_same(found, seeded_states.viewed_tensors())
    assert np.shares_memory(found["whole"], found["permuted"])


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("kind", ["module", "parameters", "state_dict", "model"])
def test_state_dict_of_a_module(kind: str, container: str) -> None:
    found = read_state_dict(FILES / f"{kind}_{container}.pth")
    _assert_same(found, seeded_states.module_tensors())


def test_arrays_are_read_only() -> None:
    for path in FILES.glob("dtypes*"):
        assert not any(array.flags.writeable for array in read_state_dict(path).values())


def test_big_endian_zip(tmp_path: Path) -> None:
    def swap(name: str, raw: bytes) -> bytes:
        if name.endswith("/byteorder"):
            return b"big"
        return np.frombuffer(raw, "<f4").astype(">f4").tobytes() if "/data/" in name else raw

    path = _rewritten(FILES / "views_zip.pth", tmp_path / "big.pth", swap)
    _assert_same(read_state_dict(path), seeded_states.viewed_tensors())


def test_whole_module_is_refused_by_the_name_of_its_class() -> None:
    with pytest.raises(WeightsError, match=r"torch\.nn\.modules\.container\.Sequential"):
        read_state_dict(FILES / "whole_module_zip.pth")


# Damage


@pytest.mark.parametrize("name", ["dtypes_legacy.pth", "dtypes_zip.pth", "dtypes.safetensors"])
def test_cut_off_anywhere(tmp_path: Path, name: str) -> None:
    content = (FILES / name).read_bytes()
    path = tmp_path / name
    positions = [0, 1, 4, 8, 15, len(content) - 1, *range(16, len(content), 61)]
    for position in positions:
        path.write_bytes(content[:position])
        with pytest.raises(WeightsError) as caught:
            read_state_dict(path)
        _assert_is_one_sentence(caught.value, path)
    assert len(positions) > 20


@pytest.mark.parametrize("name", ["module_legacy.pth", "views_zip.pth", "dtypes.safetensors"])
def test_a_changed_byte_is_refused_or_harmless(tmp_path: Path, name: str) -> None:
    content = (FILES / name).read_bytes()
    path = tmp_path / name
    refused = 0
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 0x41
        path.write_bytes(changed)
        try:
            found = read_state_dict(path)
        except WeightsError as error:
            _assert_is_one_sentence(error, path)
            refused += 1
        else:
            assert all(isinstance(array, np.ndarray) for array in found.values())
    assert refused > len(content) // 4


def _assert_is_one_sentence(error: WeightsError, path: Path) -> None:
    message = str(error)
    assert str(path) in message
    assert "expected" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "neither"),
        (b"\x89PNG\r\n\x1a\n and so on", "neither"),
        (b"<html>not found</html>", "neither"),
        (pickle.dumps({"weight": [1.0]}, 2), "magic number"),
        (pickle.dumps(MAGIC_NUMBER, 2) + pickle.dumps(1002, 2), "version 1002"),
        (legacy(pickle.dumps([1, 2], 2)), "holds a list"),
        (legacy(pickle.dumps({}, 2)), "holds a dict"),
        (legacy(pickle.dumps({"epoch": 3}, 2)), "'epoch' in it is a int"),
        (legacy(pickle.dumps({3: 3}, 2)), "name in its state dict is a int"),
        (zipped(pickle.dumps({"state_dict": {}}, 2)), "holds a dict"),
    ],
)
def test_something_else(tmp_path: Path, content: bytes, said: str) -> None:
    path = write(tmp_path / "weights.pth", content)
    with pytest.raises(WeightsError, match=said):
        read_state_dict(path)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="No such file"):
        read_state_dict(tmp_path / "none.pth")
    with pytest.raises(WeightsError, match="directory"):
        read_state_dict(tmp_path)


def _rewritten(
    source: Path,
    target: Path,
    change: Callable[[str, bytes], bytes | None],
    compression: int = zipfile.ZIP_STORED,
) -> Path:
    """Copies a zip archive with its records changed, or left out where `change` gives None."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", compression) as new:
        for name in old.namelist():
            if (raw := change(name, old.read(name))) is not None:
                new.writestr(name, raw)
    return target


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda name, raw: None if name.endswith("data/0") else raw, "no views_zip/data/0"),
        (lambda name, raw: raw[:-4] if name.endswith("data/0") else raw, "92 bytes, expected 96"),
        (lambda name, raw: None if name.endswith("data.pkl") else raw, "one data.pkl"),
        (lambda name, raw: b"odd" if name.endswith("byteorder") else raw, "byte order"),
    ],
)
def test_records_of_a_zip_file(
    tmp_path: Path, change: Callable[[str, bytes], bytes | None], said: str
) -> None:
    path = _rewritten(FILES / "views_zip.pth", tmp_path / "changed.pth", change)
    with pytest.raises(WeightsError, match=said):
        read_state_dict(path)


def test_compressed_records_are_refused(tmp_path: Path) -> None:
    path = _rewritten(
        FILES / "views_zip.pth", tmp_path / "a.pth", lambda _, raw: raw, zipfile.ZIP_DEFLATED
    )
    with pytest.raises(WeightsError, match="compressed"):
        read_state_dict(path)
