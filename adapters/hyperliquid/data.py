"""Hyperliquid market data for Nautilus: lifecycle and routing."""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime
from typing import Any

from nautilus_trader.common.enums import LogColor
from nautilus_trader.live.data_client import LiveMarketDataClient
from nautilus_trader.model.data import DataType, OrderBookDeltas
from nautilus_trader.model.enums import BookType
from nautilus_trader.model.identifiers import ClientId, InstrumentId, Venue
from nautilus_trader.model.instruments import Instrument

from adapters.errors import VenueError
from adapters.hyperliquid import parsing
from adapters.hyperliquid.config import HyperliquidDataClientConfig
from adapters.hyperliquid.connection import HyperliquidConnection, SocketFactory
from adapters.hyperliquid.constants import CONTEXT_REOPEN_SECS, CONTEXT_STALE_SECS, VENUE_NAME
from adapters.hyperliquid.http import HyperliquidHttp
from adapters.hyperliquid.providers import HyperliquidInstrumentProvider
from adapters.hyperliquid.schemas import AnyFrame, AssetContextFrame, BboFrame, BookFrame, TradesFrame
from messages import FundingClock, VenueState, VenueStatus, topics

_CHECK_SECS = 1.0
_REMEMBERED_TRADES = 512
_DEFAULT_HISTORY_MS = 7 * 24 * 3_600_000
_CONTEXT = "activeAssetCtx"


