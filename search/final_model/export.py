"""`thawtune export`: the final model in another format, compared before it is put in place."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from search.final_model.load import LABELS, MODEL, check_final, load_final
from search.final_model.model_card import write_card
from search.records.run import Run
from spaces.errors import InputError
from trainables.export.exporting import Comparison, check_format, write_export


@dataclass(frozen=True)
class Exported:
    """What an export came to.

    Attributes:
        path: The file, or the folder of a SavedModel.
        comparison: With the model it was made from.
        size: In bytes.
    """

    path: Path
    comparison: Comparison
    size: int

    def in_words(self, run: Run) -> str:
        """For the terminal."""
        found = self.comparison
        return (
            f"exported: {run.shown(self.path)}, {self.size / 1e6:.1f} MB\n"
            f"on {found.images} validation images: largest difference of a probability "
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
    """Write the final model in a format, whole or not at all, and its card.

    The images of the comparison are from the validation set: the test set stays sealed.

    Args:
        run: A run that is fine-tuned.
        format_name: One of `trainables.export.exporting.FORMATS`.
        output: Where to; by default beside the model, named for the study.
        is_quantized: Keep weights in 8 bits; LiteRT alone.
        force: Replace what is there.
        data: Where the dataset is, if it has moved since.

    Raises:
        InputError: If a package is missing, or the output is there or cannot be written.
        DataError: If the dataset is not where it was.
        RunStateError: If there is no final model, or the export says something else than it.
    """
    format_ = check_format(format_name, is_quantized)
    check_final(run)
    ending = f"-8bit{format_.suffix}" if is_quantized else format_.suffix
    path = output or run.model / f"{run.study().name}{ending}"
    _check_output(run, path, force)
    final = load_final(run)
    pixels = _validation_pixels(run, final.size, format_.images, data)
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
    if path.resolve() in {(run.model / name).resolve() for name in (MODEL, LABELS)}:
        raise InputError(f"{path} belongs to the run itself. Give another --output.")
    if not path.exists():
        return
    if not force:
        raise InputError(f"{path} is there already. Replace it by --force, or give --output.")
    if path.is_dir() and not (path / "saved_model.pb").is_file():
        raise InputError(f"{path} is a folder and no SavedModel: it is not replaced.")


def _validation_pixels(run: Run, size: int, count: int, data: Path | None) -> np.ndarray:
    """At most `count` images from all over the validation set: uint8 (images, size, size, 3)."""
    from search.records.run_sets import sets_of
    from trainables.datasets.files.location import located
    from trainables.datasets.rows.images import load_images
    from trainables.datasets.rows.loading import read_splits

    study = run.study()
    section = located(study.dataset, study.name, data)
    index, splits = read_splits(section, sets_of(run, section))
    there = splits.validation
    chosen = np.linspace(0, len(there) - 1, min(count, len(there))).round().astype(np.int64)
    return load_images(index, there[chosen], size).pixels


def _scratch_beside(path: Path) -> tempfile.TemporaryDirectory[str]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.") from error


def _put_in_place(written: Path, path: Path, aside: Path) -> None:
    """Move an export to where it belongs; what a folder replaces goes with the scratch folder."""
    if path.is_dir():
        shutil.move(path, aside)
    elif path.exists() and written.is_dir():
        path.unlink()
    written.replace(path)


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else (path,)
    return sum(file.stat().st_size for file in files if file.is_file())
