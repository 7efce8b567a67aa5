"""This project's code on the machines of a cluster: shipped there, and seen to be what is imported.

Its packages have plain names. Another project's `search` on a worker's path would be imported
without a word, and an older checkout of this one too.
"""

from __future__ import annotations

import hashlib
import importlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spaces.errors import InputError

PACKAGES = ("spaces", "trainables", "search", "reports")


@contextmanager
def staged() -> Iterator[str]:
    """A folder that holds this project's packages, as this process imports them, and no more.

    As a working directory it comes first on the path of workers. Without one, Ray puts the folder
    there in which the driver happens to stand.
    """
    with tempfile.TemporaryDirectory(prefix="thawtune-code-") as folder:
        for name in PACKAGES:
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(_folder(name), Path(folder) / name, ignore=ignored)
        yield folder


def code_digest() -> str:
    """Of all that Python would import of this project here."""
    found = hashlib.sha256()
    for name in PACKAGES:
        folder = _folder(name)
        for path in sorted(folder.rglob("*.py")):
            found.update(f"{name}/{path.relative_to(folder).as_posix()}\0".encode())
            found.update(path.read_bytes())
    return found.hexdigest()


def check_same_code() -> None:
    """Ask every machine of the cluster what it imports. Needs Ray.

    Raises:
        InputError: If one of them has other code than this process.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    imported = ray.remote(num_cpus=0)(_imported)
    asked = {
        node["NodeManagerAddress"]: imported.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        ).remote()
        for node in ray.nodes()
        if node["Alive"]
    }
    own = code_digest()
    for address, answer in asked.items():
        digest, folder = ray.get(answer)
        if digest != own:
            raise InputError(
                f"The machine {address} would run other code than this one: what it imports as "
                f"search is {folder}. Remove that from its path, or bring it up to date."
            )


def _imported() -> tuple[str, str]:
    return code_digest(), str(_folder("search"))


def _folder(name: str) -> Path:
    module = importlib.import_module(name)
    return Path(str(module.__path__[0])).resolve()
