"""One-minute bars of a market's prints, and longer bars merged from them on demand."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

MINUTE_MS = 60_000


@dataclass(slots=True)
class Candle:
    """Prices in USD and volume in base units of [start_ms, end_ms)."""

    start_ms: int
    end_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    trades: int

    def absorb(self, later: "Candle") -> None:
        """Extend this bar by a later one."""
        self.high = max(self.high, later.high)
        self.low = min(self.low, later.low)
        self.close = later.close
        self.volume += later.volume
        self.trades += later.trades


class Candles:
    """The minutes of one market, as many as are kept."""

    def __init__(self, kept: int = 10_000) -> None:
        self._minutes: deque[Candle] = deque(maxlen=kept)

    def add(self, price: Decimal, size: Decimal, time_ms: int) -> None:
        """Count one print; prints come in time order."""
        start = time_ms - time_ms % MINUTE_MS
        tick = Candle(start, start + MINUTE_MS, price, price, price, price, size, 1)
        if self._minutes and self._minutes[-1].start_ms == start:
            self._minutes[-1].absorb(tick)
        else:
            self._minutes.append(tick)

    @property
    def first_ms(self) -> int | None:
        """When the oldest minute begins."""
        return self._minutes[0].start_ms if self._minutes else None

    def recall(self, past: Iterable[Candle]) -> None:
        """Put minutes before the oldest one, oldest first; those beyond what is kept are left out."""
        room = (self._minutes.maxlen or 0) - len(self._minutes)
        self._minutes.extendleft(list(reversed(list(past)))[:room])

    def bars(self, length_ms: int, start_ms: int = 0, end_ms: int | None = None) -> list[Candle]:
        """Return the bars of `length_ms` that begin in [start_ms, end_ms], oldest first."""
        bars: list[Candle] = []
        for minute in self._minutes:
            start = minute.start_ms - minute.start_ms % length_ms
            if start < start_ms or (end_ms is not None and start > end_ms):
                continue
            if bars and bars[-1].start_ms == start:
                bars[-1].absorb(minute)
            else:
                bars.append(replace(minute, start_ms=start, end_ms=start + length_ms))
        return bars

    def last(self, length_ms: int) -> Candle | None:
        """Return the bar in progress."""
        if not self._minutes:
            return None
        newest = self._minutes[-1].start_ms
        return self.bars(length_ms, newest - newest % length_ms)[-1]
