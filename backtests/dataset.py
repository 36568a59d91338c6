"""What a backtest runs on: prices of both venues, what each charged for funding, and what a trader could know of it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

import msgspec

from adapters.paper.schedule import RateBlock

NS_PER_MS = 1_000_000
HOUR_NS = 3_600_000_000_000


class DataError(ValueError):
    """The data asked for is not there or cannot be used; the message is one line for the user."""


class Period(msgspec.Struct, frozen=True):
    """The time asked for; None leaves that end to the data."""

    start_ns: int | None = None
    end_ns: int | None = None

    def clip(self, first_ns: int, last_ns: int) -> tuple[int, int]:
        """Return the part of `first_ns` .. `last_ns` asked for; empty when the end lies before the start."""
        return max(first_ns, self.start_ns or first_ns), min(last_ns, self.end_ns or last_ns)


class PricePoint(msgspec.Struct, frozen=True):
    """Prices at one moment, USD per base unit; `index_usd` is what funding is charged on."""

    ts_ns: int
    hyperliquid_usd: Decimal
    paradex_usd: Decimal
    index_usd: Decimal


class SettledRate(msgspec.Struct, frozen=True):
    """One Hyperliquid settlement as stamped by the venue: it pays for the `interval_hours` before it."""

    ts_ns: int
    rate_per_hour: Decimal
    interval_hours: Decimal


class KnownRate(msgspec.Struct, frozen=True):
    """A Paradex rate (fraction per `period_hours`) from the moment a trader could see it."""

    ts_ns: int
    rate: Decimal
    period_hours: Decimal


class Gap(msgspec.Struct, frozen=True):
    """A stretch of one series without rows, longer than its step; it is left empty."""

    series: str
    start_ns: int
    end_ns: int


class Market(msgspec.Struct, frozen=True, kw_only=True):
    """One asset on both venues; `charged` is what Paradex accrued, `known` what it had published by then."""

    asset: str
    prices: tuple[PricePoint, ...]
    settled: tuple[SettledRate, ...]
    charged: tuple[RateBlock, ...]
    known: tuple[KnownRate, ...]


class Dataset(msgspec.Struct, frozen=True, kw_only=True):
    """The markets of one run, where they come from and what they cannot show."""

    label: str
    is_generated: bool
    markets: tuple[Market, ...]
    start_ns: int
    end_ns: int
    sources: tuple[str, ...]
    limits: tuple[str, ...]

    @property
    def hours(self) -> Decimal:
        """The length of the run in hours."""
        return Decimal(self.end_ns - self.start_ns) / HOUR_NS

    def gaps(self) -> tuple[Gap, ...]:
        """Return the holes in every series inside the run."""
        return tuple(gap for market in self.markets for gap in market_gaps(market))


def market_gaps(market: Market) -> Iterator[Gap]:
    """Yield the holes in a market's hourly prices, its settlements and its accrual blocks."""
    yield from _gaps(f"{market.asset} prices", [point.ts_ns for point in market.prices], HOUR_NS)
    hours = [hour_ns(row.ts_ns) for row in market.settled]
    steps = [int(row.interval_hours) * HOUR_NS for row in market.settled]
    yield from _gaps(f"{market.asset} Hyperliquid funding", hours, max(steps, default=HOUR_NS))
    for before, after in pairwise(market.charged):
        if after.start_ns > before.end_ns:
            yield Gap(f"{market.asset} Paradex funding", before.end_ns, after.start_ns)


def _gaps(series: str, stamps: list[int], step_ns: int) -> Iterator[Gap]:
    for before, after in pairwise(stamps):
        if after - before > step_ns:
            yield Gap(series, before + step_ns, after)


def hour_ns(ts_ns: int) -> int:
    """Return the hour a jittered settlement stamp belongs to: stamps are never early, so it is floored."""
    return ts_ns - ts_ns % HOUR_NS


def iso(ts_ns: int) -> str:
    """Return a moment as UTC text to the minute."""
    return datetime.fromtimestamp(ts_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M")


def parse_utc_ns(text: str) -> int:
    """Return an ISO date or time (UTC unless it says otherwise) in nanoseconds; raise `DataError` if it is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise DataError(f"not an ISO date or time: {text!r} (try 2026-03-21 or 2026-03-21T12:00)") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp()) * 1_000_000_000
