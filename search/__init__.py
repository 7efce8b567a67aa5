"""How many configurations are tried, what becomes of the best, and `fit` for notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from search.fitting.python import FittedRun as FittedRun
    from search.fitting.python import fit as fit
    from search.fitting.python import open_run as open_run

_OF_PYTHON = ("FittedRun", "fit", "open_run")


def __getattr__(name: str) -> Any:
    """The Python interface, imported when it is asked for."""
    if name not in _OF_PYTHON:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from search.fitting import python

    return getattr(python, name)