class HyperliquidDataClient(LiveMarketDataClient):  # type: ignore[misc]  # Nautilus has no stubs
    """Quotes, books, trades, mark and index prices and funding over one socket."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        msgbus: Any,
        cache: Any,
        clock: Any,
        http: HyperliquidHttp,
        socket_factory: SocketFactory,
        provider: HyperliquidInstrumentProvider,
        config: HyperliquidDataClientConfig,
    ) -> None:
        super().__init__(
            loop=loop,
            client_id=ClientId(VENUE_NAME),
            venue=Venue(VENUE_NAME),
            msgbus=msgbus,
            cache=cache,
            clock=clock,
            instrument_provider=provider,
            config=config,
        )
        self._http = http
        self._funding_clock = FundingClock(config.hour_secs)
        self._instruments: dict[str, Instrument] = {}
        self._wanted: dict[tuple[str, str], set[str]] = {}
        self._trade_ids: dict[int, None] = {}
        self._closing = asyncio.Event()
        self._state: tuple[VenueState, str] | None = None
        self._handlers: dict[type, Callable[[Any, int], None]] = {
            BboFrame: self._on_bbo,
            BookFrame: self._on_book,
            TradesFrame: self._on_trades,
            AssetContextFrame: self._on_context,
        }
        self._connection = HyperliquidConnection(
            socket_factory,
            on_data=self._on_data,
            on_up=lambda: self._publish_state(VenueState.OK, "connected"),
            on_down=lambda reason: self._publish_state(VenueState.DISCONNECTED, reason),
            clock_ns=self._clock.timestamp_ns,
            log=self._log.warning,
        )

    # Lifecycle

    async def _connect(self) -> None:
        await self._instrument_provider.initialize()
        for instrument in self._instrument_provider.list_all():
            self._instruments[instrument.raw_symbol.value] = instrument
            self._handle_data(instrument)
        await self._connection.open()
        self.create_task(self._watch_freshness(), log_msg="watch_freshness")

    async def _disconnect(self) -> None:
        self._closing.set()
        await self._connection.close()

    # Subscriptions

    async def _subscribe_instruments(self, command: Any) -> None:
        """All instruments have been published on connection."""

    async def _subscribe_instrument(self, command: Any) -> None:
        if (instrument := self._instrument(command.instrument_id)) is not None:
            self._handle_data(instrument)

    async def _subscribe_quote_ticks(self, command: Any) -> None:
        self._want("bbo", command.instrument_id, "quotes")

    async def _subscribe_order_book_deltas(self, command: Any) -> None:
        if command.book_type == BookType.L3_MBO:
            self._log.error("the venue has no order-by-order book")
            return
        self._want("l2Book", command.instrument_id, "book")

    async def _subscribe_trade_ticks(self, command: Any) -> None:
        self._want("trades", command.instrument_id, "trades")

    async def _subscribe_mark_prices(self, command: Any) -> None:
        self._want(_CONTEXT, command.instrument_id, "mark")

    async def _subscribe_index_prices(self, command: Any) -> None:
        self._want(_CONTEXT, command.instrument_id, "index")

    async def _subscribe_funding_rates(self, command: Any) -> None:
        self._want(_CONTEXT, command.instrument_id, "funding")

    async def _unsubscribe_instruments(self, command: Any) -> None:
        """Nothing was subscribed."""

    async def _unsubscribe_instrument(self, command: Any) -> None:
        """Nothing was subscribed."""

    async def _unsubscribe_quote_ticks(self, command: Any) -> None:
        self._unwant("bbo", command.instrument_id, "quotes")

    async def _unsubscribe_order_book_deltas(self, command: Any) -> None:
        self._unwant("l2Book", command.instrument_id, "book")

    async def _unsubscribe_trade_ticks(self, command: Any) -> None:
        self._unwant("trades", command.instrument_id, "trades")

    async def _unsubscribe_mark_prices(self, command: Any) -> None:
        self._unwant(_CONTEXT, command.instrument_id, "mark")

    async def _unsubscribe_index_prices(self, command: Any) -> None:
        self._unwant(_CONTEXT, command.instrument_id, "index")

    async def _unsubscribe_funding_rates(self, command: Any) -> None:
        self._unwant(_CONTEXT, command.instrument_id, "funding")

    def _want(self, stream: str, instrument_id: InstrumentId, use: str) -> None:
        if self._instrument(instrument_id) is None:
            return  # a coin the venue does not know would close the whole socket
        coin = parsing.coin(instrument_id)
        uses = self._wanted.setdefault((stream, coin), set())
        if not uses:
            self._connection.subscribe(_subscription(stream, coin))
        uses.add(use)

    def _unwant(self, stream: str, instrument_id: InstrumentId, use: str) -> None:
        coin = parsing.coin(instrument_id)
        uses = self._wanted.get((stream, coin), set())
        uses.discard(use)
        if not uses and self._wanted.pop((stream, coin), None) is not None:
            self._connection.unsubscribe(_subscription(stream, coin))

    def _instrument(self, instrument_id: InstrumentId) -> Instrument | None:
        instrument = self._instruments.get(parsing.coin(instrument_id))
        if instrument is None or instrument.id != instrument_id:
            self._log.error(f"{instrument_id} is not among the configured coins")
            return None
        return instrument

    # Requests

    async def _request_instrument(self, request: Any) -> None:
        if (instrument := self._instrument(request.instrument_id)) is not None:
            self._handle_instrument(instrument, request.id, request.start, request.end, request.params)

    async def _request_instruments(self, request: Any) -> None:
        instruments = list(self._instruments.values())
        self._handle_instruments(request.venue, instruments, request.id, request.start, request.end, request.params)

    async def _request_funding_rates(self, request: Any) -> None:
        if self._instrument(request.instrument_id) is None:
            return
        now_ns = self._clock.timestamp_ns()
        end_ms = _milliseconds(request.end) or now_ns // 1_000_000
        start_ms = _milliseconds(request.start) or end_ms - _DEFAULT_HISTORY_MS
        rows = await self._http.funding_history(parsing.coin(request.instrument_id), start_ms, end_ms)
        rates = [parsing.settled_funding_rate(row, request.instrument_id, now_ns) for row in rows]
        if request.limit:
            rates = rates[-request.limit :]
        self._handle_funding_rates(request.instrument_id, rates, request.id, request.start, request.end, request.params)

    async def _request_order_book_snapshot(self, request: Any) -> None:
        if (instrument := self._instrument(request.instrument_id)) is None:
            return
        book = await self._http.book(parsing.coin(request.instrument_id))
        deltas = parsing.book_snapshot(book, instrument, self._clock.timestamp_ns())
        data_type = DataType(OrderBookDeltas, metadata={"instrument_id": request.instrument_id})
        self._handle_data_response(data_type, deltas, request.id, request.start, request.end, request.params)

    # Frames

    def _on_data(self, frame: AnyFrame) -> None:
        handler = self._handlers.get(type(frame))
        if handler is not None:
            handler(frame.data, self._clock.timestamp_ns())  # type: ignore[union-attr]  # only data frames have a handler

    def _on_bbo(self, data: Any, now_ns: int) -> None:
        instrument = self._instruments.get(data.coin)
        if instrument is not None and (tick := parsing.quote(data, instrument, now_ns)) is not None:
            self._handle_data(tick)

    def _on_book(self, data: Any, now_ns: int) -> None:
        if (instrument := self._instruments.get(data.coin)) is not None:
            self._handle_data(parsing.book_snapshot(data, instrument, now_ns))

    def _on_trades(self, data: Any, now_ns: int) -> None:
        for trade in data:
            instrument = self._instruments.get(trade.coin)
            if instrument is None or trade.tid in self._trade_ids:
                continue  # every subscription repeats the last 30
            self._trade_ids[trade.tid] = None
            self._handle_data(parsing.trade(trade, instrument, now_ns))
        while len(self._trade_ids) > _REMEMBERED_TRADES * len(self._instruments):
            del self._trade_ids[next(iter(self._trade_ids))]

    def _on_context(self, data: Any, now_ns: int) -> None:
        instrument = self._instruments.get(data.coin)
        if instrument is None:
            return
        uses = self._wanted.get((_CONTEXT, data.coin), set())
        if "mark" in uses and (mark := parsing.mark_price(data.ctx, instrument, now_ns)) is not None:
            self._handle_data(mark)
        if "index" in uses:
            self._handle_data(parsing.index_price(data.ctx, instrument, now_ns))
        if "funding" in uses:
            next_ns = self._funding_clock.next_hour_ns(now_ns)
            self._handle_data(parsing.funding_rate(data.ctx, instrument, next_funding_ns=next_ns, ts_init=now_ns))

    # Health

    async def _watch_freshness(self) -> None:
        """Tell when a stream that should speak every second does not; with time, try another connection."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), _CHECK_SECS)
                return
            try:
                self._check_freshness(self._clock.timestamp_ns())
            except VenueError as e:
                self._log.warning(f"freshness: {e}")

    def _check_freshness(self, now_ns: int) -> None:
        if not self._connection.is_open:
            return
        stream = self._connection.stream
        stale = stream.silent(_CONTEXT, now_ns - round(CONTEXT_STALE_SECS * 1e9))
        if stale:
            self._publish_state(VenueState.STALE, f"no asset context for {', '.join(sorted(stale))}")
        else:
            self._publish_state(VenueState.OK, "connected")
        if stream.silent(_CONTEXT, now_ns - round(CONTEXT_REOPEN_SECS * 1e9)):
            self._connection.reopen(f"asset contexts silent for {CONTEXT_REOPEN_SECS:g} s")

    def _publish_state(self, state: VenueState, detail: str) -> None:
        if self._state == (state, detail):
            return
        self._state = (state, detail)
        self._log.info(f"public channel: {state}, {detail}", LogColor.BLUE)
        status = VenueStatus(venue=VENUE_NAME, channel="public", state=state, detail=detail, ts_ns=self._clock.timestamp_ns())
        self._msgbus.publish(topic=topics.VENUE_STATUS, msg=status)


def _subscription(stream: str, coin: str) -> dict[str, Any]:
    subscription: dict[str, Any] = {"type": stream, "coin": coin}
    if stream == "l2Book":
        subscription["fast"] = True  # 5 levels about twice a second; without it 20 levels every 5 s
    return subscription


def _milliseconds(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1000)
