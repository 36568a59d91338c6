"""Funding on one footing: every venue's rate as a simple annual rate, whatever period it is quoted for."""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

import msgspec

from messages import FundingClock, annual_rate, hourly_rate

# Venues on which funding accrues by the second at the published rate; elsewhere it is paid at stamps.
CONTINUOUS_VENUES = frozenset({"PARADEX"})
# The variance an hour's average premium has as noise over the variance of settled hours around what was expected of them
# (`phase_weight`). Recordings are small: 16 calm hours of three coins say under 0.01 (by how far an hour's mean running rate
# lies from what settled), eight readings three minutes past the hour 0.15 (by how far they lie from those later in the hour).
# Noise believed opens a pair that costs fees, news believed late costs minutes of funding: the upper end.
NOISE_RATIO = Decimal("0.15")
ONE = Decimal(1)


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


class Publication(StrEnum):
    """What a published rate means at its moment."""

    RUNNING_AVERAGE = "RUNNING_AVERAGE"  # of the period so far; it is paid, as it then stands, when the period ends
    SETTLED = "SETTLED"  # paid for the period that ends at the stamp
    IN_FORCE = "IN_FORCE"  # charged by the second from now on


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """A rate as a venue publishes it at `ts_ns`; `settles_ns` is when it is paid, None where the venue does not say."""

    venue: str
    rate: FundingRate
    ts_ns: int
    settles_ns: int | None = None

    @property
    def kind(self) -> Publication:
        """What the rate means: told by the venue's way of charging and by whether its payment lies ahead."""
        if self.venue in CONTINUOUS_VENUES:
            return Publication.IN_FORCE
        is_ahead = self.settles_ns is not None and self.settles_ns > self.ts_ns
        return Publication.RUNNING_AVERAGE if is_ahead else Publication.SETTLED

    def phase(self, clock: FundingClock) -> Decimal:
        """Return the share of its period that a running average covers, 0 .. 1; 1 for every other rate."""
        if self.kind is not Publication.RUNNING_AVERAGE or self.settles_ns is None:
            return ONE
        left = clock.hours(self.settles_ns - self.ts_ns) / self.rate.period_hours
        return ONE - min(left, ONE)


def phase_weight(phase: Decimal, noise_ratio: Decimal = NOISE_RATIO) -> Decimal:
    """Return how much of a running average's distance from what was expected to believe: `f (1 + k) / (f + k)`.

    Let an hour's premium be a level L plus independent noise, L lying around the expected value m with
    variance T, and let the noise of a whole hour's average have variance S; k = S / T. The average R of
    the share f of the hour has noise S / f, so the expected level given R is m + Z (R - m) with
    Z = f / (f + k): Bühlmann's credibility factor n / (n + k) (Experience rating and credibility, ASTIN
    Bulletin 4, 1967). What will settle is f R + (1 - f) E[L | R], so the weight of R is
    f + (1 - f) f / (f + k) = f (1 + k) / (f + k): 0 when the hour begins, 1 when it ends.
    """
    if not 0 <= phase <= 1:
        raise ValueError(f"a phase lies between 0 and 1, was {phase}")
    return phase * (1 + noise_ratio) / (phase + noise_ratio) if phase else phase


def nowcast(
    published: Published, expected_apr: Decimal | None, clock: FundingClock, noise_ratio: Decimal = NOISE_RATIO
) -> Decimal:
    """Return the annual rate (a fraction) at which the running period is going to be charged.

    Hyperliquid publishes the average of the hour so far, which is noise early in the hour: it is drawn
    towards `expected_apr`, what hours before let expect, by `phase_weight`; None (nothing known) leaves it
    as published. Paradex publishes a rate that the venue has smoothed already (an exponential average
    with a half-life of 30 minutes), and charges exactly that rate by the second: it is taken as it is.
    Undoing the average would estimate where the rate goes within the hour, but multiplies the noise of a
    sample by 1 / (1 - 2^(-Δ / 30 min)), 43 times for minutes apart, to learn of a lag of 43 minutes, which is
    3 % of a day's horizon. A settled rate is what it is.
    """
    if expected_apr is None:
        return published.rate.apr
    return expected_apr + phase_weight(published.phase(clock), noise_ratio) * (published.rate.apr - expected_apr)
