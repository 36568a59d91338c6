"""Candles as Nautilus bars: which bar types the venue has, and when a bar is complete."""

from typing import Final

from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AggregationSource, BarAggregation, PriceType
from nautilus_trader.model.instruments import Instrument
from nautilus_trader.model.objects import Price, Quantity

from adapters.hyperliquid.schemas import Candle

_UNITS: Final = {
    BarAggregation.MINUTE: ("m", (1, 3, 5, 15, 30)),
    BarAggregation.HOUR: ("h", (1, 2, 4, 8, 12)),
    BarAggregation.DAY: ("d", (1, 3)),
    BarAggregation.WEEK: ("w", (1,)),
    BarAggregation.MONTH: ("M", (1,)),
}


def interval(bar_type: BarType) -> str | None:
    """Return the venue's name of an interval, None for bars it does not make."""
    spec = bar_type.spec
    unit, steps = _UNITS.get(spec.aggregation, ("", ()))
    is_made = bar_type.aggregation_source == AggregationSource.EXTERNAL and spec.price_type == PriceType.LAST
    return f"{spec.step}{unit}" if is_made and spec.step in steps else None


def bar(candle: Candle, bar_type: BarType, of: Instrument, ts_init: int) -> Bar:
    """Return a candle as a bar, stamped with its end."""
    precision = of.price_precision
    prices = (Price(value, precision) for value in (candle.o, candle.h, candle.l, candle.c))
    return Bar(bar_type, *prices, Quantity(candle.v, of.size_precision), (candle.T + 1) * 1_000_000, ts_init)


class RunningBar:
    """The bar in the making of one bar type: the venue repeats it, and never says that it is complete."""

    def __init__(self) -> None:
        self._candle: Candle | None = None
        self._is_broken = False

    def broke(self) -> None:
        """The connection was lost: the bar may have gone on unheard."""
        self._is_broken = True

    def take(self, candle: Candle) -> tuple[Candle | None, tuple[int, int] | None]:
        """Return the bar that is complete, or the milliseconds [from, to] whose bars have to be read."""
        last = self._candle
        if last is not None and candle.t < last.t:
            return None, None
        self._candle = candle
        if last is None or candle.t == last.t:
            return None, None
        was_broken, self._is_broken = self._is_broken, False
        if was_broken or candle.t != last.T + 1:
            return None, (last.t, candle.t - 1)
        return last, None
