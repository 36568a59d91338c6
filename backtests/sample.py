"""A generated market for trying the backtest without recorded data: seeded, plausible, and nobody's history."""

import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from adapters.paper.schedule import RateBlock
from backtests.basis import ASSUMED, path_bps
from backtests.dataset import HOUR_NS, DataError, Dataset, KnownRate, Market, Period, PricePoint, SettledRate, hour_ns
from backtests.instruments import ASSETS

DAYS = 30
START_NS = round(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000_000
REST_PER_HOUR = 0.0000125  # the resting value of both venues' formulas
EIGHT = Decimal(8)


class Shape(msgspec.Struct, frozen=True):
    """How an asset moves: start price (USD), hourly volatility, and how far funding strays per hour (fractions)."""

    price_usd: float
    volatility: float
    rate_deviation: float


SHAPES = {
    "BTC": Shape(90_000.0, 0.005, 0.000008),
    "ETH": Shape(3_000.0, 0.007, 0.000010),
    "SOL": Shape(130.0, 0.009, 0.000014),
    "HYPE": Shape(25.0, 0.012, 0.000020),
}


def generate(assets: tuple[str, ...], period: Period, seed: int) -> Dataset:
    """Return the part of the sample that lies in a period; raise `DataError` if none does."""
    first, last = period.clip(START_NS, START_NS + DAYS * 24 * HOUR_NS)
    unknown = [asset for asset in assets if asset not in SHAPES]
    if unknown:
        raise DataError(f"unknown asset {', '.join(unknown)} (known: {', '.join(ASSETS)})")
    if last - first < 2 * HOUR_NS:
        raise DataError("the generated sample covers 2026-01-01 .. 2026-01-30 (UTC); the period asked for lies outside")
    return Dataset(
        label="generated sample",
        is_generated=True,
        markets=tuple(_clip(_market(asset, seed), first, last) for asset in assets),
        start_ns=first,
        end_ns=last,
        sources=(f"Generated from seed {seed}: no recorded market data",),
        limits=(
            "All prices and funding rates are random numbers; the result says nothing about any market",
            f"Basis model: {ASSUMED.describe()}",
            "One price an hour: what happens within the hour is not seen",
        ),
    )


def _market(asset: str, seed: int) -> Market:
    rng = random.Random(f"{seed}:{asset}:market")
    shape, hours = SHAPES[asset], DAYS * 24
    hyperliquid, paradex = _rates(rng, shape), _rates(rng, shape)
    prices, settled, charged, known = [], [], [], []
    price, basis = shape.price_usd, path_bps(ASSUMED, f"{seed}:{asset}")
    for hour in range(hours + 1):
        ts_ns = START_NS + hour * HOUR_NS
        exact = Decimal(f"{price:.4f}")
        prices.append(PricePoint(ts_ns, exact, exact * (1 + next(basis) / 10_000), exact))
        jitter_ns = round(rng.lognormvariate(math.log(0.06), 0.7) * 1e9)
        settled.append(SettledRate(ts_ns + jitter_ns, next(hyperliquid), Decimal(1)))
        rate = next(paradex) * EIGHT
        charged.append(RateBlock(start_ns=ts_ns, end_ns=ts_ns + HOUR_NS, rate=rate, period_hours=EIGHT))
        known.append(KnownRate(ts_ns, rate, EIGHT))
        price *= math.exp(rng.gauss(0.0, shape.volatility))
    return Market(asset=asset, prices=tuple(prices), settled=tuple(settled), charged=tuple(charged[:hours]), known=tuple(known))


def _rates(rng: random.Random, shape: Shape) -> Iterator[Decimal]:
    """Yield hourly rates: a slow regime around the resting value, and noise on top."""
    regime = rng.gauss(0.0, shape.rate_deviation)
    while True:
        yield Decimal(f"{REST_PER_HOUR + regime + rng.gauss(0.0, shape.rate_deviation / 4):.10f}")
        regime = 0.99 * regime + rng.gauss(0.0, shape.rate_deviation * math.sqrt(1 - 0.99**2))


def _clip(market: Market, first: int, last: int) -> Market:
    return Market(
        asset=market.asset,
        prices=tuple(point for point in market.prices if first <= point.ts_ns <= last),
        settled=tuple(row for row in market.settled if first <= hour_ns(row.ts_ns) <= last),
        charged=tuple(block for block in market.charged if block.end_ns > first and block.start_ns < last),
        known=tuple(rate for rate in market.known if first <= rate.ts_ns <= last),
    )
