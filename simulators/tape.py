"""One tape drives every venue: oracle prices, each venue's premium over them, and funding rates.

A tape answers for any time, in funding hours since its start, and is deterministic in its seed. A
generated tape gives a premium from which a venue computes its own rate; a replayed tape gives the
rates themselves, and the premium that would have caused them.
"""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from messages import FundingClock

ASSETS = ("BTC", "ETH", "SOL", "HYPE")
LEVELS_USD: Mapping[str, float] = {"BTC": 84_000.0, "ETH": 2_900.0, "SOL": 135.0, "HYPE": 38.0}
# Coins a venue lists beside the traded four, so that asset ids are no trivial count
OTHER_LEVELS_USD: Mapping[str, float] = {"XRP": 2.1, "DOGE": 0.15, "AVAX": 14.0}
ALL_LEVELS_USD: Mapping[str, float] = {**LEVELS_USD, **OTHER_LEVELS_USD}
DECIMALS: Mapping[str, int] = {"BTC": 1, "ETH": 2, "SOL": 3, "HYPE": 4}
INTEREST_8H = 0.0001  # both venues rest at this rate per 8 hours: 10.95 % a year
CLAMP_8H = 0.0005


@dataclass(frozen=True, slots=True)
class TapePoint:
    """One asset at one moment; premiums are fractions of the oracle price, longs pay positive rates.

    A rate is None where the venue has to compute it from its own books.
    """

    oracle_usd: Decimal
    hyperliquid_premium: Decimal
    paradex_premium: Decimal
    hyperliquid_rate_per_hour: Decimal | None = None
    paradex_rate_8h: Decimal | None = None


class Tape(Protocol):
    """What the venues read."""

    def at(self, hours: float, asset: str) -> TapePoint:
        """Return `asset` at `hours` funding hours since the start; negative is before it."""


def rate_8h_from_premium(premium: float) -> float:
    """Return the 8-hour rate of an average premium: P + clamp(0.01 % - P, +-0.05 %)."""
    return premium + min(max(INTEREST_8H - premium, -CLAMP_8H), CLAMP_8H)


def premium_from_rate_8h(rate_8h: float) -> float:
    """Return the premium that causes an 8-hour rate; 0 where any premium inside the clamp would."""
    if math.isclose(rate_8h, INTEREST_8H, rel_tol=0, abs_tol=1e-12):
        return 0.0
    return rate_8h + CLAMP_8H if rate_8h > INTEREST_8H else rate_8h - CLAMP_8H


def decimal(value: float, places: int) -> Decimal:
    """Return a float as an exact decimal of `places` places."""
    return Decimal(f"{value:.{places}f}")


class Noise:
    """Smooth bounded noise of time, in -1..1, from seeded values at whole steps."""

    def __init__(self, seed: int, name: str) -> None:
        self._seed = f"{seed}/{name}"
        self._values: dict[int, float] = {}

    def at(self, steps: float) -> float:
        """Return the noise at `steps`, eased between its neighbours."""
        left = math.floor(steps)
        part = steps - left
        ease = part * part * (3 - 2 * part)
        return self._value(left) * (1 - ease) + self._value(left + 1) * ease

    def _value(self, step: int) -> float:
        value = self._values.get(step)
        if value is None:
            value = self._values[step] = random.Random(f"{self._seed}/{step}").uniform(-1, 1)
        return value


