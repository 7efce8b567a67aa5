"""`thawtune export`: converts the final model and compares the result before it is put in place."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from os.path import realpath
from pathlib import Path

import numpy as np

from search.final_model.load import LABELS, MODEL, check_final, load_final
from search.final_model.model_card import check_card, write_card
from search.records.run import Run
from spaces.errors import InputError
from trainables.datasets.rows.resizing import Square
from trainables.export.exporting import Comparison, check_format, write_export


@dataclass(frozen=True)
class Exported:
    """The result of an export.

    Attributes:
        path: The file, or the folder of a SavedModel.
        comparison: The comparison with the model it was made from.
        size: Size in bytes.
    """

    path: Path
    comparison: Comparison
    size: int

    def in_words(self, run: Run) -> str:
        """The result as shown on the terminal."""
        found = self.comparison
        return (
            f"exported: {run.shown(self.path)}, {self.size / 1e6:.1f} MB\n"
            f"on {found.images} validation images: probabilities differ by at most "
            f"{found.difference:.1e}, {found.same_class:.0%} in the same class"
        )


def export(
    run: Run,
    format_name: str,
    output: Path | None = None,
    is_quantized: bool = False,
    force: bool = False,
    data: Path | None = None,
) -> Exported:
    """Export the final model, completely or not at all, and update its model card.

    The comparison uses validation images: the test set stays sealed.

    Args:
        run: A run whose winner has been fine-tuned.
        format_name: A key of `trainables.export.exporting.FORMATS`.
        output: Output path; by default next to the model, named after the study.
        is_quantized: Store weights in 8 bits; LiteRT only.
        force: Replace an existing output.
        data: Where the dataset is, if it has moved.

    Raises:
        InputError: If a package is missing, or the output exists or cannot be written.
        DataError: If the dataset cannot be found.
        RunStateError: If there is no final model, or the export disagrees with it.
    """
    format_ = check_format(format_name, is_quantized)
    check_card(run, check_final(run))
    ending = f"-8bit{format_.suffix}" if is_quantized else format_.suffix
    path = output or run.model / f"{run.study().name}{ending}"
    _check_output(run, path, force)
    final = load_final(run)
    square = Square(final.size, final.resize)
    pixels = _validation_pixels(run, square, format_.images, data)
    with _scratch_beside(path) as scratch:
        written = Path(scratch, f"export{format_.suffix}")
        comparison = write_export(
            final.model, final.class_names, written, format_, pixels, is_quantized
        )
        size = _size(written)
        _put_in_place(written, path, Path(scratch, "replaced"))
    write_card(run)
    return Exported(path, comparison, size)


def _check_output(run: Run, path: Path, force: bool) -> None:
    if realpath(path) in {realpath(run.model / name) for name in (MODEL, LABELS)}:
        raise InputError(f"{path} belongs to the run itself. Choose another --output.")
    if not path.exists():
        return
    if not force:
        raise InputError(
            f"{path} already exists. Replace it with --force, or choose another --output."
        )
    if path.is_dir() and not (path / "saved_model.pb").is_file():
        raise InputError(
            f"{path} is a folder but not a SavedModel, so it will not be replaced. Choose another "
            "--output."
        )


def _validation_pixels(run: Run, square: Square, count: int, data: Path | None) -> np.ndarray:
    """Up to `count` images spread over the validation set: uint8 (images, size, size, 3)."""
    from search.records.run_sets import sets_of
    from trainables.datasets.files.location import located
    from trainables.datasets.rows.images import load_images
    from trainables.datasets.rows.loading import read_splits

    study = run.study()
    section = located(study.dataset, study.name, data)
    index, splits = read_splits(section, sets_of(run, section))
    there = splits.validation
    chosen = np.linspace(0, len(there) - 1, min(count, len(there))).round().astype(np.int64)
    return np.asarray(load_images(index, there[chosen], square).pixels)


def _scratch_beside(path: Path) -> tempfile.TemporaryDirectory[str]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.") from error


def _put_in_place(written: Path, path: Path, aside: Path) -> None:
    """Move an export to its final path; a folder that it replaces is deleted with the scratch."""
    if path.is_dir():
        shutil.move(path, aside)
    elif path.exists() and written.is_dir():
        path.unlink()
    written.replace(path)


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else (path,)
    return sum(file.stat().st_size for file in files if file.is_file())
