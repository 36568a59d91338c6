"""Funding rates per hour of several venues beside each other, as the venue itself publishes them."""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal

from simulators.paradex.market import ParadexMarket
from simulators.paradex.records import ComparedRate
from simulators.tape import Tape, TapeClock, rate_8h_from_premium

RATE_QUANTUM = Decimal("0.000000000001")


class FundingComparison:
    """Paradex as it stands, Hyperliquid as the tape has it, and a venue that rests at the interest rate."""

    def __init__(self, markets: Mapping[str, ParadexMarket], tape: Tape, clock: TapeClock) -> None:
        self._markets, self._tape, self._clock = markets, tape, clock

    def rates(self, now_ns: int) -> Sequence[ComparedRate]:
        """Return the rates of the moment, as fractions per hour."""
        return [rate for market in self._markets.values() for rate in self._of(market, now_ns)]

    def _of(self, market: ParadexMarket, now_ns: int) -> Sequence[ComparedRate]:
        point = self._tape.at(self._clock.hours(now_ns), market.terms.asset)
        hyperliquid = point.hyperliquid_rate_per_hour
        if hyperliquid is None:
            hyperliquid = Decimal(repr(rate_8h_from_premium(float(point.hyperliquid_premium)) / 8))
        rates = {
            "PARADEX": market.funding.rate / market.funding.terms.period_hours,
            "HYPERLIQUID": hyperliquid,
            "BINANCE": market.terms.interest_rate / 8,
        }
        return [
            ComparedRate(market.symbol, source, rate.quantize(RATE_QUANTUM, ROUND_HALF_EVEN), now_ns // 1_000_000)
            for source, rate in rates.items()
        ]
