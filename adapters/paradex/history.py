"""What the venue keeps of the past, as Nautilus data, oldest first.

Funding comes in affordable bites: the venue keeps a row every five seconds, we want one an hour.
"""

from collections.abc import Callable

from nautilus_trader.model.data import Bar, BarType, FundingRateUpdate, OrderBookDeltas, TradeTick
from nautilus_trader.model.instruments import CryptoPerpetual

from adapters.paradex import parsing
from adapters.paradex.http import ParadexHttp
from adapters.paradex.schemas import FundingData
from messages import FundingClock

DEFAULT_HOURS = 24
MAX_HOURS = 24 * 31
DEFAULT_ROWS = 100
MAX_TRADES = 10_000
_NS_PER_MS = 1_000_000


class MarketHistory:
    """Reads one venue's past; windows are Unix nanoseconds, None where they are open."""

    def __init__(self, http: ParadexHttp, clock: FundingClock, now_ns: Callable[[], int]) -> None:
        self._http, self._clock, self._now_ns = http, clock, now_ns

    async def funding_rates(
        self, perpetual: CryptoPerpetual, start_ns: int | None, end_ns: int | None, limit: int
    ) -> list[FundingRateUpdate]:
        """Return one sample per whole funding hour: rates per the market's period, never to be added up."""
        now_ns = self._now_ns()
        end = now_ns if end_ns is None else min(end_ns, now_ns)
        market = perpetual.id.symbol.value
        rows = await hourly_samples(self._http, market, clock=self._clock, start_ns=start_ns, end_ns=end, limit=limit)
        updates = (parsing.funding_rate(row, perpetual, now_ns) for row in rows)
        return [update for update in updates if update is not None]

    async def trades(self, perpetual: CryptoPerpetual, start_ns: int | None, end_ns: int | None, limit: int) -> list[TradeTick]:
        """Return the newest `limit` trades of a window (a hundred without a limit, ten thousand at most)."""
        wanted = min(limit or DEFAULT_ROWS, MAX_TRADES)
        rows = await self._http.trades(perpetual.id.symbol.value, _millis(start_ns), _millis(end_ns), wanted)
        now_ns = self._now_ns()
        ticks = (parsing.trade_tick(row, perpetual, now_ns) for row in reversed(rows))
        return [tick for tick in ticks if tick is not None]

    async def bars(
        self, perpetual: CryptoPerpetual, bar_type: BarType, start_ns: int | None, end_ns: int | None, limit: int
    ) -> list[Bar]:
        """Return the newest `limit` bars of a window that have closed; raises ValueError for a type the venue lacks."""
        minutes = parsing.bar_minutes(bar_type)
        if minutes is None:
            raise ValueError(f"no bars of type {bar_type}")
        now_ns = self._now_ns()
        end_ms = (now_ns if end_ns is None else min(end_ns, now_ns)) // _NS_PER_MS
        start_ms = _millis(start_ns)
        if start_ms is None:
            start_ms = end_ms - (limit or DEFAULT_ROWS) * minutes * 60_000
        rows = await self._http.klines(perpetual.id.symbol.value, minutes, start_ms, end_ms)
        bars = [parsing.bar(row, bar_type, perpetual, now_ns) for row in rows]
        closed = [bar for bar in bars if bar.ts_event <= now_ns]
        return closed[-limit:] if limit else closed

    async def book(self, perpetual: CryptoPerpetual, depth: int) -> OrderBookDeltas:
        """Return the book as it is, `depth` levels a side (a hundred where 0)."""
        snapshot = await self._http.order_book(perpetual.id.symbol.value, depth or DEFAULT_ROWS)
        return parsing.book_snapshot(parsing.whole_book(snapshot), perpetual, self._now_ns())


def _millis(nanos: int | None) -> int | None:
    return None if nanos is None else nanos // _NS_PER_MS


def hour_ends_ns(clock: FundingClock, start_ns: int | None, end_ns: int, limit: int) -> list[int]:
    """Return the ends of the whole funding hours inside a window, oldest first.

    Without `start_ns` the window is `limit` hours, or a day; a limit keeps the newest.
    """
    hours = min(limit or DEFAULT_HOURS, MAX_HOURS) if start_ns is None else min(limit or MAX_HOURS, MAX_HOURS)
    last = clock.hour_start_ns(end_ns)
    ends = [last - back * clock.hour_ns for back in range(hours)]
    return [end for end in reversed(ends) if start_ns is None or end >= start_ns]


async def hourly_samples(
    http: ParadexHttp, market: str, *, clock: FundingClock, start_ns: int | None, end_ns: int, limit: int
) -> list[FundingData]:
    """Return the last sample of every whole funding hour in a window, oldest first.

    Each sample is an instantaneous rate and index. Samples are not to be added up: what funding paid
    between two of them is the difference of their indices.
    """
    samples: list[FundingData] = []
    for end in hour_ends_ns(clock, start_ns, end_ns, limit):
        first_ms, last_ms = (end - clock.hour_ns) // _NS_PER_MS, end // _NS_PER_MS
        samples += await http.funding_data(market, first_ms, last_ms, page_size=1)
    return samples
