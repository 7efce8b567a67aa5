"""Files that PyTorch and safetensors wrote are read right; damaged and malicious ones are refused.

The files in tests/golden/torch_files come from tests/golden/make_golden.py.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from spaces.errors import WeightsError
from tests.golden import seeded_states
from trainables.torch_state import read_state_dict

FILES = Path(__file__).parents[1] / "golden" / "torch_files"
MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
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


# Malicious pickles


class _Touch:
    """Runs a command when it is unpickled by an unpickler that does not look."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self.path}",)


def _legacy(pickled: bytes) -> bytes:
    head = [MAGIC_NUMBER, 1001, {"little_endian": True}]
    return b"".join(pickle.dumps(part, 2) for part in head) + pickled + pickle.dumps([], 2)


def _zip(pickled: bytes, **records: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        for name, raw in records.items():
            archive.writestr(f"archive/data/{name}", raw)
    return file.getvalue()


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("pack", [_legacy, _zip])
@pytest.mark.parametrize("protocol", [2, 4])
def test_code_in_a_pickle_is_refused(
    tmp_path: Path, pack: Callable[[bytes], bytes], protocol: int
) -> None:
    touched = tmp_path / "touched"
    state = OrderedDict(weight=_Touch(touched))
    path = _write(tmp_path / "evil.pth", pack(pickle.dumps(state, protocol)))
    with pytest.raises(WeightsError, match=rf"{os.system.__module__}\.system"):
        read_state_dict(path)
    assert not touched.exists()


def test_code_in_the_first_pickle_of_a_legacy_file_is_refused(tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    path = _write(tmp_path / "evil.pth", pickle.dumps(_Touch(touched), 2))
    with pytest.raises(WeightsError, match="system"):
        read_state_dict(path)
    assert not touched.exists()


def test_the_malicious_pickle_is_live(tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    pickle.loads(pickle.dumps(_Touch(touched)))
    assert touched.exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("builtins", "eval"),
        ("builtins", "getattr"),
        ("collections", "OrderedDict.fromkeys"),
        ("collections", "namedtuple"),
        ("torch", "load"),
        ("torch", "FloatStorage.__class__"),
        ("torch._utils", "_rebuild_tensor_v2.__globals__"),
        ("torch._utils", "_import_dotted_name"),
        ("numpy", "load"),
    ],
)
@pytest.mark.parametrize("pack", [_legacy, _zip])
def test_nothing_else_can_be_named(
    tmp_path: Path, module: str, name: str, pack: Callable[[bytes], bytes]
) -> None:
    def text(word: str) -> bytes:
        return b"\x8c" + bytes([len(word)]) + word.encode()

    named = b"\x80\x04" + text(module) + text(name) + b"\x93."
    path = _write(tmp_path / "evil.pth", pack(named))
    with pytest.raises(WeightsError, match=name.replace(".", r"\.")):
        read_state_dict(path)


@pytest.mark.parametrize(
    "attributes",
    [
        b"N}(X\x05\x00\x00\x00itemsK\x01u\x86",  # (None, {"items": 1}) goes through setattr
        b"}(X\x05\x00\x00\x00itemsK\x01u",  # {"items": 1} goes into __dict__
    ],
)
def test_a_pickle_cannot_set_attributes(tmp_path: Path, attributes: bytes) -> None:
    rebuild = b"ctorch._utils\n_rebuild_tensor_v2\n"
    path = _write(tmp_path / "evil.pth", _zip(b"\x80\x02" + rebuild + attributes + b"b."))
    with pytest.raises(WeightsError, match="damaged"):
        read_state_dict(path)


def test_an_enormous_memo_number_is_refused_before_it_is_believed(tmp_path: Path) -> None:
    path = _write(tmp_path / "evil.pth", _zip(b"\x80\x02}r\xff\xff\xff\xff."))
    with pytest.raises(WeightsError, match="memo number 4294967295"):
        read_state_dict(path)


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
        (_legacy(pickle.dumps([1, 2], 2)), "holds a list"),
        (_legacy(pickle.dumps({}, 2)), "holds a dict"),
        (_legacy(pickle.dumps({"epoch": 3}, 2)), "'epoch' in it is a int"),
        (_legacy(pickle.dumps({3: 3}, 2)), "name in its state dict is a int"),
        (_zip(pickle.dumps({"state_dict": {}}, 2)), "holds a dict"),
    ],
)
def test_something_else(tmp_path: Path, content: bytes, said: str) -> None:
    path = _write(tmp_path / "weights.pth", content)
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


