"""Hyperliquid's funding arithmetic: one cash payment per open position at each funding hour, and nothing in between."""

from collections.abc import Iterator
from decimal import Decimal

from messages import FundingClock

ONE_HOUR = Decimal(1)


def payment_usd(
    signed_quantity: Decimal, oracle_price_usd: Decimal, rate_per_hour: Decimal, hours: Decimal = ONE_HOUR
) -> Decimal:
    """Return the cash of one settlement in USD, positive when received: a long pays a positive rate.

    `signed_quantity` is in base units, `oracle_price_usd` in USD per base unit, `rate_per_hour` a fraction.
    `hours` is what one settlement pays for: 1, or 8 before 2023-06-08.
    """
    return -signed_quantity * oracle_price_usd * rate_per_hour * hours


def settled_hour_ns(stamp_ns: int, clock: FundingClock) -> int:
    """Return the funding hour a settlement stamp belongs to.

    Stamps carry jitter (median 60 ms, the worst 24 minutes) but never precede their hour, so they are
    floored; rounding would move a late stamp into the following hour.
    """
    return clock.hour_start_ns(stamp_ns)


def settlements_ns(after_ns: int, until_ns: int, clock: FundingClock) -> Iterator[int]:
    """Yield the settlement moments in (`after_ns`, `until_ns`]: what a position held over that time crosses."""
    moment = clock.next_hour_ns(after_ns)
    while moment <= until_ns:
        yield moment
        moment += clock.hour_ns
