"""Exact and near duplicates."""

from __future__ import annotations

import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from tests.trainables.datasets.pictures import encoded, picture
from trainables.datasets.preflight import near_duplicates
from trainables.datasets.preflight.duplicates import connected_groups
from trainables.datasets.preflight.near_duplicates import near_pairs
from trainables.datasets.preflight.perceptual import perceptual_hash


def bits(one, other):
    return max(int(a ^ b).bit_count() for a, b in zip(one, other, strict=True))


def components(pairs, count):
    above = list(range(count))

    def root(i):
        return i if above[i] == i else root(above[i])

    for a, b in pairs:
        above[root(a)] = root(b)
    return [root(i) for i in range(count)]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=40))
def test_groups_are_connected_by_pairs(pairs):
    """Compared with a union-find over all positions; single images are in no group."""
    root = components(pairs, 31)
    expected = {}
    for position in sorted({position for pair in pairs for position in pair}):
        expected.setdefault(root[position], []).append(position)
    found = connected_groups(np.array(pairs, np.int64).reshape(-1, 2))
    assert found == list(expected.values())


@given(
    hashes=st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 7)), max_size=12),
    flips=st.lists(st.tuples(st.integers(0, 50), st.sets(st.integers(0, 63), max_size=6))),
)
def test_the_index_finds_what_comparing_all_with_all_finds(hashes, flips):
    for position, changed in flips:
        if hashes:
            rows, columns = hashes[position % len(hashes)]
            hashes.append((rows ^ sum(1 << bit for bit in changed), columns))
    rows = np.array([row for row, _ in hashes], np.uint64)
    columns = np.array([column for _, column in hashes], np.uint64)
    every = [
        (a, b)
        for a in range(len(hashes))
        for b in range(a + 1, len(hashes))
        if bits(hashes[a], hashes[b]) <= 4
    ]
    found = near_pairs(rows, columns)
    assert {tuple(pair) for pair in found.tolist()} <= set(every)
    assert _same(components(found.tolist(), len(hashes)), components(every, len(hashes)))


def _same(one, other):
    return len(set(zip(one, other, strict=True))) == len(set(one)) == len(set(other))


def test_many_hashes_take_little_time_even_if_they_share_a_part():
    generator = np.random.default_rng(0)
    rows = generator.integers(0, 2**64 - 1, 10_000, np.uint64)
    rows[:3000] &= np.uint64(0xFFFFFFFFFFFF0000)  # a uniform edge, as product photos have
    rows[9000:] = 0  # blank
    began = time.perf_counter()
    pairs = near_pairs(rows, np.zeros_like(rows))
    assert time.perf_counter() - began < 5
    assert {(a, a + 1) for a in range(9000, 9999)} <= set(map(tuple, pairs.tolist()))


def test_any_number_of_pairs_takes_memory_for_the_images_alone(monkeypatch):
    """4,000 pictures that all look alike have eight million pairs."""
    monkeypatch.setattr(near_duplicates, "_AT_ONCE", 10_000)
    count = 4000
    rows = np.array([1 << i % 64 | 1 << i // 64 for i in range(count)], np.uint64)
    tracemalloc.start()
    pairs = near_pairs(rows, np.arange(count, dtype=np.uint64) % np.uint64(4))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [len(group) for group in connected_groups(pairs)] == [count]
    assert len(pairs) < 2 * count + 10_000
    assert peak < 20e6
    assert all(bits((rows[a], 0), (rows[b], 0)) <= 4 for a, b in pairs.tolist())


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 15)), max_size=30))
def test_large_groups_are_divided_without_losing_a_pair(hashes):
    rows, columns = (
        np.array(one, np.uint64) for one in (zip(*hashes, strict=True) if hashes else ([], []))
    )
    spread = columns * np.uint64(0x0842108421084210)  # up to 13 bits in each part
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near_duplicates, "_LARGE", 2)
        patch.setattr(near_duplicates, "_AT_ONCE", 5)
        divided = near_pairs(rows, spread)
    whole = near_pairs(rows, spread)
    count = len(hashes)
    assert _same(components(divided.tolist(), count), components(whole.tolist(), count))


CHANGES = {
    "smaller": lambda image: image.resize((160, 120)),
    "larger": lambda image: image.resize((640, 480), Image.Resampling.BICUBIC),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.1),
    "less contrast": lambda image: ImageEnhance.Contrast(image).enhance(0.8),
    "grey": lambda image: image.convert("L").convert("RGB"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed_copies_look_alike(change):
    image = Image.fromarray(picture(1, 320, 240))
    changed = np.asarray(CHANGES[change](image))
    assert bits(perceptual_hash(picture(1, 320, 240)), perceptual_hash(changed)) <= 4


def test_a_poor_jpeg_looks_alike():
    import io

    pixels = picture(1, 320, 240)
    poor = np.asarray(Image.open(io.BytesIO(encoded(pixels, quality=20))))
    assert bits(perceptual_hash(pixels), perceptual_hash(poor)) <= 4


def test_other_images_do_not():
    hashes = [perceptual_hash(picture(seed, 320, 240)) for seed in range(60)]
    closest = min(bits(a, b) for i, a in enumerate(hashes) for b in hashes[:i])
    assert closest > 8
