"""Sizes in environment variables, as people write them."""

from __future__ import annotations

import pytest

from spaces.errors import InputError
from trainables.process.memory import given_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("20GB", 20 * 10**9),
        ("1.5 MiB", 3 * 2**19),
        ("500", 500),
        ("2t", 2 * 10**12),
        ("7kb", 7000),
        ("20Gi", 20 * 2**30),
    ],
)
def test_sizes_are_read(monkeypatch, text, size):
    monkeypatch.setenv("THAWTUNE_CACHE_LIMIT", text)
    assert given_size("THAWTUNE_CACHE_LIMIT") == size


@pytest.mark.parametrize("text", ["plenty", "-3GB", "3 GiGB", "GB", "1,000MB", "3 GB extra"])
def test_what_is_no_size_is_a_sentence(monkeypatch, text):
    monkeypatch.setenv("THAWTUNE_CACHE_LIMIT", text)
    with pytest.raises(InputError, match="Give a size such as 20GB"):
        given_size("THAWTUNE_CACHE_LIMIT")


@pytest.mark.parametrize("text", [None, "", "  "])
def test_without_a_size_there_is_none(monkeypatch, text):
    monkeypatch.delenv("THAWTUNE_CACHE_LIMIT", raising=False)
    if text is not None:
        monkeypatch.setenv("THAWTUNE_CACHE_LIMIT", text)
    assert given_size("THAWTUNE_CACHE_LIMIT") is None
