"""Turn a dataset into what the venues' streams would have delivered, in the order they would have."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import takewhile

from nautilus_trader.core.data import Data
from nautilus_trader.model.data import FundingRateUpdate, IndexPriceUpdate, MarkPriceUpdate
from nautilus_trader.model.instruments import CryptoPerpetual

from backtests.books import snapshot
from backtests.dataset import Dataset, KnownRate, Market, PricePoint
from backtests.instruments import HYPERLIQUID, VENUES, perpetual

NS_PER_SEC = 1_000_000_000
# Books follow the hour's settlement (99 % of all stamps lie within 0.45 s): whoever trades on them has not been paid for it.
BOOK_DELAYS_NS = (5 * NS_PER_SEC, 8 * NS_PER_SEC)
RATE_DELAY_NS = 4 * NS_PER_SEC


def streams(dataset: Dataset) -> Iterator[list[Data]]:
    """Yield one list per data type and instrument (as the engine wants them), prices before funding before books.

    Each list is in time order; between the lists the engine sorts by time and keeps this order where times are equal.
    """
    legs = [(market, perpetual(market.asset, venue)) for market in dataset.markets for venue in VENUES]
    for source in (_marks, _indices, _funding):
        for market, instrument in legs:
            yield list(source(instrument, market))
    for market, instrument in legs:
        books = [
            snapshot(instrument, _price_usd(instrument, point), point.ts_ns + delay_ns)
            for point in market.prices
            for delay_ns in BOOK_DELAYS_NS
        ]
        yield [deltas for deltas, _ in books]
        yield [quote for _, quote in books]


def _price_usd(instrument: CryptoPerpetual, point: PricePoint) -> Decimal:
    return point.hyperliquid_usd if instrument.id.venue == HYPERLIQUID else point.paradex_usd


def _funding(instrument: CryptoPerpetual, market: Market) -> Iterator[Data]:
    return _settled(instrument, market) if instrument.id.venue == HYPERLIQUID else _known(instrument, market)


def _marks(instrument: CryptoPerpetual, market: Market) -> Iterator[Data]:
    for point in market.prices:
        price = instrument.make_price(_price_usd(instrument, point))
        yield MarkPriceUpdate(instrument.id, price, point.ts_ns, point.ts_ns)


def _indices(instrument: CryptoPerpetual, market: Market) -> Iterator[Data]:
    for point in market.prices:
        yield IndexPriceUpdate(instrument.id, instrument.make_price(point.index_usd), point.ts_ns, point.ts_ns)


def _settled(instrument: CryptoPerpetual, market: Market) -> Iterator[Data]:
    """Yield each settlement at its own stamp: due at once, and from then on the last rate a trader knows."""
    for row in market.settled:
        yield FundingRateUpdate(
            instrument.id,
            row.rate_per_hour * row.interval_hours,
            row.ts_ns,
            row.ts_ns,
            interval=int(row.interval_hours * 60),
            next_funding_ns=row.ts_ns,
        )


def _known(instrument: CryptoPerpetual, market: Market) -> Iterator[Data]:
    """Yield the latest sample again at every hour, as the venue's stream repeats a rate that does not change."""
    samples = list(market.known)
    latest: KnownRate | None = None
    for point in market.prices:
        now_ns = point.ts_ns + RATE_DELAY_NS
        fresh = list(takewhile(lambda sample: sample.ts_ns <= now_ns, samples))  # noqa: B023  # used up at once
        samples = samples[len(fresh) :]
        latest = fresh[-1] if fresh else latest
        if latest is not None:
            minutes = int(latest.period_hours * 60)
            yield FundingRateUpdate(instrument.id, latest.rate, now_ns, now_ns, interval=minutes)
