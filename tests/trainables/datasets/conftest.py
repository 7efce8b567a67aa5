"""Every test has a cache of its own, and sees no dataset of this machine by accident."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("THAWTUNE_CACHE", str(folder))
    monkeypatch.delenv("THAWTUNE_DATA", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(folder / "no-keras"))
    return folder
