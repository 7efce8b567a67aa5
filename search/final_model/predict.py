"""`thawtune predict`: finding images in files and folders, and classifying them in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from search.final_model.load import FinalModel
from spaces.errors import InputError
from spaces.studies.dataset import DatasetSection
from trainables.datasets.files.decoding import decode
from trainables.datasets.files.headers import BadImageError
from trainables.datasets.files.scanning import scan
from trainables.datasets.files.threads import in_threads
from trainables.datasets.rows.resizing import resize

_LARGEST_PICTURE = 512
"""Pixels on the longer side of an explanation."""


@dataclass(frozen=True)
class Prediction:
    """The model's prediction for one image.

    Attributes:
        path: Path of the image.
        classes: The most likely classes with their probabilities, the most likely first; empty if
            none is as likely as the threshold asks for.
        explanation: The Grad-CAM picture, if requested.
    """

    path: Path
    classes: tuple[tuple[str, float], ...]
    explanation: Path | None = None


@dataclass(frozen=True)
class Unreadable:
    """An image that could not be classified.

    Attributes:
        path: Path of the image.
        reason: Why not, as the end of a sentence that begins with the path.
    """

    path: Path
    reason: str


Result = Prediction | Unreadable


def find_images(given: Sequence[Path]) -> tuple[tuple[Path, ...], int]:
    """Find images among files, folders and their subfolders.

    Returns:
        The given files and the images in the folders, each once; and the number of other files in
        the folders, which are ignored as they are in a dataset.

    Raises:
        InputError: If a path does not exist (all that do not are named), or there is no image.
    """
    missing = [str(path) for path in given if not path.exists()]
    if missing:
        raise InputError(f"Not found: {', '.join(missing)}. Nothing was classified.")
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
            f"There is no image in {', '.join(map(str, given))} ({others} other files). Give image "
            "files, or folders that contain some."
        )
    return tuple(images), others


class Predictor:
    """A final model that classifies files.

    Args:
        final: The model.
        dataset: How images are decoded: `max_pixels` and `bits`.
        top: Number of classes to return for each image.
        batch: Images classified at once; this bounds the memory used.
        explanations: Folder for Grad-CAM pictures, or None. It is created with the first picture.
        threshold: Classes with a smaller probability are not returned.

    Raises:
        InputError: If explanations are requested but the network has no convolutions.
    """

    def __init__(
        self,
        final: FinalModel,
        dataset: DatasetSection,
        top: int,
        batch: int,
        explanations: Path | None = None,
        threshold: float = 0.0,
    ) -> None:
        from trainables.prediction.gradcam import GradCam
        from trainables.prediction.inference import Classifier

        self._final, self._dataset = final, dataset
        self._top, self._batch, self._folder = top, batch, explanations
        self._threshold = threshold
        self._classify = Classifier(final.model)
        try:
            self._explain = GradCam(final.model) if explanations else None
        except ValueError as error:
            raise InputError(f"{error} Run it without --explain.") from error

    def __call__(self, paths: Sequence[Path]) -> Iterator[Result]:
        """Classify images and yield a result for each, in order.

        Images are decoded and resized as in training: see `trainables.datasets.files.decoding`.
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
            return resize(self._decoded(path), self._final.size, self._final.resize)
        except BadImageError as error:
            return Unreadable(path, error.reason)
        except OSError as error:
            return Unreadable(path, f"cannot be opened: {error.strerror}")

    def _decoded(self, path: Path) -> np.ndarray:
        if not path.is_file():  # opening a pipe would block until something is written to it
            raise BadImageError(str(path), "is not a file")
        with path.open("rb") as file:
            return decode(file, str(path), self._dataset.max_pixels, self._dataset.bits)

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
        found = ((self._final.class_names[i], float(shares[i])) for i in best)
        return tuple((name, share) for name, share in found if share >= self._threshold)

    def _picture(self, number: int, path: Path, heat: np.ndarray) -> Path:
        """Write the image, upright and in its original shape, with the heat map overlaid."""
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