class PricePaths:
    """Correlated oracle prices: waves of several lengths around a level, part common, part own."""

    # (length in hours, amplitude): short waves are small, so a few hours never move a price far
    WAVES = ((96.0, 0.012), (24.0, 0.003), (6.0, 0.0012), (1.5, 0.0006), (0.25, 0.0002))
    COMMON = 0.8  # correlation of any two assets is its square

    def __init__(self, seed: int, levels_usd: Mapping[str, float] = LEVELS_USD) -> None:
        self._levels_usd = levels_usd
        self._noise = {
            (name, index): Noise(seed, f"price/{name}/{index}")
            for name in ("common", *levels_usd)
            for index in range(len(self.WAVES))
        }
        self._start = {asset: self._log_move(0.0, asset) for asset in levels_usd}

    def at(self, hours: float, asset: str) -> float:
        """Return the oracle price in USD; at hour 0 it is the asset's level."""
        return self._levels_usd[asset] * math.exp(self._log_move(hours, asset) - self._start[asset])

    def _log_move(self, hours: float, asset: str) -> float:
        own = math.sqrt(1 - self.COMMON**2)
        return sum(
            amplitude
            * (self.COMMON * self._noise["common", index].at(hours / length) + own * self._noise[asset, index].at(hours / length))
            for index, (length, amplitude) in enumerate(self.WAVES)
        )


@dataclass(frozen=True, slots=True)
class Episode:
    """A premium on one asset of Hyperliquid: up, held, then turned round for good.

    At the plateau the 8-hour rate is premium - 0.05 % = 0.35 %, 383 % a year; afterwards it is premium
    + 0.05 %, which is as much the other way: what was earned is then paid, so that an open pair has to be left.
    """

    asset: str = "HYPE"
    start_hours: float = 1.0
    rise_hours: float = 0.2
    end_hours: float = 11.0
    fall_hours: float = 0.2
    plateau: float = 0.0040
    aftermath: float = -0.0040

    def premium(self, hours: float) -> float:
        """Return the episode's premium."""
        if hours < self.end_hours:
            return self.plateau * _ramp(hours, self.start_hours, self.rise_hours)
        return self.plateau + (self.aftermath - self.plateau) * _ramp(hours, self.end_hours, self.fall_hours)


def _ramp(hours: float, start: float, length: float) -> float:
    return min(max((hours - start) / length, 0.0), 1.0)


class GeneratedTape:
    """A seeded market, quiet at the interest rate but for an episode."""

    RIPPLE = 0.00003  # of the premiums; far inside the clamp, so that quiet rates rest exactly

    def __init__(self, seed: int, episode: Episode | None, levels_usd: Mapping[str, float] = LEVELS_USD) -> None:
        self._prices = PricePaths(seed, levels_usd)
        self._episode = episode
        self._ripples = {(venue, asset): Noise(seed, f"premium/{venue}/{asset}") for venue in "hp" for asset in levels_usd}

    def at(self, hours: float, asset: str) -> TapePoint:
        """Return `asset` at `hours`."""
        extra = self._episode.premium(hours) if self._episode and self._episode.asset == asset else 0.0
        return TapePoint(
            oracle_usd=decimal(self._prices.at(hours, asset), DECIMALS.get(asset, 5)),
            hyperliquid_premium=decimal(extra + self._ripple("h", hours, asset), 10),
            paradex_premium=decimal(self._ripple("p", hours, asset), 10),
        )

    def _ripple(self, venue: str, hours: float, asset: str) -> float:
        return self.RIPPLE * self._ripples[venue, asset].at(hours * 2)


def scenario(name: str, seed: int) -> GeneratedTape:
    """Return a generated tape: `demo` has one episode, `calm` none. Raise ValueError otherwise."""
    if name not in ("demo", "calm"):
        raise ValueError(f"unknown scenario {name!r}: demo or calm")
    return GeneratedTape(seed, Episode() if name == "demo" else None, ALL_LEVELS_USD)


class TapeClock:
    """Tape hours of wall time: hour 0 is the first funding-hour boundary after the start.

    So funding hours of the venues and whole hours of the tape coincide; the part of an hour before
    is negative. `funding` is the funding clock behind it.
    """

    def __init__(self, funding: FundingClock, start_ns: int) -> None:
        self.funding = funding
        self.start_ns = start_ns
        self._zero_ns = funding.next_hour_ns(start_ns)

    def hours(self, now_ns: int) -> float:
        """Return the tape's hour at `now_ns`."""
        return (now_ns - self._zero_ns) / self.funding.hour_ns
