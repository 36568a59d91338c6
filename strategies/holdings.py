"""What is held: an asset's signed positions on its two venues, read as flat, hedged or broken."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from strategies.funding import Direction
from strategies.signals import PairState
from strategies.sizing import ZERO


class Holding(msgspec.Struct, frozen=True):
    """Signed positions (base units) by venue and what they amount to; `held` is set for an open pair."""

    state: PairState
    held: Direction | None
    quantities: Mapping[str, Decimal]

    @property
    def size(self) -> Decimal:
        """The size of an open pair in base units, that of its smaller leg; 0 where there is none."""
        return ZERO if self.held is None else min(abs(quantity) for quantity in self.quantities.values())


def classify(quantities: Mapping[str, Decimal], dust: Mapping[str, Decimal]) -> Holding:
    """Return what two positions amount to; less than `dust` (base units, by venue) counts as nothing.

    Two positions are a pair only if they are opposite and equal: that both exist proves nothing.
    """
    alive = {venue: quantity for venue, quantity in quantities.items() if abs(quantity) >= dust[venue] and quantity != 0}
    if not alive:
        return Holding(PairState.FLAT, None, quantities)
    delta = abs(sum(quantities.values(), ZERO))
    if len(alive) == 2 and min(alive.values()) < 0 < max(alive.values()) and delta < max(dust.values()):
        long_venue, short_venue = max(alive, key=lambda v: alive[v]), min(alive, key=lambda v: alive[v])
        return Holding(PairState.OPEN, Direction(long_venue, short_venue), quantities)
    return Holding(PairState.BROKEN, None, quantities)


class Confirmation:
    """Believes a reading once it was seen several times running: one odd read causes no trade."""

    def __init__(self, needed: int) -> None:
        if needed < 1:
            raise ValueError(f"at least one reading is needed, not {needed}")
        self._needed = needed
        self._last: Holding | None = None
        self._count = 0

    def observe(self, holding: Holding) -> Holding | None:
        """Return the reading if it is confirmed by now, else None."""
        self._count = self._count + 1 if holding == self._last else 1
        self._last = holding
        return holding if self._count >= self._needed else None

    def forget(self) -> None:
        """Start over: orders have changed what is held."""
        self._last, self._count = None, 0
