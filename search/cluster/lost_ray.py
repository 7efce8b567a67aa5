"""Noticing that Ray itself has died on this machine, before it ends this process without a word."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from search.cluster.ray_private import dead_process
from spaces.errors import RunStateError

_EVERY = 0.25
"""Seconds between two looks. Ray ends its driver some 13 s after its own end."""

_SIGNAL = signal.SIGUSR2
"""Tune listens to SIGUSR1."""


class LostRayError(RunStateError):
    """A process of Ray that everything depends on has died on this machine."""


class _LostRay(BaseException):
    """Not an Exception: neither Ray Tune nor anything else that waits for Ray shall handle it."""


@contextmanager
def noticing_lost_ray() -> Iterator[None]:
    """End what runs in the context if a process of the Ray that this process started dies.

    Only the main thread can be interrupted; in any other one this does nothing.

    Raises:
        LostRayError: If one has died.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    found: list[str] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(_EVERY):
            dead = dead_process()
            if dead is not None:
                found.append(dead)
                signal.pthread_kill(threading.main_thread().ident or 0, _SIGNAL)
                return

    def interrupt(_: int, __: FrameType | None) -> None:
        raise _LostRay

    before = signal.signal(_SIGNAL, interrupt)
    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    except BaseException as error:  # Ray's own code may turn the interruption into a SystemError
        if not found:
            raise
        raise LostRayError(
            f"Ray has failed: its process {found[0]} on this machine has died, perhaps because "
            "memory ran out (then the kernel's log, dmesg, says so)."
        ) from error
    finally:
        over.set()
        thread.join()
        signal.signal(_SIGNAL, before)
