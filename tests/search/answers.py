"""What a command answers, run in this process, and every byte of the folder that it was given."""

from __future__ import annotations

import contextlib
import hashlib
import io
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from search import cli


class AcceptedError(BaseException):
    """Ray would be used here: the command was not refused."""


class Answer(NamedTuple):
    """Exit code, None if the command would have used Ray, and what it wrote to stderr."""

    code: int | None
    said: str


def without_ray(patch: pytest.MonkeyPatch) -> None:
    """Let Ray seem to start, and searches, fine-tunings and probes end where they would use it."""

    def accept(*_: object) -> None:
        raise AcceptedError

    patch.setattr("search.cluster.ray_session._init", lambda *_, **__: None)
    for user in ("driver.search.placed", "finetune.finetune.train", "fitting.look._measured"):
        patch.setattr(f"search.{user}", accept)


def answer(*words: object) -> Answer:
    """The answer of a command; what no command should raise is raised."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stderr(said):
        without_ray(patch)
        patch.setattr(sys, "argv", ["thawtune", *map(str, words)])
        try:
            cli.main()
        except SystemExit as end:
            return Answer(int(end.code or 0), said.getvalue())
        except AcceptedError:
            return Answer(None, said.getvalue())
    return Answer(0, said.getvalue())


def state_of(folder: Path) -> dict[str, tuple[str, int]]:
    """Content and modification time of each file, by path; links as links, and folders by name.

    The lock is left out: who takes it creates its empty file, before the rest can be judged.
    """
    paths = [folder, *folder.rglob("*")] if folder.exists() else []
    return {str(p.relative_to(folder)): _state(p) for p in paths if p.name != ".lock"}


def _state(path: Path) -> tuple[str, int]:
    changed = path.lstat().st_mtime_ns
    if path.is_symlink():
        return f"link to {path.readlink()}", changed
    if path.is_dir():
        return "folder", 0
    return hashlib.sha256(path.read_bytes()).hexdigest(), changed
