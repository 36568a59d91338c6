"""Assemble a run's data from the recorded series: what overlaps on both venues, and nothing made up to fill it."""

from decimal import Decimal
from pathlib import Path

from backtests import readers
from backtests.basis import ASSUMED, BasisModel, fitted, path_bps
from backtests.dataset import HOUR_NS, DataError, Dataset, Market, Period, PricePoint, hour_ns, iso
from backtests.instruments import ASSETS

# UTC, [start, end): left out of every recorded file. They are gaps, whatever a file may come to contain.
EXCLUDED_NS = (
    (1_747_267_200_000_000_000, 1_751_328_000_000_000_000),  # 2025-05-15 .. 2025-06-30
    (1_777_939_200_000_000_000, 1_782_864_000_000_000_000),  # 2026-05-05 .. 2026-06-30
)
MIN_HOURS = 2
MIN_BASIS_HOURS = 8  # fewer say nothing of the spread


def is_recorded(folder: Path, asset: str) -> bool:
    """Whether the folder holds all three series a run on this asset needs."""
    names = (
        f"funding/hyperliquid_{asset.lower()}.csv.gz",
        f"funding/paradex_{asset.lower()}_4h.csv",
        f"candles/hyperliquid_1h_{asset.lower()}.csv.gz",
    )
    return all((folder / name).is_file() for name in names)


def load(folder: Path, assets: tuple[str, ...], period: Period, seed: int) -> Dataset:
    """Return the recorded markets of a period (default: all that overlaps); raise `DataError` if there is none."""
    if not folder.is_dir():
        raise DataError(f"no such data folder: {folder}")
    missing = [asset for asset in assets if not is_recorded(folder, asset)]
    if missing:
        have = [asset for asset in ASSETS if is_recorded(folder, asset)]
        raise DataError(
            f"{folder} holds no overlapping Hyperliquid and Paradex series for {', '.join(missing)} "
            f"(complete: {', '.join(have) or 'none'})"
        )
    hours = readers.both_venues(folder)
    bases = {asset: _basis(readers.basis_bps(hours, asset)) for asset in assets}
    markets = tuple(_market(folder, asset, bases[asset], period, f"{seed}:{asset}") for asset in assets)
    return Dataset(
        label="recorded",
        is_generated=False,
        markets=markets,
        start_ns=min(market.prices[0].ts_ns for market in markets),
        end_ns=max(market.prices[-1].ts_ns for market in markets),
        sources=SOURCES,
        limits=(*LIMITS, *(f"{asset} basis model: {bases[asset].describe()}" for asset in assets)),
    )


def _basis(recorded_bps: tuple[Decimal, ...]) -> BasisModel:
    return fitted(recorded_bps) if len(recorded_bps) >= MIN_BASIS_HOURS else ASSUMED


SOURCES = (
    "Hyperliquid funding: settled hourly rates at the venue's own stamps",
    "Hyperliquid prices: hourly trade candles (each hour's open)",
    "Paradex funding: the instantaneous 8-hour rate sampled once per 4 hours",
)
LIMITS = (
    "Paradex funding is an approximation: each sample is held for the 4 hours it closes; it is no settled amount",
    "The strategy sees a Paradex rate only from the moment it was sampled, so its view lags by up to 4 hours",
    "Paradex prices are modelled (no series was recorded): Hyperliquid's price plus a basis that wanders",
    "The index price is Hyperliquid's trade price on both venues",
    "One price an hour: what happens within the hour (liquidations, stops, slippage in a crash) is not seen",
)


def _market(folder: Path, asset: str, basis: BasisModel, period: Period, seed: str) -> Market:
    settled, known = readers.hyperliquid_funding(folder, asset), readers.paradex_known(folder, asset)
    charged, candles = readers.paradex_charged(known), readers.hyperliquid_candles(folder, asset)
    if not (settled and charged and candles):
        raise DataError(f"a recorded {asset} series in {folder} is empty")
    overlap = (
        max(candles[0].open_ns, hour_ns(settled[0].ts_ns), charged[0].start_ns),
        min(candles[-1].open_ns + HOUR_NS, hour_ns(settled[-1].ts_ns) + HOUR_NS, charged[-1].end_ns),
    )
    first, last = period.clip(*overlap)
    if last - first < MIN_HOURS * HOUR_NS:
        raise DataError(
            f"no recorded {asset} data in that period: both venues overlap from {iso(overlap[0])} to {iso(overlap[1])} UTC"
        )
    prices = tuple(_prices(candles, basis, seed, (first, last)))
    return Market(
        asset=asset,
        prices=prices,
        settled=tuple(row for row in settled if first <= hour_ns(row.ts_ns) <= last and not is_excluded(row.ts_ns)),
        charged=tuple(block for block in charged if block.end_ns > first and block.start_ns < last),
        known=tuple(rate for rate in known if first <= rate.ts_ns <= last and not is_excluded(rate.ts_ns)),
    )


def is_excluded(ts_ns: int) -> bool:
    """Whether a moment lies in a period that is left out of the recordings."""
    return any(start <= ts_ns < end for start, end in EXCLUDED_NS)


def _prices(candles: tuple[readers.Candle, ...], basis: BasisModel, seed: str, span: tuple[int, int]) -> list[PricePoint]:
    """Return each hour's open, and the last candle's close as the final price."""
    points = []
    closes = {candle.open_ns + HOUR_NS: candle.close_usd for candle in candles}
    opens = {candle.open_ns: candle.open_usd for candle in candles}
    for ts_ns, bps in zip(sorted(opens | closes), path_bps(basis, seed), strict=False):
        if span[0] <= ts_ns <= span[1] and not (ts_ns in opens and is_excluded(ts_ns)):
            price = opens.get(ts_ns, closes.get(ts_ns))
            assert price is not None
            points.append(PricePoint(ts_ns, price, price * (1 + bps / 10_000), price))
    return points
