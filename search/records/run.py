"""The folder of a run: the path of each of its files, reading and writing them."""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pydantic import TypeAdapter, ValidationError

from search.records.events import Event, check
from search.records.history import History
from search.records.ledger import damaged, read_ledger
from spaces.errors import InputError, RunStateError
from spaces.studies.study import Study
from spaces.studies.study_file import load_study


class Upload(Protocol):
    """The upload of a working copy to the URL of its run."""

    def publish(self) -> None:
        """Upload what has changed."""


@dataclass(frozen=True)
class Run:
    """The paths of one run; creating it reads and writes nothing.

    Attributes:
        folder: The run's folder.
        remote: The URL of the run, if the folder is a working copy.
        upload: Uploads what changes in a working copy.
    """

    folder: Path
    remote: str | None = None
    upload: Upload | None = field(default=None, compare=False)

    def publish(self) -> None:
        """Make sure that what has been written is at the run's URL, if it has one.

        Raises:
            RunStateError: If it cannot be written there.
        """
        if self.upload is not None:
            self.upload.publish()

    @property
    def place(self) -> str:
        """The run's folder or URL, as shown to the user."""
        return self.remote or str(self.folder)

    def command(self, name: str, *options: str) -> str:
        """A command on this run, to be typed as it is."""
        return shlex.join(["thawtune", name, self.place, *options])

    @property
    def study_file(self) -> Path:
        """The study as run, every default written out."""
        return self.folder / "study.yaml"

    @property
    def ledger(self) -> Path:
        """The append-only list of events, from which everything else follows."""
        return self.folder / "ledger.jsonl"

    @property
    def trials(self) -> Path:
        """One row per trial."""
        return self.folder / "trials.parquet"

    @property
    def epochs(self) -> Path:
        """One row per trial and epoch."""
        return self.folder / "epochs.parquet"

    @property
    def checkpoints(self) -> Path:
        """One folder per trial."""
        return self.folder / "checkpoints"

    def trial_checkpoints(self, number: int | None = None) -> str:
        """The folder of a trial's checkpoints, or of all: an absolute path, or a URL."""
        path = self.checkpoints / ("" if number is None else self.trial_folder_name(number))
        return str(path.resolve()) if self.remote is None else self.shown(path)

    def shown(self, path: Path) -> str:
        """A file as shown to the user: its path, or its URL if it is in a working copy."""
        if self.remote is None or not path.is_relative_to(self.folder):
            return str(path)
        place, mark, query = self.remote.partition("?")
        return f"{place}/{path.relative_to(self.folder).as_posix()}{mark}{query}"

    @staticmethod
    def trial_folder_name(number: int) -> str:
        """The name of a trial's folder in `checkpoints`."""
        return f"trial_{number:05d}"

    @property
    def journal(self) -> Path:
        """The Optuna study, for use with optuna-dashboard."""
        return self.folder / "study.journal"

    @property
    def finalists(self) -> Path:
        """The results of the best trials with other seeds."""
        return self.folder / "finalists.json"

    @property
    def importance(self) -> Path:
        """The importance of each hyperparameter."""
        return self.folder / "importance.json"

    @property
    def data(self) -> Path:
        """The classes, and their counts in each set."""
        return self.folder / "data.json"

    @property
    def sets(self) -> Path:
        """Every image with its set and the digest of its content, fixed when the run begins."""
        return self.folder / "data.parquet"

    @property
    def contact_sheet(self) -> Path:
        """A picture of random training images."""
        return self.folder / "contact_sheet.png"

    @property
    def predictions(self) -> Path:
        """The predictions of each model for each test image."""
        return self.folder / "predictions.parquet"

    @property
    def finetune(self) -> Path:
        """How the winner was fine-tuned."""
        return self.folder / "finetune.json"

    @property
    def test(self) -> Path:
        """The results on the sealed test set."""
        return self.folder / "test.json"

    @property
    def opening(self) -> Path:
        """When the test set was opened, and for which models: written before it is read."""
        return self.folder / "opening.json"

    @property
    def model(self) -> Path:
        """The folder of the fine-tuned model."""
        return self.folder / "model"

    @property
    def report(self) -> Path:
        """The folder of the report: HTML, Markdown and figures."""
        return self.folder / "report"

    def study(self) -> Study:
        """The study as run.

        Raises:
            RunStateError: If the folder contains no run, or its study file is damaged.
        """
        if not self.ledger.is_file() or not self.study_file.is_file():
            raise RunStateError(
                f"{self.place} is not a run: it does not contain study.yaml and ledger.jsonl. "
                "Give the folder or URL that the search printed; thawtune list shows the runs in a "
                "folder."
            )
        try:
            return load_study(self.study_file)
        except InputError as error:
            raise RunStateError(f"The run's own study.yaml is damaged. {error}") from error

    def events(self) -> list[Event]:
        """The events so far, of which a history can be made.

        Raises:
            RunStateError: If the ledger is missing or damaged, or a newer thawtune wrote it.
        """
        return self._replayed()[0]

    def history(self) -> History:
        """The history so far.

        Raises:
            RunStateError: If the ledger is missing or damaged, or a newer thawtune wrote it.
        """
        return self._replayed()[1]

    def _replayed(self) -> tuple[list[Event], History]:
        try:
            events, history = read_ledger(self.ledger), History()
        except OSError as error:
            raise RunStateError(
                f"{self.shown(self.ledger)} cannot be read: {error.strerror or error}."
            ) from error
        for number, event in enumerate(events, start=1):
            try:
                check(event)
                history.take(event)
            except (KeyError, TypeError, ValueError) as error:
                raise damaged(self.shown(self.ledger), number, _in_words(error)) from error
        return events, history

    def read_json(self, path: Path, shape: TypeAdapter[Any] | None = None) -> dict[str, Any] | None:
        """The content of a JSON file of this run, or None if it does not exist yet.

        Args:
            path: The file.
            shape: What it must have, one of `search.records.result_files`; None takes any JSON.

        Raises:
            RunStateError: If it cannot be read, or is not JSON of this shape.
        """
        if not path.is_file():
            return None
        try:
            value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            if shape is not None:
                shape.validate_python(value)
        except (OSError, ValueError, RecursionError) as error:
            raise RunStateError(
                f"{self.shown(path)} is damaged: {_in_words(error)}. Delete it, and run the "
                "command that writes it again."
            ) from error
        return value


def make_folder(run: Run) -> None:
    """Make the folder of a run, which its owner alone can enter; one that exists stays as it is."""
    run.folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _in_words(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc'])) or 'its content'}: {first['msg']}"
    return f"there is no trial {error}" if isinstance(error, KeyError) else str(error)


def write_whole(path: Path, content: bytes | str) -> None:
    """Write a file atomically: it is there whole or not at all, even after a power failure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write a JSON file atomically. Numbers must be finite."""
    write_whole(path, json.dumps(value, indent=1, allow_nan=False) + "\n")
