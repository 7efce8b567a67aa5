"""Sizes in environment variables, as people write them."""

from __future__ import annotations

import pytest

from spaces.errors import InputError
from trainables.process.memory import (
    _limits_of_cgroups,
    data_memory,
    given_size,
    share_of_memory,
)


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


def test_a_container_has_the_memory_of_the_tightest_of_its_groups(tmp_path):
    """Version 2 has one tree, version 1 one for each controller; `max` is no limit."""
    mine, root = tmp_path / "cgroup", tmp_path / "mounted"
    for place, text in {
        "a/b/memory.max": "max\n",
        "a/memory.max": "7000\n",
        "memory/c/memory.limit_in_bytes": "9000\n",
        "memory/memory.limit_in_bytes": "9223372036854771712\n",
    }.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_text(text)
    mine.write_text("4:memory:/c\n3:cpu:/c\n0::/a/b\n")
    assert sorted(_limits_of_cgroups(mine, root)) == [7000, 9000, 9223372036854771712]
    assert _limits_of_cgroups(tmp_path / "none", root) == []


def test_a_worker_holds_a_quarter_of_its_share_or_what_it_is_given(monkeypatch):
    monkeypatch.delenv("THAWTUNE_DATA_MEMORY", raising=False)
    assert data_memory(None) == share_of_memory() // 4
    assert data_memory(80 * 10**9) == 20 * 10**9
    monkeypatch.setenv("THAWTUNE_DATA_MEMORY", "500MB")
    assert data_memory(None) == data_memory(10**9) == 500 * 10**6
