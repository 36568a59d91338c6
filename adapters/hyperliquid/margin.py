"""The venue's margin tiers; pure."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple


class Tier(NamedTuple):
    """From `lower_usd` of notional on, a position may have this leverage at most."""

    lower_usd: Decimal
    max_leverage: int


def maintenance_usd(notional_usd: Decimal, tiers: Sequence[Tier]) -> Decimal:
    """Return the maintenance margin of a position: half the initial margin at its tier's greatest leverage.

    `tiers` go from the lowest, which begins at 0, upwards. notional * rate_n - deduction_n, where
    rate_n = 1 / (2 * leverage_n) and each deduction makes the margin continuous at its tier's bound.
    """
    rate, deduction_usd = Decimal(0), Decimal(0)
    for tier in tiers:
        if notional_usd < tier.lower_usd:
            break
        next_rate = Decimal(1) / (2 * tier.max_leverage)
        deduction_usd += tier.lower_usd * (next_rate - rate)
        rate = next_rate
    return notional_usd * rate - deduction_usd
