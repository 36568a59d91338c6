"""Paradex' funding arithmetic: a funding index that grows by the second, realised when a position is touched.

    premium(t)  = funding rate(t) × spot price / USDC price      USDC per base unit and funding period
    index(t)    = index(t-1) + premium(t-1) × Δt / period        Δt = 0 after a gap of more than 30 s
    accrued(t)  = -signed size × (index(t) - cached index) × USDC price

Rates and premiums are quoted per funding period (8 h by default), never per sample: adding up rows
instead of integrating them overstates funding by period / sample distance.
"""

from decimal import Decimal

import msgspec

from messages import FundingClock

MAX_GAP_NS = 30 * 1_000_000_000  # wall time: the venue's own pause, not compressed by a simulator's clock
ONE = Decimal(1)
REAL_TIME = FundingClock()


def premium_usd(rate_per_period: Decimal, spot_price_usd: Decimal, usdc_price_usd: Decimal = ONE) -> Decimal:
    """Return the funding premium in USDC per base unit and funding period."""
    return rate_per_period * spot_price_usd / usdc_price_usd


def index_step_usd(
    premium: Decimal,
    elapsed_ns: int,
    period_hours: Decimal,
    clock: FundingClock = REAL_TIME,
    max_gap_ns: int | None = MAX_GAP_NS,
) -> Decimal:
    """Return by how much the index grows in `elapsed_ns` of wall time at a constant `premium`, USDC per base unit.

    A gap longer than `max_gap_ns` counts nothing: the venue does not fund what it did not see. None
    says that `premium` is known for the whole span. Raises ValueError for a period that is not
    positive (old rows say 0: use the market's period) and for time running backwards.
    """
    if period_hours <= 0:
        raise ValueError(f"a funding period must be positive, was {period_hours} h")
    if elapsed_ns < 0:
        raise ValueError(f"the funding index cannot run backwards, elapsed_ns was {elapsed_ns}")
    if max_gap_ns is not None and elapsed_ns > max_gap_ns:
        return Decimal(0)
    return premium * elapsed_ns / (period_hours * clock.hour_ns)


def accrued_usd(
    signed_quantity: Decimal, index_usd: Decimal, cached_index_usd: Decimal, usdc_price_usd: Decimal = ONE
) -> Decimal:
    """Return the funding accrued since `cached_index_usd`, USD, positive when it will be received."""
    return -signed_quantity * (index_usd - cached_index_usd) * usdc_price_usd


class AccruingPosition(msgspec.Struct, frozen=True):
    """A signed position in base units and the index at which its funding was last realised."""

    quantity: Decimal
    cached_index_usd: Decimal

    def accrued_usd(self, index_usd: Decimal, usdc_price_usd: Decimal = ONE) -> Decimal:
        """Return what has accrued but is not cash yet."""
        return accrued_usd(self.quantity, index_usd, self.cached_index_usd, usdc_price_usd)

    def touch(self, change: Decimal, index_usd: Decimal, usdc_price_usd: Decimal = ONE) -> tuple[Decimal, "AccruingPosition"]:
        """Trade `change` base units: return the cash realised, on the whole previous size, and the new position."""
        realized = self.accrued_usd(index_usd, usdc_price_usd)
        return realized, AccruingPosition(self.quantity + change, index_usd)
