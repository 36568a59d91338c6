"""What our own size costs, worked out by us from quotes of two sizes, the pool and an independent price; pure.

The figure of the API is not used: what it measures and in which unit is disputed. Everything is in basis points, positive
where it costs us. Prices are quote per base in whole tokens.
"""

from decimal import Decimal
from fractions import Fraction

import msgspec

from adapters.ekubo.constants import BPS
from adapters.ekubo.verification import Fault, Refusal
from messages import Side

_SMALL_SHARE = 1000
_SMALL_UNITS = 10_000  # five significant digits of what comes out


class Amounts(msgspec.Struct, frozen=True):
    """What goes in and what comes out, in base units."""

    sold: int
    bought: int


def small_size(size: int, out_per_in: Fraction) -> int:
    """Return the size of the small quote to compare with: a thousandth, but enough for five digits of output, at most `size`.

    `size` and the answer are base units of the side that is exact; `out_per_in` is the other side per unit of it.
    """
    for_digits = -(-_SMALL_UNITS * out_per_in.denominator // out_per_in.numerator)
    return max(1, min(size, max(size // _SMALL_SHARE, for_digits)))


def execution_impact_bps(large: Amounts, small: Amounts) -> Decimal:
    """Return by how much a swap is executed worse than a small one the same way: 1 - (out/in) / (out_small/in_small).

    Fees cancel out where both go the same way; where a large one is split over dearer pools, that is part of its impact.
    Slightly negative where rounding makes the small one look worse.
    """
    return _bps(1 - Fraction(large.bought * small.sold, large.sold * small.bought))


def spot_move_bps(execution_bps: Decimal) -> Decimal:
    """Return how far a swap in one range of liquidity moves the spot price: executed at S S' of S^2, it leaves S'^2."""
    kept = 1 - Fraction(execution_bps) / Fraction(BPS)
    return _bps(1 - kept * kept)


def worse_bps(side: Side, executed: Decimal, fair: Decimal) -> Decimal:
    """Return by how much a price is worse than a fair one: (fair - executed) / fair when selling, reversed when buying.

    Against the pool's spot price this is Nautilus' slippage (impact and fees), against a perpetual's mark it also sees a
    pool that is off the market.
    """
    if fair <= 0:
        raise ValueError(f"a price of {fair}")
    return _bps(Fraction(side.sign) * (Fraction(executed) - Fraction(fair)) / Fraction(fair))


def refuse_price(against_mark_bps: Decimal, *, max_cost_bps: Decimal, max_gain_bps: Decimal) -> Refusal | None:
    """Return why a price is too far from the mark, None where it is fine: too bad costs us, too good is not true."""
    if against_mark_bps > max_cost_bps:
        return Refusal(Fault.REFERENCE, f"{against_mark_bps:.1f} bps worse than the mark, at most {max_cost_bps}")
    if against_mark_bps < -max_gain_bps:
        return Refusal(Fault.REFERENCE, f"{-against_mark_bps:.1f} bps better than the mark, at most {max_gain_bps}")
    return None


def _bps(fraction: Fraction) -> Decimal:
    scaled = fraction * Fraction(BPS)
    return round(Decimal(scaled.numerator) / Decimal(scaled.denominator), 6)
