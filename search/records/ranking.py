"""Trials in the order of their results, kept in order as results arrive."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator


class Ranking:
    """Numbers of trials by rank, the smallest first; of equal ranks the smallest number first."""

    def __init__(self) -> None:
        self._order: list[tuple[float, int]] = []
        self._ranks: dict[int, float] = {}

    def place(self, number: int, rank: float | None) -> None:
        """Give a trial a rank in place of the one it has; None takes it out."""
        old = self._ranks.get(number)
        if old == rank:
            return
        if old is not None:
            del self._order[bisect_left(self._order, (old, number))]
            del self._ranks[number]
        if rank is not None:
            insort(self._order, (rank, number))
            self._ranks[number] = rank

    def __iter__(self) -> Iterator[int]:
        return (number for _, number in self._order)

    def __len__(self) -> int:
        return len(self._order)

    def __contains__(self, number: int) -> bool:
        return number in self._ranks

    def better_than(self, rank: float, but: int) -> int:
        """How many trials other than `but` have a smaller rank."""
        return bisect_left(self._order, (rank,)) - (self._ranks.get(but, rank) < rank)

    def position(self, number: int) -> int:
        """The place of a trial in the order, from 0."""
        return bisect_left(self._order, (self._ranks[number], number))
