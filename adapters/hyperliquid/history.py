"""What the venue remembers of a market, as Nautilus data: answers to requests."""

from collections.abc import Callable
from datetime import datetime

from nautilus_trader.model.data import Bar, BarType, FundingRateUpdate, TradeTick
from nautilus_trader.model.instruments import Instrument

from adapters.hyperliquid import bars, parsing
from adapters.hyperliquid.http import HyperliquidHttp

_FUNDING_MS = 7 * 86_400_000  # how far back, where the request does not say
_MAX_BARS = 5_000
_DAY_MS = 86_400_000


class History:
    """Reads; all raise `VenueError`. Results go from old to new and hold at most `limit` (0: any number of) newest."""

    def __init__(self, http: HyperliquidHttp, now_ns: Callable[[], int]) -> None:
        self._http, self._now_ns = http, now_ns

    async def trades(self, of: Instrument, start: datetime | None, end: datetime | None, limit: int) -> list[TradeTick]:
        """Return the last few dozen trades, which is all there is, as far as they lie in the time asked for."""
        now_ns = self._now_ns()
        start_ms, end_ms = milliseconds(start) or 0, milliseconds(end) or now_ns // 1_000_000
        rows = sorted(await self._http.recent_trades(of.raw_symbol.value), key=lambda row: (row.time, row.tid))
        ticks = (parsing.trade(row, of, now_ns) for row in rows if start_ms <= row.time <= end_ms)
        return _newest([tick for tick in ticks if tick is not None], limit)

    async def funding_rates(
        self, of: Instrument, start: datetime | None, end: datetime | None, limit: int
    ) -> list[FundingRateUpdate]:
        """Return the settled rates per hour."""
        now_ns = self._now_ns()
        end_ms = milliseconds(end) or now_ns // 1_000_000
        start_ms = milliseconds(start) or end_ms - _FUNDING_MS
        rows = await self._http.funding_history(of.raw_symbol.value, start_ms, end_ms)
        return _newest([parsing.settled_funding_rate(row, of.id, now_ns) for row in rows], limit)

    async def bars(
        self, bar_type: BarType, of: Instrument, start: datetime | None, end: datetime | None, limit: int
    ) -> list[Bar]:
        """Return complete bars; without a start as many as asked for, or as the venue keeps."""
        now_ns = self._now_ns()
        end_ms = min(milliseconds(end) or now_ns // 1_000_000, now_ns // 1_000_000)
        span_ms = round(bar_type.spec.timedelta.total_seconds() * 1000) if bar_type.spec.is_time_aggregated() else _DAY_MS
        start_ms = milliseconds(start) or max(0, end_ms - ((limit or _MAX_BARS) + 1) * span_ms)
        return _newest(await self.bars_between(bar_type, of, start_ms, end_ms), limit)

    async def bars_between(self, bar_type: BarType, of: Instrument, start_ms: int, end_ms: int) -> list[Bar]:
        """Return the bars that were complete by `end_ms`."""
        name = bars.interval(bar_type)
        if name is None:
            raise ValueError(f"the venue makes no {bar_type}")
        candles = await self._http.candles(of.raw_symbol.value, name, start_ms, end_ms)
        complete = {candle.t: candle for candle in candles if start_ms <= candle.t < candle.T <= end_ms}
        return [bars.bar(complete[t], bar_type, of, self._now_ns()) for t in sorted(complete)]


def milliseconds(moment: datetime | None) -> int | None:
    """Return a moment in Unix milliseconds."""
    return None if moment is None else round(moment.timestamp() * 1000)


def _newest[T](rows: list[T], limit: int) -> list[T]:
    return rows[-limit:] if limit else rows
