"""Pickled dictionaries of integer arrays, as in CIFAR-10's Python version; runs no code of theirs.

Source: numpy/_core/src/multiarray/methods.c and descriptor.c (`__reduce__`, `__setstate__`) for
what NumPy writes, of every version since 2009.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from spaces.errors import DataError
from trainables.process.restricted_pickle import Function, RefusedError, RestrictedUnpickler

_LARGEST = 2**30
_DTYPES = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8")


class _Dtype:
    """Stands for a `numpy.dtype` of integers while a pickle builds it."""

    def __init__(self, code: object) -> None:
        text = code.decode("latin-1") if isinstance(code, bytes) else code
        if text not in _DTYPES:
            raise RefusedError(f"it has an array of dtype {text!r}, and only integers are admitted")
        self.code = str(text)
        self.order = "<"

    def __setstate__(self, state: object) -> None:
        match state:
            case (int(), str() | bytes() as order, *_):
                text = order.decode("latin-1") if isinstance(order, bytes) else order
                self.order = ">" if text == ">" else "<"
            case _:
                raise RefusedError("it describes a dtype in an unknown way")

    def resolved(self) -> np.dtype[Any]:
        """The NumPy dtype."""
        return np.dtype(self.order + self.code)


class _Array:
    """Stands for a `numpy.ndarray` while a pickle builds it."""

    def __init__(self) -> None:
        self.numbers: np.ndarray | None = None

    def __setstate__(self, state: object) -> None:
        match state:
            case (int(), tuple() as shape, _Dtype() as dtype, by_column, raw):
                self.numbers = _array(raw, dtype, shape, "F" if by_column else "C")
            case _:
                raise RefusedError("it describes an array in an unknown way")


def _array(raw: object, dtype: _Dtype, shape: object, order: object) -> np.ndarray:
    if isinstance(raw, str):  # bytes of Python 2 that were read and written again as text
        raw = raw.encode("latin-1")
    if not isinstance(raw, bytes | bytearray):
        raise RefusedError("it has an array whose numbers are not bytes")
    if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):
        raise RefusedError("it has an array without a valid shape")
    numpy_dtype = dtype.resolved()
    if math.prod(shape) * numpy_dtype.itemsize != len(raw):
        raise RefusedError(f"it has an array of shape {shape} with {len(raw):,} bytes")
    return np.frombuffer(raw, numpy_dtype).reshape(shape, order="F" if order == "F" else "C")


def _reconstruct(_kind: object, _shape: object, _code: object) -> _Array:
    return _Array()


def _dtype(code: object, *_flags: object) -> _Dtype:
    return _Dtype(code)


def _from_buffer(raw: object, dtype: object, shape: object, order: object) -> np.ndarray:
    if not isinstance(dtype, _Dtype):
        raise RefusedError("it describes an array in an unknown way")
    return _array(raw, dtype, shape, order)


def _scalar(dtype: object, raw: object) -> int:
    if not isinstance(dtype, _Dtype):
        raise RefusedError("it describes a number in an unknown way")
    return int(_array(raw, dtype, (), "C"))


def _encode(text: object, coding: object) -> bytes:
    # Python 3 writes bytes like this where a pickle has to be readable by Python 2.
    if not isinstance(text, str) or coding not in ("latin1", b"latin1"):
        raise RefusedError("it encodes text in an unknown way")
    return text.encode("latin-1")


_NUMPY = {
    ("multiarray", "_reconstruct"): Function(_reconstruct),
    ("multiarray", "scalar"): Function(_scalar),
    ("numeric", "_frombuffer"): Function(_from_buffer),
}
_ADMITTED: dict[tuple[str, str], object] = {
    ("numpy", "ndarray"): None,  # only ever handed on to `_reconstruct`
    ("numpy", "dtype"): Function(_dtype),
    ("_codecs", "encode"): Function(_encode),
    **{(f"numpy.{core}.{m}", n): f for core in ("core", "_core") for (m, n), f in _NUMPY.items()},
}


class _Unpickler(RestrictedUnpickler):
    content = "arrays"
    admitted = _ADMITTED


def load(path: Path) -> object:
    """Read one pickle. Text of Python 2 comes out as bytes.

    Raises:
        DataError: If it is damaged or asks for something that is not admitted.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise RefusedError(f"it has more than {_LARGEST:,} bytes")
        with path.open("rb") as file:
            return _with_arrays(_Unpickler(file, encoding="bytes").read())
    except (RefusedError, OSError) as error:
        raise DataError(f"The pickle {path} is refused: {error}.") from error


def _with_arrays(loaded: object) -> object:
    """The arrays themselves in place of their stand-ins, one level deep."""
    if isinstance(loaded, dict):
        return {key: _with_arrays(value) for key, value in loaded.items()}
    return loaded.numbers if isinstance(loaded, _Array) else loaded
