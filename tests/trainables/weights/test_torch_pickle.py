"""Pickles that would run code, or claim numbers beyond their file, are refused."""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from spaces.errors import WeightsError
from tests.trainables.weights.torch_files import legacy, write, zipped
from trainables.weights.torch_file import read_state_dict

# Malicious pickles


class _Touch:
    """Runs a command when it is unpickled by an unpickler that does not look."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("pack", [legacy, zipped])
@pytest.mark.parametrize("protocol", [2, 4])
def test_code_in_a_pickle_is_refused(
    tmp_path: Path, pack: Callable[[bytes], bytes], protocol: int
) -> None:
    touched = tmp_path / "touched"
    state = OrderedDict(weight=_Touch(touched))
    path = write(tmp_path / "evil.pth", pack(pickle.dumps(state, protocol)))
    with pytest.raises(WeightsError, match=rf"{os.system.__module__}\.system"):
        read_state_dict(path)
    assert not touched.exists()


def test_code_in_the_first_pickle_of_a_legacy_file_is_refused(tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    path = write(tmp_path / "evil.pth", pickle.dumps(_Touch(touched), 2))
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
@pytest.mark.parametrize("pack", [legacy, zipped])
def test_nothing_else_can_be_named(
    tmp_path: Path, module: str, name: str, pack: Callable[[bytes], bytes]
) -> None:
    def text(word: str) -> bytes:
        return b"\x8c" + bytes([len(word)]) + word.encode()

    named = b"\x80\x04" + text(module) + text(name) + b"\x93."
    path = write(tmp_path / "evil.pth", pack(named))
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
    path = write(tmp_path / "evil.pth", zipped(b"\x80\x02" + rebuild + attributes + b"b."))
    with pytest.raises(WeightsError, match=r"sets an attribute of a function|damaged \(Attrib"):
        read_state_dict(path)


def test_an_enormous_memo_number_is_refused_before_it_is_believed(tmp_path: Path) -> None:
    path = write(tmp_path / "evil.pth", zipped(b"\x80\x02}r\xff\xff\xff\xff."))
    with pytest.raises(WeightsError, match="memo number 4294967295"):
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
    path = write(tmp_path / "a.pth", zipped(pickled, **{"0": numbers.tobytes()}))
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
    path = write(tmp_path / "a.pth", zipped(pickled, **{"0": numbers.tobytes()}))
    with pytest.raises(WeightsError, match=said):
        read_state_dict(path)


def test_a_legacy_storage_of_another_length(tmp_path: Path) -> None:
    pickled = _pickled_tensor(0, (24,), (1,))
    head = legacy(pickled)[: -len(pickle.dumps([], 2))] + pickle.dumps(["0"], 2)
    numbers = np.arange(24, dtype="<f4").tobytes()
    right = write(tmp_path / "right.pth", head + (24).to_bytes(8, "little") + numbers)
    assert read_state_dict(right)["weight"].tolist() == list(range(24))
    for count in (23, 25, 2**60):
        wrong = write(tmp_path / "wrong.pth", head + count.to_bytes(8, "little") + numbers)
        with pytest.raises(WeightsError, match=f"{count} elements, expected 24"):
            read_state_dict(wrong)
