"""Pickled dictionaries of arrays, as in CIFAR-10's Python version, read without running anything.

A pickle is a programme: it may name any importable object and call it. Here it can name only what
an array of bytes or integers needs, and gets stand-ins for those, which build plain arrays out of
bytes and can do nothing else.

Source: numpy/_core/src/multiarray/methods.c and descriptor.c (`__reduce__`, `__setstate__`) for
what NumPy writes, of every version since 2009.
"""

from __future__ import annotations

import math
import pickle
import pickletools
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from spaces.errors import DataError

_LARGEST = 2**30
_DTYPES = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8")


class _RefusedError(Exception):
    """A pickle asks for something that is not admitted; the message ends a sentence."""


class _Dtype:
    """Stands for a `numpy.dtype` of integers while a pickle builds it."""

    def __init__(self, code: object) -> None:
        text = code.decode("latin-1") if isinstance(code, bytes) else code
        if text not in _DTYPES:
            raise _RefusedError(
                f"it has an array of dtype {text!r}, and only integers are admitted"
            )
        self.code = str(text)
        self.order = "<"

    def __setstate__(self, state: object) -> None:
        match state:
            case (int(), str() | bytes() as order, *_):
                text = order.decode("latin-1") if isinstance(order, bytes) else order
                self.order = ">" if text == ">" else "<"
            case _:
                raise _RefusedError("it describes a dtype in an unknown way")

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
                raise _RefusedError("it describes an array in an unknown way")


class _Function:
    """Stands for a function that a pickle may call. Its attributes cannot be set."""

    __slots__ = ("_call",)
    _call: Callable[..., object]

    def __init__(self, call: Callable[..., object]) -> None:
        object.__setattr__(self, "_call", call)

    def __call__(self, *arguments: object) -> object:
        return self._call(*arguments)

    def __setattr__(self, name: str, value: object) -> None:
        raise _RefusedError("it sets an attribute of a function")


def _array(raw: object, dtype: _Dtype, shape: object, order: object) -> np.ndarray:
    if isinstance(raw, str):  # bytes of Python 2 that were read and written again as text
        raw = raw.encode("latin-1")
    if not isinstance(raw, bytes | bytearray):
        raise _RefusedError("it has an array whose numbers are not bytes")
    if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):
        raise _RefusedError("it has an array without a valid shape")
    numpy_dtype = dtype.resolved()
    if math.prod(shape) * numpy_dtype.itemsize != len(raw):
        raise _RefusedError(f"it has an array of shape {shape} with {len(raw):,} bytes")
    return np.frombuffer(raw, numpy_dtype).reshape(shape, order="F" if order == "F" else "C")


def _reconstruct(_kind: object, _shape: object, _code: object) -> _Array:
    return _Array()


def _dtype(code: object, *_flags: object) -> _Dtype:
    return _Dtype(code)


def _from_buffer(raw: object, dtype: object, shape: object, order: object) -> np.ndarray:
    if not isinstance(dtype, _Dtype):
        raise _RefusedError("it describes an array in an unknown way")
    return _array(raw, dtype, shape, order)


def _scalar(dtype: object, raw: object) -> int:
    if not isinstance(dtype, _Dtype):
        raise _RefusedError("it describes a number in an unknown way")
    return int(_array(raw, dtype, (), "C"))


def _encode(text: object, coding: object) -> bytes:
    # Python 3 writes bytes like this where a pickle has to be readable by Python 2.
    if not isinstance(text, str) or coding not in ("latin1", b"latin1"):
        raise _RefusedError("it encodes text in an unknown way")
    return text.encode("latin-1")


_NUMPY = {
    ("multiarray", "_reconstruct"): _Function(_reconstruct),
    ("multiarray", "scalar"): _Function(_scalar),
    ("numeric", "_frombuffer"): _Function(_from_buffer),
}
_ADMITTED: dict[tuple[str, str], object] = {
    ("numpy", "ndarray"): None,  # only ever handed on to `_reconstruct`
    ("numpy", "dtype"): _Function(_dtype),
    ("_codecs", "encode"): _Function(_encode),
    **{(f"numpy.{core}.{m}", n): f for core in ("core", "_core") for (m, n), f in _NUMPY.items()},
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str, /) -> Any:
        if (module, name) in _ADMITTED:
            return _ADMITTED[module, name]
        raise _RefusedError(
            f"it asks for {module}.{name}, and nothing but arrays is admitted, as whatever else a "
            "pickle names could run code"
        )


def load(path: Path) -> object:
    """Read one pickle. Text of Python 2 comes out as bytes.

    Raises:
        DataError: If it is damaged or asks for something that is not admitted.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise _RefusedError(f"it has more than {_LARGEST:,} bytes")
        with path.open("rb") as file:
            _check_memo(file)
            file.seek(0)
            return _with_arrays(_Unpickler(file, encoding="bytes").load())
    except _RefusedError as error:
        raise DataError(f"The pickle {path} is refused: {error}.") from error
    # The pickle module promises no set of exceptions for damaged input; nearly every type occurs.
    except Exception as error:
        raise DataError(
            f"The pickle {path} is damaged ({type(error).__name__}: {error})."
        ) from error


def _check_memo(file: BinaryIO) -> None:
    """Refuse memo numbers that no honest pickle reaches: six bytes could claim 64 GB."""
    for opcode, argument, position in pickletools.genops(file):
        names_memo = opcode.name in ("PUT", "BINPUT", "LONG_BINPUT")
        if names_memo and int(argument or 0) > (position or 0) + 1:
            raise _RefusedError(f"its memo number {argument} is impossible")


def _with_arrays(loaded: object) -> object:
    """The arrays themselves in place of their stand-ins, one level deep."""
    if isinstance(loaded, dict):
        return {key: _with_arrays(value) for key, value in loaded.items()}
    return loaded.numbers if isinstance(loaded, _Array) else loaded