# Tensors that claim numbers beyond their storage. The pickle is written out by hand, as PyTorch
# would not write it.


def _pickled_tensor(offset: int, shape: object, strides: object) -> bytes:
    def body(value: object) -> bytes:
        return pickle.dumps(value, 2)[2:-1]  # without PROTO and STOP

    storage = b"(" + body("storage") + b"ctorch\nFloatStorage\n" + body("0") + body("cpu")
    storage += body(24) + b"tQ"
    arguments = b"(" + storage + body(offset) + body(shape) + body(strides) + b"\x89Nt"
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n" + arguments + b"R"
    return b"\x80\x02}(" + body("weight") + tensor + b"u."


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [(0, (24,), (1,)), (3, (4, 5), (5, 1)), (23, (1, 1), (2**62, 2**62)), (0, (2**39,), (0,))],
)
def test_tensors_within_their_storage(
    tmp_path: Path, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
) -> None:
    numbers = np.arange(24, dtype=np.float32)
    pickled = _pickled_tensor(offset, shape, strides)
    path = _write(tmp_path / "a.pth", _zip(pickled, **{"0": numbers.tobytes()}))
    weight = read_state_dict(path)["weight"]
    assert weight.shape == shape
    assert weight.flat[0] == offset


@pytest.mark.parametrize(
    ("offset", "shape", "strides", "said"),
    [
        (0, (25,), (1,), "beyond"),
        (1, (24,), (1,), "beyond"),
        (24, (1,), (1,), "beyond"),
        (5, (4, 5), (5, 1), "beyond"),
        (0, (2**40, 2**40), (0, 0), "beyond"),
        (-1, (4,), (1,), "offset"),
        (0, (-4,), (1,), "shape"),
        (4, (4,), (-1,), "strides"),
        (0, (4,), (1, 1), "strides"),
        (0, "four", (1,), "shape"),
        (0, (2.0,), (1,), "shape"),
    ],
)
def test_tensors_beyond_their_storage(
    tmp_path: Path, offset: int, shape: object, strides: object, said: str
) -> None:
    numbers = np.arange(24, dtype=np.float32)
    pickled = _pickled_tensor(offset, shape, strides)
    path = _write(tmp_path / "a.pth", _zip(pickled, **{"0": numbers.tobytes()}))
    with pytest.raises(WeightsError, match=said):
        read_state_dict(path)


def test_a_legacy_storage_of_another_length(tmp_path: Path) -> None:
    pickled = _pickled_tensor(0, (24,), (1,))
    head = _legacy(pickled)[: -len(pickle.dumps([], 2))] + pickle.dumps(["0"], 2)
    numbers = np.arange(24, dtype="<f4").tobytes()
    right = _write(tmp_path / "right.pth", head + (24).to_bytes(8, "little") + numbers)
    assert read_state_dict(right)["weight"].tolist() == list(range(24))
    for count in (23, 25, 2**60):
        wrong = _write(tmp_path / "wrong.pth", head + count.to_bytes(8, "little") + numbers)
        with pytest.raises(WeightsError, match=f"{count} elements, expected 24"):
            read_state_dict(wrong)


# safetensors


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
    found = read_state_dict(_write(tmp_path / "weights.bin", content))
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
    path = _write(tmp_path / "weights.safetensors", content)
    with pytest.raises(WeightsError, match=said):
        read_state_dict(path)
