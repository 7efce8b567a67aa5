"""A Ray of our own on this machine: its temporary folder, its token, and its workers' path."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path

from spaces.errors import InputError
from trainables.cache.folder import FOLDER_VARIABLE

LONGEST_FOLDER = 36
"""Bytes of the temporary folder's path at most. A Unix socket's path has at most 107, and Ray adds
up to 71: /ray/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store."""

_TOKEN, _TOKEN_FILE = "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"


@contextmanager
def starting_ray() -> Iterator[str]:
    """Prepare this process to start Ray, and keep to that while it does.

    Ray puts the current folder first on its workers' path, where a person may have a `search.py`:
    meanwhile, that folder is the root.

    Yields:
        The folder for Ray's files.

    Raises:
        InputError: If Ray cannot be started.
    """
    folder = temporary_folder()
    protect_token()
    try:
        with chdir("/"), _without(FOLDER_VARIABLE):
            yield folder
    except (OSError, RuntimeError, ValueError) as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        raise InputError(
            f"Ray cannot be started on this machine, with its files in {folder}: "
            f"{(lines or [type(error).__name__])[0].rstrip('.')}. RAY_TMPDIR names another folder."
        ) from error


@contextmanager
def _without(variable: str) -> Iterator[None]:
    """Leave a variable out of the workers' environment: their tasks say what holds."""
    value = os.environ.pop(variable, None)
    try:
        yield
    finally:
        if value is not None:
            os.environ[variable] = value


def temporary_folder() -> str:
    """The folder for Ray's files: in $RAY_TMPDIR, or else in $TMPDIR or, if that is long, in /tmp.

    Raises:
        InputError: If its path is too long, or nothing can be written there.
    """
    named = os.environ.get("RAY_TMPDIR")
    places = (named,) if named else (tempfile.gettempdir(), "/tmp", "/var/tmp")  # noqa: S108
    for place in places:
        if len(os.fsencode(place)) <= LONGEST_FOLDER and os.access(place, os.W_OK | os.X_OK):
            return os.path.join(os.path.abspath(place), "ray")
    raise InputError(
        f"Ray needs a writable folder whose path has at most {LONGEST_FOLDER} bytes, and "
        f"{' or '.join(places)} is none. Name one in RAY_TMPDIR."
    )


def protect_token() -> None:
    """Let no other user read the token with which anybody may run code in our Ray.

    Ray would write ~/.ray/auth_token for all users to read, and it would not start if it cannot
    write it. Where the home folder is read-only, this process and its workers alone know the token.
    """
    if os.environ.get(_TOKEN) or os.environ.get(_TOKEN_FILE):
        return
    path, token = Path("~/.ray/auth_token").expanduser(), secrets.token_hex(32)
    if path.is_file():
        _take_from_others(path)
        return
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(path, "x", encoding="ascii", opener=_owners) as file:
            file.write(token)
    except OSError:
        os.environ[_TOKEN] = token


def _owners(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _take_from_others(path: Path) -> None:
    mode = path.stat().st_mode & 0o777
    if mode & 0o077 and path.stat().st_uid == os.geteuid():
        try:
            path.chmod(mode & 0o700)
        except OSError:
            return  # on a read-only disk, nothing can be changed
