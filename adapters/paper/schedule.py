"""Recorded funding rates by the time they were in force: what a simulated venue charges, not what a trader could know."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import pairwise

import msgspec


class RateBlock(msgspec.Struct, frozen=True, kw_only=True):
    """A rate (fraction per `period_hours`) in force from `start_ns` until just before `end_ns`."""

    start_ns: int
    end_ns: int
    rate: Decimal
    period_hours: Decimal


class RateSchedule:
    """The blocks of one market in time order; where no block lies there is no rate, and nothing accrues."""

    def __init__(self, blocks: Iterable[RateBlock]) -> None:
        self._blocks = tuple(sorted(blocks, key=lambda block: block.start_ns))
        for before, after in pairwise(self._blocks):
            if after.start_ns < before.end_ns:
                raise ValueError(f"funding rate blocks overlap at {after.start_ns} ns")
        self._starts = [block.start_ns for block in self._blocks]
        self._edges = sorted({edge for block in self._blocks for edge in (block.start_ns, block.end_ns)})

    def at(self, now_ns: int) -> RateBlock | None:
        """Return the block in force at `now_ns`, or None inside a gap."""
        position = bisect_right(self._starts, now_ns) - 1
        if position < 0 or now_ns >= self._blocks[position].end_ns:
            return None
        return self._blocks[position]

    def edges(self, after_ns: int, until_ns: int) -> Iterator[int]:
        """Yield the moments in (`after_ns`, `until_ns`] at which the rate in force changes."""
        position = bisect_right(self._edges, after_ns)
        while position < len(self._edges) and self._edges[position] <= until_ns:
            yield self._edges[position]
            position += 1
