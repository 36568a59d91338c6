"""Two venues' funding by the hour: what each charged, and what it had published by then; holes stay holes."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import msgspec

from backtests import readers
from backtests.data import is_excluded
from backtests.dataset import HOUR_NS, DataError, KnownRate, SettledRate, hour_ns
from backtests.feed import RATE_DELAY_NS
from strategies.funding import Direction, FundingRate, Published

HYPERLIQUID, PARADEX = "HYPERLIQUID", "PARADEX"
PROXIES = ("BYBIT", "BINANCE")  # other instruments (USDT margin) that stand in for a second venue


class Leg(msgspec.Struct, frozen=True):
    """One venue's side of an asset.

    `charged` is what a long pays at an hour's boundary, a fraction of the notional, by the hour that begins
    there; `covered` are the hours whose funding is on record; `published` is in time order.
    """

    venue: str
    published: tuple[Published, ...]
    charged: Mapping[int, float]
    covered: frozenset[int]


class Pair(msgspec.Struct, frozen=True):
    """Hyperliquid against another venue in one asset."""

    asset: str
    hyperliquid: Leg
    other: Leg

    @property
    def is_proxy(self) -> bool:
        """Whether the other venue is only a stand-in for the one that is traded."""
        return self.other.venue in PROXIES

    @property
    def label(self) -> str:
        """How tables name it: Hyperliquid is on the other side of all."""
        return f"{self.asset} {self.other.venue.capitalize()}{' (proxy)' if self.is_proxy else ''}"

    @property
    def direction(self) -> Direction:
        """Short on Hyperliquid, long on the other: what a positive differential pays."""
        return Direction(long_venue=self.other.venue, short_venue=HYPERLIQUID)

    @property
    def boundaries(self) -> range:
        """The hours at whose beginning something can be decided: from the first both legs know to the last."""
        common = self.hyperliquid.covered & self.other.covered
        return range(min(common) + 1, max(common) + 2)

    def is_known(self, boundary: int) -> bool:
        """Whether the hour that ends at a boundary is on record on both venues."""
        return boundary - 1 in self.hyperliquid.covered and boundary - 1 in self.other.covered

    def paid(self, boundary: int) -> float:
        """Return what the direction's pair receives at a boundary, a fraction of one leg; nothing where nothing is recorded."""
        return self.hyperliquid.charged.get(boundary, 0.0) - self.other.charged.get(boundary, 0.0)


def load(folder: Path, asset: str, venue: str) -> Pair:
    """Return the recorded pair; raise `DataError` if a series is missing or both never overlap."""
    hyperliquid = settled_leg(HYPERLIQUID, readers.hyperliquid_funding(folder, asset))
    if venue == PARADEX:
        other = accruing_leg(PARADEX, readers.paradex_known(folder, asset))
    else:
        other = settled_leg(venue, readers.exchange_funding(folder, venue, asset))
    pair = Pair(asset, hyperliquid, other)
    if not hyperliquid.covered & other.covered:
        raise DataError(f"{pair.label}: no hour is recorded on both venues")
    return pair


def settled_leg(venue: str, rows: Iterable[SettledRate]) -> Leg:
    """Return a venue that pays at stamps: each row is known when it is paid and covers the hours before."""
    kept = sorted((row for row in rows if not is_excluded(row.ts_ns)), key=lambda row: row.ts_ns)
    published = tuple(
        Published(venue=venue, rate=FundingRate(row.rate_per_hour * row.interval_hours, row.interval_hours), ts_ns=row.ts_ns)
        for row in kept
    )
    charged = {hour_ns(row.ts_ns) // HOUR_NS: float(row.rate_per_hour * row.interval_hours) for row in kept}
    hours = (hour for row in kept for hour in _hours_before(row))
    return Leg(venue, published, charged, frozenset(hours))


def _hours_before(row: SettledRate) -> range:
    end = row.ts_ns // HOUR_NS
    return range(end - int(row.interval_hours), end)


def accruing_leg(venue: str, samples: Iterable[KnownRate]) -> Leg:
    """Return a venue that charges by the second: each sample is what the 4 hours it closes were charged at.

    What is published is the last sample, again at each hour while it is no older than a block.
    """
    kept = [sample for sample in samples if not is_excluded(sample.ts_ns)]
    charged: dict[int, float] = {}
    for block in readers.paradex_charged(tuple(kept)):
        for boundary in range(block.start_ns // HOUR_NS + 1, block.end_ns // HOUR_NS + 1):
            charged[boundary] = float(block.rate / block.period_hours)
    return Leg(venue, tuple(_repeated(venue, kept)), charged, frozenset(boundary - 1 for boundary in charged))


def _repeated(venue: str, samples: list[KnownRate]) -> Iterator[Published]:
    ends = [*(after.ts_ns for _, after in pairwise(samples)), samples[-1].ts_ns + readers.BLOCK_NS] if samples else []
    for sample, end_ns in zip(samples, ends, strict=True):
        rate = FundingRate(sample.rate, sample.period_hours)
        yield Published(venue=venue, rate=rate, ts_ns=sample.ts_ns)
        first = hour_ns(sample.ts_ns) + HOUR_NS + RATE_DELAY_NS
        for ts_ns in range(first, min(end_ns, sample.ts_ns + readers.BLOCK_NS), HOUR_NS):
            yield Published(venue=venue, rate=rate, ts_ns=ts_ns)
