"""Funding on one footing: every venue's rate as a simple annual rate, whatever period it is quoted for."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from messages import annual_rate, hourly_rate


class FundingRate(msgspec.Struct, frozen=True):
    """A venue's rate as it quotes it: a fraction of the notional per `period_hours`; positive: longs pay shorts."""

    rate: Decimal
    period_hours: Decimal

    @property
    def rate_per_hour(self) -> Decimal:
        """The same rate as a fraction per hour."""
        return hourly_rate(self.rate, self.period_hours)

    @property
    def apr(self) -> Decimal:
        """The same rate as a simple annual rate: 8,760 hours, no compounding; a fraction."""
        return annual_rate(self.rate, self.period_hours)


class Direction(msgspec.Struct, frozen=True):
    """Which venue is held long and which short; the long one is where longs pay less."""

    long_venue: str
    short_venue: str

    def spread_apr(self, aprs: Mapping[str, Decimal]) -> Decimal:
        """Return what the pair earns per year, as a fraction of one leg: the short leg receives, the long leg pays."""
        return aprs[self.short_venue] - aprs[self.long_venue]


def best_direction(aprs: Mapping[str, Decimal]) -> Direction | None:
    """Return the direction with the widest spread, or None where all rates are equal or fewer than two are known.

    Venues are pulled to the same baseline, so equal rates are an ordinary case: there is nothing to earn then.
    """
    if len(aprs) < 2:
        return None
    lowest, highest = min(aprs, key=lambda venue: aprs[venue]), max(aprs, key=lambda venue: aprs[venue])
    return None if aprs[lowest] == aprs[highest] else Direction(lowest, highest)
