"""The folder in which what is computed once is kept for all runs."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "THAWTUNE_CACHE"
"""Environment variable that names another folder."""


def cache_folder() -> Path:
    """$THAWTUNE_CACHE, or thawtune in the user's cache folder."""
    home = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(os.environ.get(VARIABLE, f"{home}/thawtune")).expanduser()
