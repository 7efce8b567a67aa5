"""A cache of the test's own."""

from __future__ import annotations

import pytest

from trainables.cache.leases import end_leases


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The features in a cache that is empty, without a limit of its size."""
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path))
    monkeypatch.delenv("THAWTUNE_CACHE_LIMIT", raising=False)
    yield tmp_path / "features"
    end_leases()
