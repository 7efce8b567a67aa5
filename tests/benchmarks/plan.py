"""How much is measured: the full benchmark, and a quick one of under 12 minutes on 2 cores."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """So many configurations, each for so many epochs."""

    trials: int
    epochs: int

    def __str__(self) -> str:
        return f"{self.trials}x{self.epochs}"


@dataclass(frozen=True)
class Plan:
    """What one run of the benchmark measures.

    Attributes:
        name: Of the result files.
        same: Benchmark A, the same trials in all tools.
        live: What P0 is measured on; its seconds are estimated from this where it is not `same`.
        arms: Tools in A that run by default.
        large: A second size of A, for P2 and ours alone, or None.
        spread: Configurations and seeds by which plain Keras's spread is measured.
        tools: Tools in B that run by default.
        seeds: Of B.
        budget: Trials and epochs at the most in B.
        patience: Seconds after which a search in B is ended that has not reached the target.
        depth: Benchmark C, ours; `depth_live`: what P0 is measured on there.
        thawed: Blocks that are unfrozen in C.
        growing: Numbers of trials in D.
        workers: Numbers of logical workers in D.
        images: Numbers of images in D.
        photos: Numbers of photos in S.
        limit: Benchmark E.
        replayed: Configurations and epochs of the curves in F.
        orders: In which they are replayed.
    """

    name: str
    same: Size
    live: Size
    arms: tuple[str, ...]
    large: Size | None
    spread: tuple[int, int]
    tools: tuple[str, ...]
    seeds: int
    budget: Size
    patience: float
    depth: Size
    depth_live: Size
    thawed: tuple[int, ...]
    growing: tuple[int, ...]
    workers: tuple[int, ...]
    images: tuple[int, ...]
    photos: tuple[int, ...]
    limit: tuple[Size, ...]
    replayed: Size
    orders: int


FULL = Plan(
    name="full",
    same=Size(24, 5),
    live=Size(8, 5),
    arms=("U", "P0", "P1", "P2", "K", "O"),
    large=Size(100, 20),
    spread=(24, 5),
    tools=("U", "KH", "KB", "O", "R"),
    seeds=5,
    budget=Size(400, 20),
    patience=200,
    depth=Size(8, 5),
    depth_live=Size(4, 2),
    thawed=(0, 1, 2),
    growing=(10, 100, 1000),
    workers=(1, 2, 4, 8),
    images=(1_000, 10_000, 50_000),
    photos=(1_000, 10_000, 100_000),
    limit=(Size(24, 5), Size(100, 20), Size(100, 80)),
    replayed=Size(300, 27),
    orders=50,
)

QUICK = Plan(
    name="quick",
    same=Size(24, 5),
    live=Size(4, 2),
    arms=("U", "P0", "P2", "O"),
    large=None,
    spread=(3, 5),
    tools=("U", "KH", "R"),
    seeds=1,
    budget=Size(400, 20),
    patience=75,
    depth=Size(8, 5),
    depth_live=Size(2, 2),
    thawed=(1,),
    growing=(10, 100),
    workers=(),
    images=(),
    photos=(),
    limit=(Size(24, 5),),
    replayed=Size(100, 27),
    orders=20,
)

TINY = Plan(
    name="tiny",
    same=Size(2, 1),
    live=Size(2, 1),
    arms=FULL.arms,
    large=None,
    spread=(1, 2),
    tools=FULL.tools,
    seeds=1,
    budget=Size(3, 3),
    patience=60,
    depth=Size(2, 1),
    depth_live=Size(2, 1),
    thawed=(1,),
    growing=(4,),
    workers=(2,),
    images=(200,),
    photos=(200,),
    limit=(Size(2, 1),),
    replayed=Size(9, 3),
    orders=2,
)
"""Whether every arm works at all; its figures mean nothing."""

PLANS = {plan.name: plan for plan in (FULL, QUICK, TINY)}
