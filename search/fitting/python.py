"""The Python interface, for notebooks: `fit` and `open_run`, and a run with its results."""

from __future__ import annotations

import html
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from search.fitting.fit import answer_of, write_report
from search.fitting.fit import fit as _fit
from search.fitting.look import Options
from search.fitting.source import minutes_for, source_of
from search.records.choice import choose
from search.records.run import Run
from search.remote.working_copy import run_at
from spaces.errors import DataError, RunStateError
from spaces.hyperparameters import Hyperparameters

if TYPE_CHECKING:
    import pandas as pd

    from search.final_model.predict import Predictor

_BATCH = 64
_NONE = ((None, None),)
"""The classes of an image that is too unsure for any."""


def fit(
    photos: str | Path,
    minutes: float | None = None,
    *,
    run: str | Path | None = None,
    address: str | None = None,
    gpu: bool | None = None,
    seed: int | None = None,
    quiet: bool = False,
) -> FittedRun:
    """Search, fine-tune, evaluate and report, as `thawtune fit` does.

    Args:
        photos: Folder, archive or table of images, or a file that has a study's dataset section
            alone; or a study.
        minutes: Time for everything; by default 30, or a study's own budget.
        run: Folder or URL of the run; by default named after the photos, in $THAWTUNE_RUNS or
            runs/.
        address: Address of a Ray cluster; None runs here.
        gpu: Whether to use GPUs; None uses them if there are any.
        seed: Of the split and of all trials; by default 0, or what a study says.
        quiet: Whether to print nothing.

    Raises:
        ThawtuneError: With the sentence that the command line would show.
    """
    source = source_of(str(photos))
    place = None if run is None else str(run)
    options = Options(minutes_for(source, minutes), place, address, gpu, seed)
    place, _, _ = _fit(source, options, Console(quiet=quiet, markup=False, emoji=False))
    return FittedRun(place)


def open_run(run: str | Path) -> FittedRun:
    """A run that exists, finished or not.

    Args:
        run: Its folder or URL.

    Raises:
        RunStateError: If there is none.
    """
    opened = FittedRun(str(run))
    with opened.files() as files:
        files.study()
    return opened


class FittedRun:
    """A run with its results, read from its files when they are asked for.

    Attributes:
        place: The run's folder or URL.
    """

    def __init__(self, place: str) -> None:
        self.place = place

    def files(self, *reads: str) -> AbstractContextManager[Run]:
        """The run's files, while the context is open.

        Args:
            reads: Files in subfolders, and subfolders, that are read.
        """
        return run_at(self.place, reads=reads)

    @property
    def answer(self) -> str:
        """How good the model is, and how that compares with the best recipe, in two lines."""
        with self.files() as files:
            return "\n".join(answer_of(files))

    @property
    def trials(self) -> pd.DataFrame:
        """One row per trial, as in trials.parquet.

        Raises:
            RunStateError: If the search has not ended yet, and so has written no table.
        """
        import pandas as pd

        with self.files() as files:
            if not files.trials.is_file():
                raise RunStateError(
                    f"{self.place} has no table of trials yet. The search writes it when it ends."
                )
            return pd.read_parquet(files.trials)

    @property
    def winner(self) -> Hyperparameters:
        """The configuration that was chosen, or is the best so far.

        Raises:
            RunStateError: If no trial has a result yet.
        """
        with self.files() as files:
            choice = choose(files.study(), files.history())
        if choice is None:
            raise RunStateError(f"No trial of {self.place} has a result yet, so none is the best.")
        return choice.trial.point

    def report(self) -> Path:
        """Write the report again, and return the path of its page."""
        with self.files("gradcam", "mistakes") as files:
            return write_report(files)

    def predict(
        self, paths: str | Path | Sequence[str | Path], top: int = 1, threshold: float = 0.0
    ) -> pd.DataFrame:
        """Classify images.

        Args:
            paths: Image files, and folders with images in them and in their subfolders.
            top: Number of classes to return for each image.
            threshold: Smallest probability of a class; an image without one has no label.

        Returns:
            A row for each image and class, the most likely class first: `path`, `rank`, `label`,
            `probability`, and `problem`, which says why an image cannot be read.

        Raises:
            InputError: If a path does not exist, or there are no images.
            DataError: If no image can be read.
            RunStateError: If there is no final model.
        """
        from trainables.process.tensorflow_setup import import_tensorflow

        import_tensorflow()
        import pandas as pd

        from search.final_model.predict import Prediction, find_images

        given = [paths] if isinstance(paths, str | Path) else paths
        images, _ = find_images([Path(path) for path in given])
        rows: list[tuple[str, int, str | None, float | None, str | None]] = []
        for found in self._predictor(top, threshold)(images):
            if isinstance(found, Prediction):
                classes: Sequence[tuple[str | None, float | None]] = found.classes or _NONE
                rows += [
                    (str(found.path), rank, label, share, None)
                    for rank, (label, share) in enumerate(classes, start=1)
                ]
            else:
                rows.append((str(found.path), 1, None, None, found.reason))
        if all(row[4] for row in rows):
            raise DataError(f"None of {len(rows)} images can be read. The first: {rows[0][4]}.")
        return pd.DataFrame(rows, columns=["path", "rank", "label", "probability", "problem"])

    def _predictor(self, top: int, threshold: float) -> Predictor:
        from search.final_model.load import FILES, load_final
        from search.final_model.predict import Predictor

        with self.files(*FILES) as files:
            dataset = files.study().dataset
            final = load_final(files)
        most = min(top, len(final.class_names))
        return Predictor(final, dataset, most, _BATCH, threshold=threshold)

    def __repr__(self) -> str:
        return f"FittedRun({self.place!r})\n{self.answer}"

    def _repr_html_(self) -> str:
        with self.files("gradcam", "mistakes", "report") as files:
            page = files.report / "index.html"
            lines = answer_of(files)
            page = page if page.is_file() else write_report(files)
        shown = "".join(f"<p>{html.escape(line)}</p>" for line in lines)
        return f'{shown}<p><a href="{html.escape(page.resolve().as_uri())}">Report</a></p>'
