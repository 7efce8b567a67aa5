"""A machine with little memory, for tests that run searches on one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

GIGABYTE = 2**30
MEMORY = Path("/sys/fs/cgroup/memory")
ENTER = (
    f"mount --bind {MEMORY}/$0 {MEMORY} && echo $$ > {MEMORY}/cgroup.procs && "
    'if [ "$1" = true ]; then exit; fi; exec "$@"'
)
"""Lets a command see a cgroup as its whole machine, as in a container."""


@pytest.fixture
def small_machine() -> Iterator[Callable[[int], tuple[str, ...]]]:
    """Makes the prefix of a command that runs with so many bytes of memory."""
    made = []

    def make(size: int) -> tuple[str, ...]:
        group = MEMORY / f"thawtune-{os.getpid()}-{len(made)}"
        prefix = ("unshare", "-m", "sh", "-c", ENTER, group.name)
        try:
            group.mkdir()
            made.append(group)
            (group / "memory.limit_in_bytes").write_text(str(size), encoding="ascii")
            subprocess.run([*prefix, "true"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"limiting memory needs root and a writable cgroup: {error}")
        return prefix

    yield make
    for group in made:
        group.rmdir()
