"""What is kept for the next time, and what is thrown away for it."""

from __future__ import annotations

from trainables.process.lru import LruCache


def test_the_longest_unused_goes_first():
    dropped = []
    kept = LruCache(2, 100, dropped.append)
    kept.put("a", 1, 1)
    kept.put("b", 2, 1)
    assert kept.get("a") == 1
    kept.put("c", 3, 1)
    assert (dropped, kept.get("b"), len(kept)) == ([2], None, 2)


def test_the_size_counts_and_the_last_one_stays():
    dropped = []
    kept = LruCache(9, 100, dropped.append)
    kept.put("a", 1, 60)
    kept.put("b", 2, 60)
    assert dropped == [1]
    kept.put("c", 3, 1000)
    assert (dropped, kept.get("c")) == ([1, 2], 3)


def test_a_key_has_one_value():
    dropped = []
    kept = LruCache(9, 100, dropped.append)
    kept.put("a", 1, 60)
    kept.put("a", 2, 60)
    assert (dropped, kept.get("a"), len(kept)) == ([1], 2, 1)
    kept.clear()
    assert (dropped, len(kept)) == ([1, 2], 0)
