"""Reading state dicts from .pth, .pt and .safetensors files, without PyTorch or trust in the file.

There are three containers, told apart by their first bytes:

- legacy (torch.save before 1.6): the pickles of a magic number, a protocol version, facts about
  the machine, the object and the list of its storages; then each storage with its length,
  little-endian always;
- zip (since 1.6): `<name>/data.pkl`, `<name>/data/<key>` for each storage, `<name>/byteorder`;
- safetensors, read by its own library.

Source: torch/serialization.py of PyTorch 2.13.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
import safetensors

from spaces.errors import WeightsError
from trainables.process.restricted_pickle import RefusedError
from trainables.weights import torch_pickle
from trainables.weights.torch_pickle import KINDS, FormatError, decode, width

_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
_PROTOCOL_VERSION = 1001
_WRAPPERS = ("state_dict", "model")


def read_state_dict(path: str | Path) -> dict[str, np.ndarray]:
    """Reads the tensors of a .pth, .pt or .safetensors file.

    A state dict wrapped as `{"state_dict": ...}` or `{"model": ...}` is unwrapped.

    Args:
        path: The file.

    Returns:
        Arrays by their names in the file, of the shapes and dtypes they have there, bfloat16 as
        float32. They are read-only, and may share memory where the tensors did.

    Raises:
        WeightsError: The file cannot be read, is damaged, or holds anything but tensors.
    """
    try:
        with Path(path).open("rb") as file:
            return _read(file, Path(path).suffix)
    except OSError as error:
        raise WeightsError(
            f"cannot read weights from {path}: {error.strerror or error}; "
            "give the path of a .pth, .pt or .safetensors file"
        ) from error
    except RefusedError as error:
        raise WeightsError(
            f"cannot use {path} as weights: {error}; expected a .safetensors file or what "
            "torch.save(model.state_dict(), path) writes: copy it again or save it so"
        ) from error


def _read(file: BinaryIO, suffix: str) -> dict[str, np.ndarray]:
    start = file.read(9)
    file.seek(0)
    if suffix == ".safetensors" or start[8:] == b"{":
        return _read_safetensors(file)
    if start.startswith(b"PK"):
        return _read_zip(file)
    if start.startswith(b"\x80"):
        return _read_legacy(file)
    raise FormatError(f"it starts with {start!r}, which is neither a pickle nor a zip archive")


def _read_safetensors(file: BinaryIO) -> dict[str, np.ndarray]:
    tensors = {}
    try:
        for name, tensor in safetensors.deserialize(file.read()):  # type: ignore[no-untyped-call]
            if tensor["dtype"] not in KINDS:
                raise FormatError(
                    f"tensor {name!r} has dtype {tensor['dtype']}, expected one of {sorted(KINDS)}"
                )
            tensors[name] = decode(tensor["data"], tensor["dtype"]).reshape(tensor["shape"])
    except (safetensors.SafetensorError, ValueError) as error:
        reason = str(error).removeprefix("Error while deserializing: ")
        raise FormatError(f"its safetensors are damaged ({reason})") from error
    return tensors


def _read_legacy(file: BinaryIO) -> dict[str, np.ndarray]:
    magic, _ = torch_pickle.load(file)
    if magic != _MAGIC_NUMBER:
        raise FormatError("it is a pickle, but not PyTorch's: the magic number is missing")
    version, _ = torch_pickle.load(file)
    if version != _PROTOCOL_VERSION:
        raise FormatError(f"it has protocol version {version!r}, expected {_PROTOCOL_VERSION}")
    torch_pickle.load(file)  # facts about the machine that wrote it, none of which matter
    found, storages = torch_pickle.load(file)
    tensors = _tensors(found)
    keys, _ = torch_pickle.load(file)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise FormatError("its list of storages is missing")
    if sorted(keys) != sorted(storages):
        raise FormatError("its list of storages does not match its tensors")
    numbers = {}
    for storage in (storages[key] for key in keys):
        count = int.from_bytes(_exactly(file, 8), "little")
        if count != storage.elements:
            raise FormatError(
                f"storage {storage.key!r} has {count} elements, expected {storage.elements}"
            )
        raw = _exactly(file, count * width(storage.kind))
        numbers[storage.key] = decode(raw, storage.kind)
    return {name: tensor.view(numbers[tensor.storage.key]) for name, tensor in tensors.items()}


def _exactly(file: BinaryIO, count: int) -> bytes:
    """Reads `count` bytes; asks first whether they are there, as a damaged count may be huge."""
    here = file.tell()
    left = file.seek(0, io.SEEK_END) - here
    file.seek(here)
    if count > left:
        raise FormatError(f"it is cut off: {count} bytes expected at {here}, {left} left")
    return file.read(count)


def _read_zip(file: BinaryIO) -> dict[str, np.ndarray]:
    try:
        with zipfile.ZipFile(file) as archive:
            return _read_archive(archive)
    # What zipfile raises for damaged archives, encrypted members and unknown versions.
    except (
        zipfile.BadZipFile,
        EOFError,
        MemoryError,
        NotImplementedError,
        OSError,
        OverflowError,
        RuntimeError,
        ValueError,
        struct.error,
    ) as error:
        raise FormatError(f"its zip archive is damaged or cut off ({error})") from error


def _read_archive(archive: zipfile.ZipFile) -> dict[str, np.ndarray]:
    roots = [name[: -len("data.pkl")] for name in archive.namelist() if _is_pickle(name)]
    if len(roots) != 1:
        raise FormatError("it is a zip archive, but not PyTorch's: one data.pkl is expected")
    (root,) = roots
    order = b"little"
    if f"{root}byteorder" in archive.namelist():
        order = _record(archive, f"{root}byteorder")
    if order not in (b"little", b"big"):
        raise FormatError(f"it has byte order {order!r}, expected little or big")
    found, storages = torch_pickle.load(io.BytesIO(_record(archive, f"{root}data.pkl")))
    tensors = _tensors(found)
    used = {tensor.storage.key for tensor in tensors.values()}
    numbers = {}
    for storage in (storages[key] for key in sorted(used)):
        raw = _record(archive, f"{root}data/{storage.key}")
        if len(raw) != storage.elements * width(storage.kind):
            raise FormatError(
                f"storage {storage.key!r} has {len(raw)} bytes, "
                f"expected {storage.elements * width(storage.kind)}"
            )
        numbers[storage.key] = decode(raw, storage.kind, big_endian=order == b"big")
    return {name: tensor.view(numbers[tensor.storage.key]) for name, tensor in tensors.items()}


def _is_pickle(name: str) -> bool:
    """Whether `name` is data.pkl, at the top or in the one folder that PyTorch writes."""
    return name == "data.pkl" or (name.endswith("/data.pkl") and name.count("/") == 1)


def _record(archive: zipfile.ZipFile, name: str) -> bytes:
    """Reads a member; only stored ones, as PyTorch writes no others and a bomb would be deflated.

    zipfile checks its checksum.
    """
    try:
        info = archive.getinfo(name)
    except KeyError:
        raise FormatError(f"its zip archive has no {name}") from None
    if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
        raise FormatError(f"{name} is compressed in its zip archive")
    return archive.read(info)


def _tensors(found: object) -> Mapping[str, torch_pickle.Tensor]:
    """Unwraps the state dict and checks that it holds tensors alone."""
    state = found
    for wrapper in _WRAPPERS:
        if isinstance(found, dict) and isinstance(found.get(wrapper), dict):
            state = found[wrapper]
            break
    if not isinstance(state, dict) or not state:
        raise FormatError(f"it holds a {type(state).__name__}, not a state dict with tensors")
    for name, tensor in state.items():
        if not isinstance(name, str):
            raise FormatError(f"a name in its state dict is a {type(name).__name__}")
        if not isinstance(tensor, torch_pickle.Tensor):
            raise FormatError(f"{name!r} in it is a {type(tensor).__name__}, not a tensor")
    return state
