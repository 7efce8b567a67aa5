"""How many configurations are tried, what becomes of the best, and `fit` for notebooks."""

from __future__ import annotations

import codecs
import os
import sys
from importlib.util import find_spec
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from search.fitting.python import FittedRun as FittedRun
    from search.fitting.python import fit as fit
    from search.fitting.python import open_run as open_run

_OF_PYTHON = ("FittedRun", "fit", "open_run")
_PACKAGES = ("spaces", "trainables", "reports")


def __getattr__(name: str) -> Any:
    """The Python interface, imported when it is asked for."""
    if name not in _OF_PYTHON:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from search.fitting import python

    return getattr(python, name)


def main() -> None:
    """Run the command line, unless other code hides a part of thawtune."""
    if sys.getfilesystemencoding() != "utf-8":
        _begin_again_in_utf8()
    hidden = _hidden()
    if hidden is not None:
        print(hidden, file=sys.stderr)
        sys.exit(2)
    _escape_what_cannot_be_printed()
    from search.cli import main as run

    run()


def _begin_again_in_utf8() -> None:
    """Use UTF-8 for all names and texts, whatever the locale, in this process and its workers."""
    os.environ["PYTHONUTF8"] = "1"
    os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606


def _escape_what_cannot_be_printed() -> None:
    """Print a file name that is no UTF-8 with escapes, as they stand in the files of a run."""
    from spaces.texts import escape_bytes

    codecs.register_error("thawtune.escaped", escape_bytes)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="thawtune.escaped")


def _hidden() -> str | None:
    """What to say if Python finds another `spaces`, `trainables` or `reports` than ours."""
    ours = Path(__file__).resolve().parent.parent
    for name in _PACKAGES:
        spec = find_spec(name)
        found = [] if spec is None else [*(spec.submodule_search_locations or [spec.origin or ""])]
        if found and Path(found[0]).resolve() != ours / name:
            return (
                f"{found[0]} hides the package {name} of thawtune. Rename it, or take its folder "
                "off PYTHONPATH."
            )
    return None
