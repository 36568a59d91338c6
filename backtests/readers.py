"""Read the recorded series: one function per file format, Decimal rates, rows as they are and none invented."""

import csv
import gzip
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path

import msgspec

from adapters.paper.schedule import RateBlock
from backtests.dataset import HOUR_NS, NS_PER_MS, DataError, KnownRate, SettledRate

BLOCK_NS = 4 * HOUR_NS
EIGHT_HOURS = Decimal(8)


class Candle(msgspec.Struct, frozen=True):
    """One hour of Hyperliquid trades, USD per base unit."""

    open_ns: int
    open_usd: Decimal
    close_usd: Decimal


class VenueHour(msgspec.Struct, frozen=True):
    """One hour's mean of one venue's mark and index price (USD) and funding rate (fraction per hour)."""

    hour_start_ns: int
    asset: str
    venue: str
    mark_usd: Decimal
    index_usd: Decimal
    rate_per_hour: Decimal


def hyperliquid_funding(folder: Path, asset: str) -> tuple[SettledRate, ...]:
    """Return every recorded settlement of an asset, jittered stamps as the venue wrote them."""
    rows = _rows(folder / "funding" / f"hyperliquid_{asset.lower()}.csv.gz")
    return tuple(
        SettledRate(int(row["time_ms"]) * NS_PER_MS, Decimal(row["rate_per_hour"]), Decimal(row["interval_hours"]))
        for row in rows
    )


def hyperliquid_candles(folder: Path, asset: str) -> tuple[Candle, ...]:
    """Return the hourly candles of an asset."""
    rows = _rows(folder / "candles" / f"hyperliquid_1h_{asset.lower()}.csv.gz")
    return tuple(Candle(int(row["open_time_ms"]) * NS_PER_MS, Decimal(row["open"]), Decimal(row["close"])) for row in rows)


def paradex_known(folder: Path, asset: str) -> tuple[KnownRate, ...]:
    """Return Paradex' sampled 8-hour rates, each from its own stamp on."""
    rows = _rows(folder / "funding" / f"paradex_{asset.lower()}_4h.csv")
    return tuple(KnownRate(int(row["time_ms"]) * NS_PER_MS, Decimal(row["rate_8h"]), EIGHT_HOURS) for row in rows)


def paradex_charged(known: tuple[KnownRate, ...]) -> tuple[RateBlock, ...]:
    """Approximate what Paradex accrued: hold each sample for the 4-hour block it closes.

    A sample is a snapshot of a continuous rate, so this is no settled amount; a block without a
    sample stays empty.
    """
    blocks = []
    for sample in known:
        start_ns = sample.ts_ns - sample.ts_ns % BLOCK_NS
        blocks.append(
            RateBlock(start_ns=start_ns, end_ns=start_ns + BLOCK_NS, rate=sample.rate, period_hours=sample.period_hours)
        )
    return tuple(blocks)


def both_venues(folder: Path) -> tuple[VenueHour, ...]:
    """Return the hours in which mark and index of both venues were recorded."""
    return tuple(
        VenueHour(
            int(row["hour_start_ms"]) * NS_PER_MS,
            row["coin"],
            row["venue"].upper(),
            Decimal(row["avg_mark_price_usd"]),
            Decimal(row["avg_index_price_usd"]),
            Decimal(row["avg_funding_rate_per_1h"]),
        )
        for path in sorted((folder / "both_venues").glob("hourly_*.csv"))
        for row in _rows(path)
    )


def basis_bps(hours: tuple[VenueHour, ...], asset: str) -> tuple[Decimal, ...]:
    """Return Paradex' mark over Hyperliquid's in basis points, for each hour that has both."""
    marks: dict[int, dict[str, Decimal]] = {}
    for hour in hours:
        if hour.asset == asset:
            marks.setdefault(hour.hour_start_ns, {})[hour.venue] = hour.mark_usd
    return tuple((pair["PARADEX"] / pair["HYPERLIQUID"] - 1) * 10_000 for _, pair in sorted(marks.items()) if len(pair) == 2)


def _rows(path: Path) -> Iterator[dict[str, str]]:
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file)
    except OSError as e:
        raise DataError(f"cannot read {path}: {e.strerror or e}") from None
    except (UnicodeDecodeError, csv.Error, InvalidOperation) as e:
        raise DataError(f"{path} is not the CSV file it should be: {e}") from None
