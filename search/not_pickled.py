"""What Tune is given, and pickles with its own state: ours stands in the ledger."""

from __future__ import annotations

from typing import Any


class NotPickled:
    """A mix-in: Tune's copy is empty, and never read."""

    def __getstate__(self) -> dict[str, Any]:
        return {}
