"""A command run and measured: wall time, CPU time and memory of it and all that it starts."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
_EVERY = 0.5
"""Seconds between looks at the processes."""

_PATIENCE = 30.0
"""Seconds that a process has to end when it is asked to."""

_TICKS, _PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")


class CommandFailedError(Exception):
    """A command ended with an error; the text is the end of what it said."""


@dataclass
class Measured:
    """What a command took.

    Attributes:
        began: Seconds since 1970.
        seconds: From its start to its end.
        cpu_seconds: Of all its processes: what the kernel says of those that were waited for, or
            what was seen of all of them each half second, whichever is more. Either can only
            miss some.
        load: Load average of the minute before.
        memory: Of each of Ray's workers, (seconds since 1970, MB) at each look. Files that are
            mapped into memory do not count.
        spent: Of each of them, (seconds since 1970, its CPU seconds) at each look.
        own_memory: MB of the command's own process at the most, counted likewise.
        written: MB that all processes have written to disks, as far as it was seen.
    """

    began: float
    load: float
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    memory: dict[int, list[tuple[float, float]]] = field(default_factory=dict)
    spent: dict[int, list[tuple[float, float]]] = field(default_factory=dict)
    own_memory: float = 0.0
    written: float = 0.0

    @property
    def worker_peak(self) -> float:
        """MB of the largest of Ray's workers at any look; 0 without any."""
        return max((mb for samples in self.memory.values() for _, mb in samples), default=0.0)


def run_measured(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str] | None = None,
    until: Callable[[], bool] | None = None,
) -> Measured:
    """Run a command from the repository's root, with temporary files in `folder`.

    Args:
        command: Arguments.
        folder: Its temporary folder; what it says goes to `output.txt` there.
        environment: On top of this process's.
        until: If it says true, the command is asked to end, and that is no error.

    Raises:
        CommandFailedError: If it ends with an error.
    """
    with (folder / "output.txt").open("wb") as output:
        before = _children_seconds()
        measured = Measured(time.time(), os.getloadavg()[0])
        start = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=ROOT, env=_environment(folder, environment), stdout=output, stderr=output
        )
        watch = _Watch(process.pid, measured)
        stopped = _wait(process, watch, until)
        measured.seconds = time.perf_counter() - start
    watch.end_what_is_left()
    measured.cpu_seconds = max(_children_seconds() - before, watch.seconds)
    if process.returncode and not stopped:
        text = (folder / "output.txt").read_text(errors="replace")
        raise CommandFailedError(_last_words(text, folder, process.returncode))
    return measured


def _environment(folder: Path, more: Mapping[str, str] | None) -> dict[str, str]:
    own = {
        "TMPDIR": str(folder),
        "RAY_TMPDIR": str(folder),
        "THAWTUNE_CACHE": str(folder / "cache"),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "KERAS_BACKEND": "tensorflow",
    }
    return dict(os.environ) | own | dict(more or {})


def _wait(
    process: subprocess.Popen[bytes], watch: _Watch, until: Callable[[], bool] | None
) -> bool:
    """Wait for the end; whether it was asked for."""
    try:
        while True:
            try:
                process.wait(_EVERY)
                return False
            except subprocess.TimeoutExpired:
                watch.look()
            if until is not None and until():
                _ask_to_end(process)
                return True
    except BaseException:
        _ask_to_end(process)
        watch.end_what_is_left()
        raise


def _ask_to_end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class _Watch:
    """A process and its descendants, those too whose parents have ended meanwhile."""

    def __init__(self, pid: int, measured: Measured) -> None:
        self._known: dict[int, tuple[int, float]] = {pid: (0, 0.0)}
        self._past = 0.0
        self._root = pid
        self._written: dict[tuple[int, int], float] = {}
        self._measured = measured

    @property
    def seconds(self) -> float:
        """CPU seconds seen so far."""
        return self._past + sum(seconds for _, seconds in self._known.values())

    def look(self) -> None:
        """Take note of what runs now."""
        table = dict(_processes())
        while new := _children(table, self._known):
            self._known |= {pid: (table[pid][1], 0.0) for pid in new}
        for pid, (started, seconds) in list(self._known.items()):
            now = table.get(pid)
            if now is None or started not in (0, now[1]):
                self._past += seconds
                del self._known[pid]
                continue
            self._known[pid] = (now[1], now[2])
            self._written[pid, now[1]] = now[5]
            if now[4]:
                looked = time.time()
                self._measured.memory.setdefault(pid, []).append((looked, now[3]))
                self._measured.spent.setdefault(pid, []).append((looked, now[2]))
            elif pid == self._root:
                self._measured.own_memory = max(self._measured.own_memory, now[3])
        self._measured.written = sum(self._written.values())

    def end_what_is_left(self) -> None:
        """Kill descendants that outlived the command."""
        self.look()
        for pid in list(self._known):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


_Process = tuple[int, int, float, float, bool, float]
"""Parent, start in ticks, CPU seconds, MB, whether it is a worker of Ray's, and MB written."""


def _children(table: Mapping[int, _Process], known: Mapping[int, object]) -> set[int]:
    """Processes that are not known yet, and whose parents are."""
    return {pid for pid, process in table.items() if pid not in known and process[0] in known}


def _processes() -> list[tuple[int, _Process]]:
    """All that run now."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            is_worker = (entry / "cmdline").read_bytes().startswith(b"ray::")
            pages = [int(number) for number in (entry / "statm").read_text().split()]
            written = _written(entry)
        except OSError:
            continue
        if fields[0] == "Z":
            continue
        seconds = (int(fields[11]) + int(fields[12])) / _TICKS
        memory = (pages[1] - pages[2]) * _PAGE / 2**20
        about = (int(fields[1]), int(fields[19]), seconds, memory, is_worker, written)
        found.append((int(entry.name), about))
    return found


def _written(process: Path) -> float:
    """MB that a process has written to disks; 0 where that is not ours to see."""
    try:
        lines = (process / "io").read_text().splitlines()
    except PermissionError:
        return 0.0
    numbers = dict(line.split(": ") for line in lines)
    return (int(numbers["write_bytes"]) - int(numbers["cancelled_write_bytes"])) / 2**20


def _last_words(text: str, folder: Path, code: int) -> str:
    """The end of an output, without paths of this machine."""
    for path, name in (
        (folder, "TMP"),
        (Path(sys.prefix), "VENV"),
        (ROOT, "."),
        (Path.home(), "~"),
    ):
        text = text.replace(str(path), name)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"exit {code}: " + (" | ".join(lines[-3:])[-600:] if lines else "it said nothing")
