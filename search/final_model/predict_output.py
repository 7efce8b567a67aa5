"""Output of `thawtune predict`: a table, lines, JSON or CSV."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from search.final_model.load import check_final, load_final
from search.final_model.predict import Prediction, Predictor, Result, Unreadable, find_images
from search.records.run import Run
from spaces.errors import DataError, InputError
from spaces.texts import csv_cell, name_of, printable

_WORTH_A_BAR = 100
"""Smallest number of images for which a progress bar is shown."""

UNSURE = "unsure"
"""Shown in the place of a class where none is as likely as the threshold asks for."""

Writer = Callable[[Result], None]


@dataclass(frozen=True)
class Wanted:
    """Options of `predict`.

    Attributes:
        top: Largest number of classes to show per image.
        batch: Images classified at once.
        explanations: Folder for Grad-CAM pictures, or None.
        csv_file: CSV file to write, or None.
        as_json: Print one JSON object per line.
        threshold: Smallest probability of a class that is shown; without one, an image is "unsure".
    """

    top: int = 5
    batch: int = 64
    explanations: Path | None = None
    csv_file: Path | None = None
    as_json: bool = False
    threshold: float = 0.0


def predict(
    run: Run, given: Sequence[Path], wanted: Wanted, console: Console, errors: Console
) -> None:
    """Classify images with a run's final model.

    Args:
        run: A run whose winner has been fine-tuned.
        given: Images, and folders of images.
        wanted: The options.
        console: Standard output.
        errors: Standard error, for progress and unreadable images.

    Raises:
        InputError: If a path does not exist, there are no images, or an output cannot be written.
        DataError: If no image can be read.
        RunStateError: If there is no final model.
    """
    check_final(run)
    paths, others = find_images(given)
    final = load_final(run)
    top = min(wanted.top, len(final.class_names))
    dataset = run.study().dataset
    predictor = Predictor(final, dataset, top, wanted.batch, wanted.explanations, wanted.threshold)
    if others:
        errors.print(
            f"Ignoring {others} files in the folders that are not images.", highlight=False
        )
    show(
        predictor(paths),
        len(paths),
        top,
        console=console,
        errors=errors,
        as_json=wanted.as_json,
        csv_file=wanted.csv_file,
    )


def show(
    results: Iterable[Result],
    count: int,
    top: int,
    *,
    console: Console,
    errors: Console,
    as_json: bool = False,
    csv_file: Path | None = None,
) -> int:
    """Show each result as soon as it is available.

    Args:
        results: The results.
        count: Their number.
        top: Number of classes in each.
        console: Standard output: a table on a terminal, otherwise one line per image.
        errors: Standard error, for progress and unreadable images.
        as_json: Print one JSON object per line instead.
        csv_file: Also write this file, atomically.

    Returns:
        The number of images that could not be read.

    Raises:
        DataError: If no image could be read.
        InputError: If the CSV file cannot be written.
    """
    unreadable = 0
    with ExitStack() as stack:
        writers = [stack.enter_context(_output(console, as_json))]
        if csv_file is not None:
            writers.append(stack.enter_context(_csv(csv_file, top)))
        tell = stack.enter_context(_progress(errors, count))
        for result in results:
            if isinstance(result, Unreadable):
                unreadable += 1
                errors.print(Text(f"{_shown(result.path)} {result.reason}."), soft_wrap=True)
            for write in writers:
                write(result)
            tell()
        if unreadable == count:
            raise DataError(f"Nothing was classified: none of {count} images could be read.")
    if unreadable:
        errors.print(f"{unreadable} of {count} images could not be read.", highlight=False)
    return unreadable


@contextmanager
def _progress(errors: Console, count: int) -> Iterator[Callable[[], None]]:
    if not errors.is_terminal or count < _WORTH_A_BAR:
        yield lambda: None
        return
    columns = (TextColumn("classifying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True) as bar:
        task = bar.add_task("", total=count)
        yield lambda: bar.advance(task)


@contextmanager
def _output(console: Console, as_json: bool) -> Iterator[Writer]:
    if as_json:
        yield lambda result: print(json.dumps(_record(result), ensure_ascii=False))
    elif not console.is_terminal:
        yield _print_line
    else:
        table = Table("image", "class", "probability", "then")
        yield lambda result: _add_row(table, result)
        if table.row_count:
            console.print(table)


def _record(result: Result) -> dict[str, Any]:
    image = name_of(result.path)
    if isinstance(result, Unreadable):
        return {"image": image, "error": result.reason}
    classes = [{"class": name, "probability": share} for name, share in result.classes]
    found = {"image": image, "classes": classes}
    return (
        found
        if result.explanation is None
        else found | {"explanation": name_of(result.explanation)}
    )


def _print_line(result: Result) -> None:
    if isinstance(result, Prediction):
        shares = [f"{printable(name)}\t{share:.4f}" for name, share in result.classes]
        print(_shown(result.path), *(shares or [UNSURE]), sep="\t")


def _add_row(table: Table, result: Result) -> None:
    if isinstance(result, Prediction) and not result.classes:
        table.add_row(Text(_shown(result.path)), UNSURE, "", "")
    elif isinstance(result, Prediction):
        (name, share), *others = result.classes
        rest = ", ".join(f"{printable(other)} {s:.2f}" for other, s in others)
        cells = (_shown(result.path), printable(name), f"{share:.4f}", rest)
        table.add_row(*(Text(cell) for cell in cells))


@contextmanager
def _csv(path: Path, top: int) -> Iterator[Writer]:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with _writing(path):
            file = temporary.open("w", encoding="utf-8", newline="")
        with file:
            writer = csv.writer(file)

            def write(cells: list[str | float]) -> None:
                with _writing(path):
                    writer.writerow(map(csv_cell, cells))

            write(_headings(top))
            yield lambda result: write(_cells(result, top))
            with _writing(path):
                file.flush()
                os.fsync(file.fileno())
        with _writing(path):
            temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.") from error


def _headings(top: int) -> list[str | float]:
    numbers = ("", *(f"_{rank}" for rank in range(2, top + 1)))
    classes = [f"{name}{number}" for number in numbers for name in ("class", "probability")]
    return ["image", *classes, "explanation", "error"]


def _cells(result: Result, top: int) -> list[str | float]:
    if isinstance(result, Unreadable):
        return [name_of(result.path), *[""] * (2 * top + 1), result.reason]
    shares = [cell for pair in result.classes for cell in pair]
    picture = "" if result.explanation is None else name_of(result.explanation)
    return [name_of(result.path), *shares, *[""] * (2 * (top - len(result.classes))), picture, ""]


def _shown(path: Path) -> str:
    return printable(name_of(path))
