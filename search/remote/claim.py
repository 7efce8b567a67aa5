"""The claim on a run at a URL: which process writes there, and how another one takes over.

Claims are numbered files, `driver/000001.json` and so on, and the newest one of a role counts. Each
is only ever created, by whoever takes the run over, and afterwards changed by its owner alone: a
counter that moves is its sign of life. So nobody removes another's claim, no clocks are compared,
and the owner of a claim has lost it if and only if there is a newer one.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import PurePosixPath

from search.remote.roles import DRIVER, Role
from spaces.errors import InputError, RunStateError
from trainables.cache.object_storage import Storage

PATIENCE_VARIABLE = "THAWTUNE_TAKEOVER_SECONDS"
"""Environment variable: how long a claim must stand still before another machine takes over."""

_PATIENCE = 150.0
"""Its default: longer than a driver waits for a storage that is away (`patience.SECONDS`)."""

_RENEWALS = 10
"""How often a claim is renewed in that time."""


class ClaimLostError(RunStateError):
    """Another process has taken the run over."""


@dataclass(frozen=True)
class _Content:
    """What a claim says.

    Attributes:
        by: Its owner, as shown to the user.
        token: Unique for each claim.
        copy: The owner's working copy, which it holds a lock on.
        beat: Moves while the owner is alive.
        released: Whether the owner is done.
    """

    by: str
    token: str
    copy: str
    beat: int = 0
    released: bool = False

    def to_json(self) -> bytes:
        return json.dumps(asdict(self)).encode()


class Claim:
    """A claim that this process holds.

    Attributes:
        token: Unique for each claim.

    Args:
        storage: The run's storage.
        role: What it is for.
        number: Number of the claim.
        content: What it says.
    """

    def __init__(self, storage: Storage, role: Role, number: int, content: _Content) -> None:
        self.token = content.token
        self._storage, self._role = storage, role
        self._number, self._content = number, content

    def check(self) -> None:
        """Check that no other process has taken the run over.

        Raises:
            ClaimLostError: If one has.
            OSError: If the storage cannot be read.
        """
        if self._role.name(self._number + 1) in self._storage:
            raise self._lost(_newest(self._storage, self._role))

    def renew(self) -> None:
        """Give a sign of life.

        Raises:
            ClaimLostError: If another process has taken the run over.
            OSError: If the storage cannot be used.
        """
        self.check()
        content = replace(self._content, beat=self._content.beat + 1)
        self._storage.write(self._role.name(self._number), content.to_json())
        self._content = content

    def release(self, is_used: bool) -> None:
        """Let others take the run at once.

        Args:
            is_used: Whether anything was written under this claim. If not, no trace of it is left.

        Raises:
            OSError: If the storage cannot be used.
        """
        with suppress(ClaimLostError):
            self.check()
            if is_used:
                content = replace(self._content, released=True)
                self._storage.write(self._role.name(self._number), content.to_json())
            else:
                self._storage.delete([self._role.name(self._number)])

    def _lost(self, newest: tuple[int, _Content] | None) -> ClaimLostError:
        by = f" ({newest[1].by})" if newest else ""
        return ClaimLostError(
            f"Another process{by} has taken over the run in {self._storage.url}, because this one "
            f"gave no sign of life for {takeover_seconds():.0f} s. Nothing that it has done since "
            "then is part of the run."
        )


@contextmanager
def claimed(
    storage: Storage, copy: str, say: Callable[[str], None], role: Role = DRIVER
) -> Iterator[Claim]:
    """Hold the claim on a run, and renew it in a background thread. It is not released here.

    Args:
        storage: The run's storage.
        copy: Id of the working copy, which this process has locked: a claim of the same one is
            left over from a process that is gone.
        say: Called with messages for the user.
        role: What the claim is for.

    Raises:
        RunStateError: If another process holds the claim, or the storage cannot be used.
    """
    seconds = takeover_seconds()
    with storage.told("claimed"):
        claim = _taken(storage, role, copy, say)
    over = threading.Event()
    thread = threading.Thread(target=_renew, args=(claim, seconds, over), daemon=True)
    thread.start()
    try:
        yield claim
    finally:
        over.set()
        thread.join()


def takeover_seconds() -> float:
    """How long a claim must stand still before another machine takes over.

    Raises:
        InputError: If the environment variable is no positive number.
    """
    given = os.environ.get(PATIENCE_VARIABLE) or str(_PATIENCE)
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise InputError(f"{PATIENCE_VARIABLE} is {given}, but must be a positive number.")
    return seconds


def _renew(claim: Claim, seconds: float, over: threading.Event) -> None:
    while not over.wait(seconds / _RENEWALS):
        try:
            claim.renew()
        except OSError:
            continue  # it may come back; whoever writes under the claim notices it, too
        except ClaimLostError:
            return  # each upload checks the claim


def _taken(storage: Storage, role: Role, copy: str, say: Callable[[str], None]) -> Claim:
    mine = _Content(f"{socket.gethostname()}, process {os.getpid()}", uuid.uuid4().hex, copy)
    while True:
        newest = _newest(storage, role)
        if newest is not None and not (newest[1].released or newest[1].copy == copy):
            _watch(storage, role, newest, say)
        number = newest[0] + 1 if newest else 1
        if storage.create(role.name(number), mine.to_json()):
            return Claim(storage, role, number, mine)


def _watch(
    storage: Storage, role: Role, held: tuple[int, _Content], say: Callable[[str], None]
) -> None:
    """Wait until a claim has stood still for so long that its owner counts as gone.

    Raises:
        RunStateError: If it moves.
    """
    seconds = takeover_seconds()
    say(
        f"{held[1].by} {role.does} the run in {storage.url}, or was killed. Waiting for a sign of "
        f"life, for up to {seconds:.0f} s."
    )
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(seconds / _RENEWALS / 3)
        newest = _newest(storage, role)
        if newest is None or newest[1].released:
            return
        if newest != held:
            raise role.refusal(f" ({newest[1].by})", storage.url)


def _newest(storage: Storage, role: Role) -> tuple[int, _Content] | None:
    """The newest claim and its number; None: there is none."""
    names = storage.names(role.folder)
    if not names:
        return None
    name = names[-1]
    try:
        content = storage.read(name)
        return int(PurePosixPath(name).stem), _Content(**json.loads(content))
    except FileNotFoundError:
        return _newest(storage, role)  # withdrawn since
    except (ValueError, TypeError) as error:
        raise RunStateError(
            f"{name} in {storage.url} is damaged: {error}. If no process {role.does} the run, "
            "delete it."
        ) from error
