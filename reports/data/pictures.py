"""Pictures from the run: the contact sheet, mistakes, and where the model looked."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from reports.text import formats
from search.records.run import Run
from spaces.errors import RunStateError

MOST = 24
"""Pictures shown from one folder."""
_QUALITY = 85


@dataclass(frozen=True)
class Photograph:
    """A picture that is shown as it is, scaled down if necessary.

    Attributes:
        stem: Of its file in the report.
        caption: What it shows.
        alt: Description for those who cannot see it.
        path: Where the run has it.
        width: Maximum in pixels.
    """

    stem: str
    caption: str
    alt: str
    path: Path
    width: int = 456

    @property
    def file(self) -> str:
        """Name of its file in the report."""
        return f"{self.stem}.jpg"

    def encoded(self) -> bytes:
        """As JPEG, upright, without the original's metadata."""
        with Image.open(self.path) as image:
            picture = image.convert("RGB")
        picture.thumbnail((self.width, 4 * self.width))
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=_QUALITY, optimize=True)
        return buffer.getvalue()


def data_address(encoded: bytes) -> str:
    """A data URL, the source of an image in a self-contained page."""
    return f"data:image/jpeg;base64,{base64.b64encode(encoded).decode()}"


@dataclass(frozen=True)
class Explained:
    """A test image with a picture in the run.

    Attributes:
        image: Its name.
        label, predicted: Its true and its predicted class.
        probability: Of the predicted class.
        is_right: Whether the two are the same.
        path: Of the picture.
    """

    image: str
    label: str
    predicted: str
    probability: float
    is_right: bool
    path: Path

    @classmethod
    def from_dict(cls, folder: Path, values: Mapping[str, Any]) -> Explained:
        """Read an entry of a folder's index.json."""
        return cls(
            str(values["image"]),
            str(values["label"]),
            str(values["predicted"]),
            float(values["probability"]),
            bool(values["right"]),
            folder / Path(str(values["file"])).name,
        )

    def photograph(self, stem: str, what: str) -> Photograph:
        """How it is shown."""
        sure = formats.percent(self.probability)
        said = (
            f"classified correctly as {self.label}"
            if self.is_right
            else f"classified as {self.predicted}"
        )
        truth = "" if self.is_right else f"{self.label}, "
        return Photograph(
            stem,
            f"{truth}{said}, confidence {sure}",
            f"{what} of the test image {self.image}: its class is {self.label}, {said}.",
            self.path,
        )


def read_explained(run: Run, folder_name: str) -> tuple[Explained, ...]:
    """The readable pictures of a folder, in the order of its index.json; empty without one.

    Raises:
        RunStateError: If the index is damaged.
    """
    folder = run.folder / folder_name
    index = folder / "index.json"
    entries: Any = run.read_json(index) if index.is_file() else []
    try:
        found = [Explained.from_dict(folder, entry) for entry in entries]
    except (KeyError, TypeError, ValueError) as error:
        raise RunStateError(
            f"{index} cannot be used: {type(error).__name__} {error}. Delete the folder and run "
            "the command that writes it again."
        ) from error
    return tuple(one for one in found if is_picture(one.path))


def is_picture(path: Path) -> bool:
    """Whether the file is a readable picture."""
    try:
        with Image.open(path) as image:
            image.verify()
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError):
        return False
    return True
