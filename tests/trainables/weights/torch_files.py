"""The golden files of weights, and others packed as PyTorch packs them."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path

FILES = Path(__file__).parents[2] / "golden" / "torch_files"
"""Made by tests/golden/make_golden.py."""

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C


def legacy(pickled: bytes) -> bytes:
    """A file as PyTorch wrote it before 1.6, of one pickle and no storages."""
    head = [MAGIC_NUMBER, 1001, {"little_endian": True}]
    return b"".join(pickle.dumps(part, 2) for part in head) + pickled + pickle.dumps([], 2)


def zipped(pickled: bytes, **records: bytes) -> bytes:
    """A zip archive as PyTorch writes it, of one pickle and these storages."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        for name, raw in records.items():
            archive.writestr(f"archive/data/{name}", raw)
    return file.getvalue()


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
