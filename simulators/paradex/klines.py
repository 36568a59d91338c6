"""Bars of a market: of its prints while the venue has run, and of the tape before and for mark and index."""

from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Decimal

from simulators.paradex.market import ParadexMarket
from simulators.tape import Tape, TapeClock

MINUTE_MS = 60_000
RESOLUTIONS = (1, 3, 5, 15, 30, 60)  # minutes
PRICE_KINDS = ("last", "mark", "underlying")
MOST_BARS = 1_500
POINTS = 4  # of the tape within a bar, beside its end
Bar = tuple[int, Decimal, Decimal, Decimal, Decimal, Decimal]


class Klines:
    """The bars of all markets, as (start in ms, open, high, low, close, volume in base units)."""

    def __init__(self, tape: Tape, clock: TapeClock) -> None:
        self._tape, self._clock = tape, clock

    def bars(self, market: ParadexMarket, kind: str, minutes: int, *, start_ms: int, end_ms: int, now_ms: int) -> list[Bar]:
        """Return the bars that begin in [start_ms, end_ms], oldest first; the newest 1,500 when there are more."""
        length = minutes * MINUTE_MS
        last = min(end_ms, now_ms) // length * length
        first = max(-(-start_ms // length) * length, last - (MOST_BARS - 1) * length)
        lived = list(market.core.candles.bars(length, first, last)) if kind == "last" else []
        begun_ms = lived[0].start_ms if lived else last + length
        past = [self._bar(market, kind, at, length, now_ms) for at in range(first, min(begun_ms, last + length), length)]
        return past + [(bar.start_ms, bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in lived]

    def _bar(self, market: ParadexMarket, kind: str, start_ms: int, length_ms: int, now_ms: int) -> Bar:
        prices = list(self._prices(market, kind, start_ms, min(start_ms + length_ms, now_ms)))
        volume = Decimal(0)
        if kind == "last":  # as if the house had traded its first level once a minute
            per_minute = Decimal(market.core.spec.house.level_usd) / prices[0]
            volume = (per_minute * length_ms / MINUTE_MS).quantize(market.terms.size_step)
        return start_ms, prices[0], max(prices), min(prices), prices[-1], volume

    def _prices(self, market: ParadexMarket, kind: str, start_ms: int, end_ms: int) -> Iterator[Decimal]:
        step = market.core.spec.mark_step if kind != "last" else market.terms.tick
        for number in range(POINTS + 1):
            at_ms = start_ms + (end_ms - start_ms) * number // POINTS
            point = self._tape.at(self._clock.hours(at_ms * 1_000_000), market.terms.asset)
            price = point.oracle_usd if kind == "underlying" else point.oracle_usd * (1 + point.paradex_premium)
            yield (price / step).to_integral_value(ROUND_HALF_EVEN) * step
