"""Digests: every flipped byte shows, wherever it is."""

from __future__ import annotations

import numpy as np
import pytest

from trainables.cache.digest import digest

PAGE = 65536


@pytest.mark.parametrize("size", [0, 1, 7, PAGE, 3 * PAGE + 13])
def test_every_flipped_bit_shows(size):
    chance = np.random.default_rng(size)
    content = chance.integers(0, 256, size, np.uint8)
    known = digest(content)
    assert digest(content.copy()) == known
    for place in chance.integers(0, size, min(size, 200)):
        changed = content.copy()
        changed[place] ^= 1 << chance.integers(8)
        assert digest(changed) != known


def test_what_has_moved_shows():
    content = np.random.default_rng(0).integers(0, 2**60, (4, PAGE // 8), np.int64)
    known = digest(content)
    assert digest(content[[1, 0, 2, 3]]) != known
    assert digest(content[:, np.r_[1, 0, 2 : PAGE // 8]].copy()) != known
    assert digest(content[:3]) != known
