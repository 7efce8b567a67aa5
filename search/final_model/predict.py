"""`thawtune predict`: classes of images in files and folders, a batch in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from search.final_model.load import FinalModel
from spaces.errors import InputError
from trainables.datasets.files.decoding import decode
from trainables.datasets.files.headers import BadImageError
from trainables.datasets.files.scanning import scan
from trainables.datasets.files.threads import in_threads
from trainables.datasets.rows.images import resize

_LARGEST_PICTURE = 512
"""Pixels on the longer side of an explanation."""


@dataclass(frozen=True)
class Prediction:
    """What the model says of one image.

    Attributes:
        path: Of the image.
        classes: The likeliest, each with its probability, the likeliest first.
        explanation: The Grad-CAM picture, where one was asked for.
    """

    path: Path
    classes: tuple[tuple[str, float], ...]
    explanation: Path | None = None


@dataclass(frozen=True)
class Unreadable:
    """An image that could not be classified.

    Attributes:
        path: Of the image.
        reason: The end of a sentence that begins with its name.
    """

    path: Path
    reason: str


Result = Prediction | Unreadable


def find_images(given: Sequence[Path]) -> tuple[tuple[Path, ...], int]:
    """Images among files and folders; folders are searched to the bottom.

    Returns:
        Files as they were given and images in the folders, each once; and how many other files
        the folders have, which are left out as they are in a dataset.

    Raises:
        InputError: If one is not there, with all that are not; or if there is no image at all.
    """
    missing = [str(path) for path in given if not path.exists()]
    if missing:
        raise InputError(f"There is no {', no '.join(missing)}. Nothing was classified.")
    images: dict[Path, None] = {}
    others = 0
    for path in given:
        if not path.is_dir():
            images[path] = None
            continue
        root = path.resolve()
        scanned = scan(root, root)
        images |= dict.fromkeys(path / image.relative_to(root) for image in scanned.images)
        others += len(scanned.ignored)
    if not images:
        raise InputError(
            f"There is no image in {', '.join(map(str, given))} ({others} other files)."
        )
    return tuple(images), others


class Predictor:
    """A final model that classifies files.

    Args:
        final: The model.
        max_pixels: Images with more are not decoded.
        top: How many classes are told of each image.
        batch: Images that are classified at once, which bounds the memory that is taken.
        explanations: Folder for Grad-CAM pictures, or None. It is made when the first is written.

    Raises:
        InputError: If explanations are asked for, but the network has no convolutions.
    """

    def __init__(
        self,
        final: FinalModel,
        max_pixels: int,
        top: int,
        batch: int,
        explanations: Path | None = None,
    ) -> None:
        from trainables.prediction.gradcam import GradCam
        from trainables.prediction.inference import Classifier

        self._final, self._max_pixels = final, max_pixels
        self._top, self._batch, self._folder = top, batch, explanations
        self._classify = Classifier(final.model)
        try:
            self._explain = GradCam(final.model) if explanations else None
        except ValueError as error:
            raise InputError(f"{error} Leave --explain out.") from error

    def __call__(self, paths: Sequence[Path]) -> Iterator[Result]:
        """What the model says of each image, in their order.

        Decoding and resizing are those of training: see `trainables.datasets.files.decoding`.
        """
        waiting: list[tuple[int, Path, np.ndarray | Unreadable]] = []
        readable = 0
        squares = in_threads(self._square, paths)
        for number, (path, square) in enumerate(zip(paths, squares, strict=True), 1):
            waiting.append((number, path, square))
            readable += not isinstance(square, Unreadable)
            if readable == self._batch or len(waiting) == 4 * self._batch:
                yield from self._results(waiting)
                waiting, readable = [], 0
        yield from self._results(waiting)

    def _square(self, path: Path) -> np.ndarray | Unreadable:
        try:
            return resize(self._decoded(path), self._final.size)
        except BadImageError as error:
            return Unreadable(path, error.reason)
        except OSError as error:
            return Unreadable(path, f"cannot be opened: {error.strerror}")

    def _decoded(self, path: Path) -> np.ndarray:
        if not path.is_file():  # opening a pipe would wait for whoever writes to it
            raise BadImageError(str(path), "is not a file")
        with path.open("rb") as file:
            return decode(file, str(path), self._max_pixels)

    def _results(
        self, waiting: list[tuple[int, Path, np.ndarray | Unreadable]]
    ) -> Iterator[Result]:
        squares = [square for _, _, square in waiting if not isinstance(square, Unreadable)]
        if not squares:
            yield from (square for _, _, square in waiting if isinstance(square, Unreadable))
            return
        pixels = np.stack(squares)
        shares = self._classify(pixels)
        heats = (
            self._explain(pixels, shares.argmax(axis=-1)) if self._explain else [None] * len(shares)
        )
        said = iter(zip(shares, heats, strict=True))
        for number, path, square in waiting:
            if isinstance(square, Unreadable):
                yield square
                continue
            share, heat = next(said)
            picture = None if heat is None else self._picture(number, path, heat)
            yield Prediction(path, self._likeliest(share), picture)

    def _likeliest(self, shares: np.ndarray) -> tuple[tuple[str, float], ...]:
        best = np.argsort(-shares, kind="stable")[: self._top]
        return tuple((self._final.class_names[i], float(shares[i])) for i in best)

    def _picture(self, number: int, path: Path, heat: np.ndarray) -> Path:
        """Write the image, upright and in its own shape, with the heat on it."""
        from trainables.prediction.gradcam import overlay

        if self._folder is None:
            raise ValueError("no folder for explanations was given")
        image = Image.fromarray(self._decoded(path))
        image.thumbnail((_LARGEST_PICTURE, _LARGEST_PICTURE))
        picture = self._folder / f"{number:05d}-{path.stem[:80]}.png"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            overlay(np.asarray(image), heat).save(picture)
        except OSError as error:
            raise InputError(f"{picture} cannot be written: {error.strerror}.") from error
        return picture
