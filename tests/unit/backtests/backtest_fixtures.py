"""Tiny markets whose funding can be summed by hand."""

from decimal import Decimal

from adapters.paper.schedule import RateBlock
from backtests.dataset import HOUR_NS, Dataset, KnownRate, Market, PricePoint, SettledRate

START_NS = 490_000 * HOUR_NS
JITTER_NS = 60_000_000
EIGHT = Decimal(8)


def market(settled: list[str], charged: list[str], price: str = "50000", shift_hours: int = 0) -> Market:
    """A flat price, one Hyperliquid settlement at the end of each hour and one Paradex 8-hour rate in force in it."""
    hours = len(settled)
    usd = Decimal(price)
    return Market(
        asset="BTC",
        prices=tuple(PricePoint(START_NS + n * HOUR_NS, usd, usd, usd) for n in range(hours + 1)),
        settled=tuple(
            SettledRate(START_NS + (n + 1 + shift_hours) * HOUR_NS + JITTER_NS, Decimal(rate), Decimal(1))
            for n, rate in enumerate(settled)
            if n + 1 + shift_hours <= hours
        ),
        charged=tuple(
            RateBlock(
                start_ns=START_NS + (n + shift_hours) * HOUR_NS,
                end_ns=START_NS + (n + 1 + shift_hours) * HOUR_NS,
                rate=Decimal(rate),
                period_hours=EIGHT,
            )
            for n, rate in enumerate(charged)
        ),
        known=tuple(KnownRate(START_NS + (n + 1) * HOUR_NS, Decimal(rate), EIGHT) for n, rate in enumerate(charged)),
    )


def dataset(one: Market) -> Dataset:
    return Dataset(
        label="made up",
        is_generated=True,
        markets=(one,),
        start_ns=one.prices[0].ts_ns,
        end_ns=one.prices[-1].ts_ns,
        sources=("a test",),
        limits=("<none> & nothing",),
    )
