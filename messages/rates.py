"""One footing for funding rates: venues quote them per hour, per 8 hours or per 24 hours."""

from decimal import Decimal

HOURS_PER_YEAR = 8_760


def hourly_rate(rate: Decimal, period_hours: Decimal) -> Decimal:
    """Return `rate`, a fraction per `period_hours`, as a fraction per hour."""
    if period_hours <= 0:
        raise ValueError(f"a funding period must be positive, was {period_hours} h")
    return rate / period_hours


def annual_rate(rate: Decimal, period_hours: Decimal) -> Decimal:
    """Return `rate`, a fraction per `period_hours`, as a simple annual rate (APR, a fraction)."""
    return hourly_rate(rate, period_hours) * HOURS_PER_YEAR
