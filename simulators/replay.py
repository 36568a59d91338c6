"""A tape that follows a recorded funding series instead of a generated premium."""

import csv
from bisect import bisect_right
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from simulators.tape import ALL_LEVELS_USD, GeneratedTape, TapePoint, decimal, premium_from_rate_8h

COLUMNS = ("hour", "asset", "hyperliquid_rate_per_hour", "paradex_rate_8h")


@dataclass(frozen=True, slots=True)
class ReplayRow:
    """The rates that hold from `hour` (since the start of the tape) until the asset's next row."""

    hour: int
    hyperliquid_rate_per_hour: Decimal
    paradex_rate_8h: Decimal
    price_usd: Decimal | None


RESTING = ReplayRow(-1, Decimal("0.0000125"), Decimal("0.0001"), None)


class ReplayTape:
    """Recorded rates, prices where recorded, and generated prices elsewhere; the last row holds for good."""

    def __init__(self, rows: dict[str, list[ReplayRow]], seed: int) -> None:
        self._rows = rows
        self._hours = {asset: [row.hour for row in series] for asset, series in rows.items()}
        self._generated = GeneratedTape(seed, None, ALL_LEVELS_USD)

    def at(self, hours: float, asset: str) -> TapePoint:
        """Return `asset` at `hours`; an asset the recording lacks stays at the interest rate."""
        point = self._generated.at(hours, asset)
        if asset not in self._rows:
            return point
        index = max(bisect_right(self._hours[asset], hours) - 1, 0)
        row = self._rows[asset][index]
        return TapePoint(
            oracle_usd=self._price(hours, asset, index) or point.oracle_usd,
            hyperliquid_premium=decimal(premium_from_rate_8h(float(row.hyperliquid_rate_per_hour) * 8), 10),
            paradex_premium=decimal(premium_from_rate_8h(float(row.paradex_rate_8h)), 10),
            hyperliquid_rate_per_hour=row.hyperliquid_rate_per_hour,
            paradex_rate_8h=row.paradex_rate_8h,
        )

    def _price(self, hours: float, asset: str, index: int) -> Decimal | None:
        """Interpolate between recorded prices."""
        series = self._rows[asset]
        row, following = series[index], series[min(index + 1, len(series) - 1)]
        if row.price_usd is None or following.price_usd is None or following.hour == row.hour:
            return row.price_usd
        part = Decimal(f"{min(max((hours - row.hour) / (following.hour - row.hour), 0.0), 1.0):.6f}")
        return (row.price_usd + (following.price_usd - row.price_usd) * part).quantize(row.price_usd)


def read_replay(path: Path, seed: int) -> ReplayTape:
    """Read a CSV with the columns hour, asset, hyperliquid_rate_per_hour, paradex_rate_8h[, price_usd].

    `hour` counts whole funding hours from the start; rates are fractions, positive when longs pay.
    An empty rate repeats the asset's previous one. Raise ValueError with the reason and line.
    """
    rows: dict[str, list[ReplayRow]] = {}
    try:
        with path.open(newline="") as file:
            reader = csv.DictReader(file)
            if missing := [name for name in COLUMNS if name not in (reader.fieldnames or [])]:
                raise ValueError(f"tape {path}: no column {missing[0]}")
            for record in reader:
                _add(rows, record, f"tape {path} line {reader.line_num}")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"tape {path}: {error}") from error
    if not rows:
        raise ValueError(f"tape {path}: no rows")
    return ReplayTape(rows, seed)


def _add(rows: dict[str, list[ReplayRow]], record: dict[str, str], where: str) -> None:
    asset = record["asset"]
    if asset not in ALL_LEVELS_USD:
        raise ValueError(f"{where}: unknown asset {asset!r}")
    series = rows.setdefault(asset, [])
    previous = series[-1] if series else RESTING
    try:
        row = ReplayRow(
            hour=int(record["hour"]),
            hyperliquid_rate_per_hour=Decimal(record["hyperliquid_rate_per_hour"] or previous.hyperliquid_rate_per_hour),
            paradex_rate_8h=Decimal(record["paradex_rate_8h"] or previous.paradex_rate_8h),
            price_usd=Decimal(record["price_usd"]) if record.get("price_usd") else None,
        )
    except (ValueError, InvalidOperation, TypeError) as error:
        raise ValueError(f"{where}: {record} is not a row of numbers") from error
    if series and row.hour <= series[-1].hour:
        raise ValueError(f"{where}: hour {row.hour} does not follow {series[-1].hour}")
    series.append(row)
