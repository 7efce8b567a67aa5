"""Shipping this project's code to the nodes of a cluster, and checking that they import it.

The packages have common names: without the check, workers could silently import another project's
`search`, or an older version of this one.
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
    """A folder with just this project's packages, as this process imports them.

    As Ray's working directory it comes first on the workers' path. Without it, Ray would put the
    driver's current directory there.
    """
    with tempfile.TemporaryDirectory(prefix="thawtune-code-") as folder:
        for name in PACKAGES:
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(_folder(name), Path(folder) / name, ignore=ignored)
        yield folder


def code_digest() -> str:
    """A digest of all this project's modules as Python would import them here."""
    found = hashlib.sha256()
    for name in PACKAGES:
        folder = _folder(name)
        for path in sorted(folder.rglob("*.py")):
            found.update(f"{name}/{path.relative_to(folder).as_posix()}\0".encode())
            found.update(path.read_bytes())
    return found.hexdigest()


def check_same_code() -> None:
    """Compare the code that every node of the cluster imports with ours. Ray must be running.

    Raises:
        InputError: If a node would import other code than this process.
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
                f"The node {address} would run different code: it imports the package search from "
                f"{folder}. Remove that folder from its path, or update it."
            )


def _imported() -> tuple[str, str]:
    return code_digest(), str(_folder("search"))


def _folder(name: str) -> Path:
    module = importlib.import_module(name)
    return Path(str(module.__path__[0])).resolve()
