"""What is kept, by made-up rates: one second a layer, a byte that costs what each test says."""

from __future__ import annotations

import dataclasses
import json

import pytest

from spaces.hyperparameters import Hyperparameters
from trainables.features.plan.cost_model import Demand, Rates, Room, Site, decide
from trainables.features.plan.plan import Plan, Prefix

PREFIX = Prefix("VGG16", "imagenet", "backbone", None, 64)
OTHER = Prefix("ResNet50", "imagenet", "backbone", None, 64)
TINY = Prefix("VGG16", "imagenet", "backbone", None, 3)
"""Its pixels stay in memory."""

FREE = Rates(write=0, read=0)
PLENTY = Room(disk=10**12, memory=10**12)


def sites(prefix=PREFIX, values=(100, 100, 100, 10)):
    """Four cuts, a second apart, each of so many values."""
    return [
        Site(prefix, f"cut{i}", (count,), float(i + 1), Hyperparameters(image_size=64))
        for i, count in enumerate(values)
    ]


def demand(highest, epochs, prefix=PREFIX):
    cuts = tuple(f"cut{i}" for i in range(highest + 1))
    return Demand(prefix, f"depth{highest}", cuts, epochs)


def kept(plan, prefix=PREFIX):
    return {row.boundary for row in plan.kept if row.prefix == prefix}


def test_what_trials_begin_from_is_kept():
    plan = decide(sites(), [demand(3, 10), demand(1, 5)], 10, FREE, PLENTY)
    assert kept(plan) == {"cut3", "cut1"}
    by_name = {row.boundary: row for row in plan.rows}
    assert by_name["cut3"].depths == ("depth3",)
    assert by_name["cut3"].bytes == 10 * 4 * 10
    assert by_name["cut3"].saved_seconds == 10 * 10 * (4 - 2), "beside what cut1 saves"
    assert by_name["cut1"].make_seconds == 0, "the pass that makes cut3 goes through it"


@pytest.mark.parametrize(("epochs", "names"), [(1, set()), (0.9, set()), (1.1, {"cut3"})])
def test_what_is_used_once_is_not_kept(epochs, names):
    """To make it is one pass, and saves one pass an epoch."""
    plan = decide(sites(), [demand(3, epochs)], 10, FREE, PLENTY)
    assert kept(plan) == names
    [row] = plan.rows
    assert row.reason == ("saves more than it costs" if names else "saves less than it costs")


def test_what_costs_more_to_store_than_it_saves_is_not_kept():
    """Each value costs 4 × 0.05 s: 20 s an image at the wide cuts, 2 s at the narrow one."""
    rates = Rates(write=0.02, read=0.03)
    plan = decide(sites(), [demand(3, 4), demand(2, 4)], 10, rates, PLENTY)
    assert kept(plan) == {"cut3"}
    assert {row.boundary: row.reason for row in plan.rows}["cut2"] == "saves less than it costs"


def test_a_narrow_cut_below_stands_in_for_a_wide_one():
    """Trials above an unkept boundary run live from the nearest kept one."""
    rates = Rates(write=0.05, read=0)
    plan = decide(sites(values=(1, 1, 1000, 1000)), [demand(3, 30)], 10, rates, PLENTY)
    assert kept(plan) == {"cut1"}
    by_name = {row.boundary: row for row in plan.rows}
    assert not by_name["cut3"].kept, "what was wanted is told too"
    assert by_name["cut1"].depths == ()


def test_the_store_is_not_overfilled():
    """Two of the narrow cuts fit, or one wide one: what saves most goes first."""
    demands = [demand(3, 10), demand(3, 20, OTHER), demand(2, 1.5)]
    both = [*sites(), *sites(OTHER)]
    plan = decide(both, demands, 10, FREE, Room(disk=2 * 400, memory=10**9))
    assert kept(plan) == kept(plan, OTHER) == {"cut3"}
    plan = decide(both, demands, 10, FREE, Room(disk=2 * 400 - 1, memory=10**9))
    assert (kept(plan), kept(plan, OTHER)) == (set(), {"cut3"})
    rows = {(row.prefix, row.boundary): row.reason for row in plan.rows}
    assert rows[PREFIX, "cut3"] == "no room in the store"
    assert sum(row.bytes for row in plan.kept) <= 2 * 400 - 1


def test_what_no_worker_can_hold_is_read_in_each_epoch():
    """Of 10 images, the wide cuts take 4,000 bytes, the narrow one 400 and the pixels 122,880."""
    demands, tight = [demand(2, 9)], Room(10**9, memory=400)
    assert kept(decide(sites(), demands, 10, FREE, tight)) == {"cut2"}
    # In each epoch, 10 × 3 s of computing and the pixels' bytes are saved.
    saved = (9 - 1) * 30 + 9 * 122_880 * 1e-5
    plan = decide(sites(), demands, 10, Rates(0, 0, stream=1e-5), tight)
    [row] = plan.rows
    assert row.saved_seconds == pytest.approx(saved + 30 - 9 * 4000 * 1e-5)
    # Where the pixels stay in memory, 9 × 30 s are saved for one pass of 30 s and 9 × 4,000 bytes.
    for stream, names in ((240 / 36_000 * 0.99, {"cut2"}), (240 / 36_000 * 1.01, set())):
        small_pixels = [dataclasses.replace(s, prefix=TINY) for s in sites()]
        plan = decide(
            small_pixels, [demand(2, 9, TINY)], 10, Rates(0, 0, stream), Room(10**9, memory=400)
        )
        assert kept(plan, TINY) == names


def test_networks_have_nothing_in_common():
    plan = decide(
        [*sites(), *sites(OTHER)], [demand(3, 10), demand(3, 0.5, OTHER)], 10, FREE, PLENTY
    )
    assert (kept(plan), kept(plan, OTHER)) == ({"cut3"}, set())


def test_without_images_nothing_is_kept_and_all_is_told():
    plan = decide(sites(), [demand(3, 10)], None, FREE, PLENTY)
    [row] = plan.rows
    assert (row.kept, row.bytes, row.saved_seconds) == (False, None, None)
    assert row.shape == (10,)


def test_trials_without_a_cut_want_nothing():
    plan = decide(sites(), [Demand(PREFIX, "13", (), 100)], 10, FREE, PLENTY)
    assert plan.rows == ()


def test_a_plan_travels_as_plain_values():
    plan = decide(sites(), [demand(3, 10), demand(1, 5)], 10, FREE, PLENTY, ["Some live."])
    assert Plan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan


def test_a_plan_written_before_resize_existed_is_of_squashed_pictures():
    plan = decide(sites(), [demand(3, 10)], 10, FREE, PLENTY)
    written = plan.to_dict()
    for row in written["rows"]:
        del row["resize"], row["point"]["resize"]
    assert Plan.from_dict(written) == plan
    point = Hyperparameters(backbone="VGG16", image_size=64)
    assert plan.kept_for(point) == ("cut3",)
    assert plan.kept_for(dataclasses.replace(point, resize="pad")) == ()


def test_what_is_kept_for_a_configuration():
    point = Hyperparameters(backbone="VGG16", image_size=64, learning_rate=0.5)
    plan = decide(sites(), [demand(3, 10), demand(1, 5)], 10, FREE, PLENTY)
    assert set(plan.kept_for(point)) == {"cut1", "cut3"}
    other = Hyperparameters(backbone="VGG16", image_size=96)
    assert plan.kept_for(other) == ()
