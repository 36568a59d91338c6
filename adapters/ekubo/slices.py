"""How a large order is cut, so that no slice moves the price too far and the pool has time to refill; pure.

In one range of constant liquidity the impact `I = 1 - (out/in) / (out/in of next to nothing)` of a size is known from one
other size: with exact input `I / (1 - I)` grows in proportion to what is sold net of the fee, with exact output `I` itself
grows in proportion to what is bought (from the step mathematics of concentrated liquidity). Where a size crosses into
another range this is a guess, so every slice is quoted as it is before it is sent.
"""

from decimal import Decimal

import msgspec

_NS = 1_000_000_000
_MARGIN = Decimal("0.95")  # of the largest size: the pool moves while we ask


def largest(size: int, impact: Decimal, limit: Decimal, *, is_exact_out: bool) -> int:
    """Return the largest size to stay within the impact `limit`, given that `size` has the positive `impact` (fractions)."""
    if not 0 < impact < 1 or not 0 < limit < 1:
        raise ValueError(f"an impact of {impact}, a limit of {limit}")
    scale = limit / impact
    if not is_exact_out:
        scale *= (1 - impact) / (1 - limit)
    return int(size * scale * _MARGIN)


class Cut(msgspec.Struct, frozen=True):
    """The next slice, and how many there will be with it."""

    size: int
    count: int


def cut(remaining: int, most: int, *, least: int, granule: int) -> Cut | None:
    """Return the next of equal slices of `remaining`, each at most `most`; None where they would be smaller than `least`.

    Sizes are multiples of `granule`, but for an order's very last rest. What is left in whole is never too small.
    """
    if most >= remaining:
        return Cut(remaining, 1)
    usable = most // granule * granule
    if usable <= 0:
        return None
    count = -(-remaining // usable)
    size = min(usable, -(-remaining // count // granule) * granule)
    return Cut(size, count) if size >= least else None


class CoolDown:
    """When a pool that one of our slices has moved may be traded again in that direction; times are nanoseconds."""

    def __init__(self, secs: float) -> None:
        self._ns = round(secs * _NS)
        self._ready_ns: dict[tuple[str, bool], int] = {}

    def note(self, instrument_id: str, is_buy: bool, now_ns: int) -> None:
        """A slice of an order that had to be cut has been executed."""
        self._ready_ns[instrument_id, is_buy] = now_ns + self._ns

    def wait_secs(self, instrument_id: str, is_buy: bool, now_ns: int) -> float:
        """Return how long to wait, 0 where the pool has had its time."""
        return max(0, self._ready_ns.get((instrument_id, is_buy), 0) - now_ns) / _NS
