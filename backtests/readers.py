"""Read the recorded series: one function per file format, Decimal rates, rows as they are and none invented."""

import csv
import gzip
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path

import msgspec

from adapters.paper.schedule import RateBlock
from backtests.dataset import HOUR_NS, NS_PER_MS, DataError, KnownRate, SettledRate

BLOCK_NS = 4 * HOUR_NS
EIGHT_HOURS = Decimal(8)

type Row = dict[str, str]


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
    return _table(
        folder / "funding" / f"hyperliquid_{asset.lower()}.csv.gz",
        lambda row: SettledRate(_ns(row["time_ms"]), Decimal(row["rate_per_hour"]), Decimal(row["interval_hours"])),
    )


def exchange_funding(folder: Path, venue: str, asset: str) -> tuple[SettledRate, ...]:
    """Return the settlements of a centralised exchange (USDT margin), each for its own interval; `DataError` without a file."""
    return _table(
        folder / "funding" / f"{venue.lower()}_{asset.lower()}.csv.gz",
        lambda row: SettledRate(
            _ns(row["time_ms"]), Decimal(row["rate"]) / Decimal(row["interval_hours"]), Decimal(row["interval_hours"])
        ),
    )


def hyperliquid_candles(folder: Path, asset: str) -> tuple[Candle, ...]:
    """Return the hourly candles of an asset."""
    return _table(
        folder / "candles" / f"hyperliquid_1h_{asset.lower()}.csv.gz",
        lambda row: Candle(_ns(row["open_time_ms"]), Decimal(row["open"]), Decimal(row["close"])),
    )


def paradex_known(folder: Path, asset: str) -> tuple[KnownRate, ...]:
    """Return Paradex' sampled 8-hour rates, each from its own stamp on."""
    return _table(
        folder / "funding" / f"paradex_{asset.lower()}_4h.csv",
        lambda row: KnownRate(_ns(row["time_ms"]), Decimal(row["rate_8h"]), EIGHT_HOURS),
    )


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
    return tuple(hour for path in sorted((folder / "both_venues").glob("hourly_*.csv")) for hour in _table(path, _venue_hour))


def _venue_hour(row: Row) -> VenueHour:
    return VenueHour(
        _ns(row["hour_start_ms"]),
        row["coin"],
        row["venue"].upper(),
        Decimal(row["avg_mark_price_usd"]),
        Decimal(row["avg_index_price_usd"]),
        Decimal(row["avg_funding_rate_per_1h"]),
    )


def basis_bps(hours: tuple[VenueHour, ...], asset: str) -> tuple[Decimal, ...]:
    """Return Paradex' mark over Hyperliquid's in basis points, for each hour that has both."""
    marks: dict[int, dict[str, Decimal]] = {}
    for hour in hours:
        if hour.asset == asset:
            marks.setdefault(hour.hour_start_ns, {})[hour.venue] = hour.mark_usd
    return tuple((pair["PARADEX"] / pair["HYPERLIQUID"] - 1) * 10_000 for _, pair in sorted(marks.items()) if len(pair) == 2)


def _ns(milliseconds: str) -> int:
    return int(milliseconds) * NS_PER_MS


def _table[T](path: Path, convert: Callable[[Row], T]) -> tuple[T, ...]:
    """Return the converted rows of a CSV file, plain or gzipped; raise `DataError` naming the row that cannot be used."""
    opener = gzip.open if path.suffix == ".gz" else open
    rows: list[T] = []
    try:
        with opener(path, "rt", encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                rows.append(convert(row))
    except (OSError, EOFError) as e:
        raise DataError(f"cannot read {path}: {getattr(e, 'strerror', None) or e}") from None
    except (KeyError, TypeError, ValueError, InvalidOperation, csv.Error) as e:
        raise DataError(f"{path}, row {len(rows) + 1}: not the row it should be ({type(e).__name__}: {e})") from None
    return tuple(rows)
