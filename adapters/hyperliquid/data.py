"""Hyperliquid market data for Nautilus: lifecycle and routing."""

import asyncio
from collections.abc import Callable
from typing import Any

from nautilus_trader.common.enums import LogColor
from nautilus_trader.live.data_client import LiveMarketDataClient
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import BookType
from nautilus_trader.model.identifiers import ClientId, InstrumentId, Venue
from nautilus_trader.model.instruments import Instrument

from adapters.errors import VenueError
from adapters.hyperliquid import bars, parsing, subscriptions
from adapters.hyperliquid.config import HyperliquidDataClientConfig
from adapters.hyperliquid.connection import HyperliquidConnection, SocketFactory
from adapters.hyperliquid.constants import VENUE_NAME
from adapters.hyperliquid.freshness import Freshness, named
from adapters.hyperliquid.history import History
from adapters.hyperliquid.http import HyperliquidHttp
from adapters.hyperliquid.providers import HyperliquidInstrumentProvider
from adapters.hyperliquid.rounds import Rounds
from adapters.hyperliquid.schemas import AnyFrame, AssetContextFrame, BboFrame, BookFrame, CandleFrame, TradesFrame
from adapters.hyperliquid.stream import Subscription, key_of
from messages import FundingClock, VenueState, VenueStatus, topics

_CHECK_SECS = 1.0
_REMEMBERED_TRADES = 512
_GAP_READS = 3
_CONTEXT = "activeAssetCtx"


class HyperliquidDataClient(LiveMarketDataClient):  # type: ignore[misc]  # Nautilus has no stubs
    """Quotes, books, trades, bars, mark and index prices, funding and open interest over one socket."""

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
        self._http, self._settings = http, config
        self._history = History(http, self._clock.timestamp_ns)
        self._freshness, self._rounds = Freshness(), Rounds(self.create_task, self._log.warning)
        self._funding_clock = FundingClock(config.hour_secs)
        self._instruments: dict[str, Instrument] = {}
        self._wanted: dict[tuple[str, str], set[str]] = {}
        self._trade_ids: dict[int, None] = {}
        self._open_interest: dict[str, float] = {}
        self._running_bars: dict[BarType, bars.RunningBar] = {}
        self._state: tuple[VenueState, str] | None = None
        self._handlers: dict[type, Callable[[Any, int], None]] = {
            BboFrame: self._on_bbo,
            BookFrame: self._on_book,
            TradesFrame: self._on_trades,
            AssetContextFrame: self._on_context,
            CandleFrame: self._on_candle,
        }
        self._connection = HyperliquidConnection(
            socket_factory,
            on_data=self._on_data,
            on_up=lambda: self._publish_state(VenueState.OK, "connected"),
            on_down=self._on_down,
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
        self._rounds.every(_CHECK_SECS, self._check_freshness)
        if self._settings.predicted_funding_secs is not None:
            self._rounds.every(self._settings.predicted_funding_secs, self._publish_predicted_fundings)

    async def _disconnect(self) -> None:
        self._rounds.close()
        await self._connection.close()

    # Subscriptions

    async def _subscribe_instruments(self, command: Any) -> None:
        """All instruments have been published on connection."""

    async def _subscribe_instrument(self, command: Any) -> None:
        if (instrument := self._instrument(command.instrument_id)) is not None:
            self._handle_data(instrument)

    async def _subscribe_quote_ticks(self, command: Any) -> None:
        self._want({"type": "bbo"}, command.instrument_id, "quotes")

    async def _subscribe_order_book_deltas(self, command: Any) -> None:
        if command.book_type == BookType.L3_MBO:
            self._log.error("the venue has no order-by-order book")
            return
        self._want_book(command, "deltas", is_fast=command.depth <= subscriptions.FAST_LEVELS)

    async def _subscribe_order_book_depth(self, command: Any) -> None:
        self._want_book(command, "depth", is_fast=False)

    async def _subscribe_trade_ticks(self, command: Any) -> None:
        self._want({"type": "trades"}, command.instrument_id, "trades")

    async def _subscribe_bars(self, command: Any) -> None:
        interval = bars.interval(command.bar_type)
        if interval is None:
            self._log.error(f"the venue makes no {command.bar_type}")
            return
        self._running_bars.setdefault(command.bar_type, bars.RunningBar())
        self._want({"type": "candle", "interval": interval}, command.bar_type.instrument_id, str(command.bar_type))

    async def _subscribe_mark_prices(self, command: Any) -> None:
        self._want({"type": _CONTEXT}, command.instrument_id, "mark")

    async def _subscribe_index_prices(self, command: Any) -> None:
        self._want({"type": _CONTEXT}, command.instrument_id, "index")

    async def _subscribe_funding_rates(self, command: Any) -> None:
        self._want({"type": _CONTEXT}, command.instrument_id, "funding")

    async def _unsubscribe_instruments(self, command: Any) -> None:
        """Nothing was subscribed."""

    async def _unsubscribe_instrument(self, command: Any) -> None:
        """Nothing was subscribed."""

    async def _unsubscribe_quote_ticks(self, command: Any) -> None:
        self._unwant(command.instrument_id, "quotes")

    async def _unsubscribe_order_book_deltas(self, command: Any) -> None:
        self._unwant(command.instrument_id, "deltas")

    async def _unsubscribe_order_book_depth(self, command: Any) -> None:
        self._unwant(command.instrument_id, "depth")

    async def _unsubscribe_trade_ticks(self, command: Any) -> None:
        self._unwant(command.instrument_id, "trades")

    async def _unsubscribe_bars(self, command: Any) -> None:
        self._running_bars.pop(command.bar_type, None)
        self._unwant(command.bar_type.instrument_id, str(command.bar_type))

    async def _unsubscribe_mark_prices(self, command: Any) -> None:
        self._unwant(command.instrument_id, "mark")

    async def _unsubscribe_index_prices(self, command: Any) -> None:
        self._unwant(command.instrument_id, "index")

    async def _unsubscribe_funding_rates(self, command: Any) -> None:
        self._unwant(command.instrument_id, "funding")

    def _want_book(self, command: Any, use: str, *, is_fast: bool) -> None:
        book = subscriptions.book(command.params or {}, is_fast=is_fast)
        if isinstance(book, str):
            self._log.error(book)
        else:
            self._want(book, command.instrument_id, use)

    def _want(self, subscription: Subscription, instrument_id: InstrumentId, use: str) -> None:
        if self._instrument(instrument_id) is None:
            return  # a coin the venue does not know would close the whole socket
        wanted = {**subscription, "coin": parsing.coin(instrument_id)}
        uses = self._wanted.setdefault(key_of(wanted), set())
        if not uses:
            self._connection.subscribe(wanted)
        uses.add(use)

    def _unwant(self, instrument_id: InstrumentId, use: str) -> None:
        coin = parsing.coin(instrument_id)
        for key in [key for key, uses in self._wanted.items() if key[1] == coin and use in uses]:
            self._wanted[key].discard(use)
            if not self._wanted[key]:
                del self._wanted[key]
                self._connection.unsubscribe(key)

    def _uses(self, stream: str, coin: str) -> set[str]:
        return self._wanted.get((stream, coin), set())

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

    async def _request_trade_ticks(self, request: Any) -> None:
        if (of := self._instrument(request.instrument_id)) is not None:
            ticks = await self._history.trades(of, request.start, request.end, request.limit)
            self._handle_trade_ticks(of.id, ticks, request.id, request.start, request.end, request.params)

    async def _request_bars(self, request: Any) -> None:
        bar_type = request.bar_type
        if bars.interval(bar_type) is None:
            self._log.error(f"the venue makes no {bar_type}")
        elif (of := self._instrument(bar_type.instrument_id)) is not None:
            found = await self._history.bars(bar_type, of, request.start, request.end, request.limit)
            self._handle_bars(bar_type, found, request.id, request.start, request.end, request.params)

    async def _request_funding_rates(self, request: Any) -> None:
        if (of := self._instrument(request.instrument_id)) is not None:
            rates = await self._history.funding_rates(of, request.start, request.end, request.limit)
            self._handle_funding_rates(of.id, rates, request.id, request.start, request.end, request.params)

    async def _request_order_book_snapshot(self, request: Any) -> None:
        if (of := self._instrument(request.instrument_id)) is not None:
            deltas = parsing.book_snapshot(await self._http.book(parsing.coin(of.id)), of, self._clock.timestamp_ns())
            self._handle_order_book_deltas(of.id, [deltas], request.id, None, None, request.params)

    async def _request_order_book_depth(self, request: Any) -> None:
        if (of := self._instrument(request.instrument_id)) is not None:
            depth = parsing.book_depth(await self._http.book(parsing.coin(of.id)), of, self._clock.timestamp_ns())
            self._handle_order_book_depths(of.id, [depth], request.id, request.start, request.end, request.params)

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
        instrument = self._instruments.get(data.coin)
        if instrument is None:
            return
        uses = self._uses("l2Book:fast" if data.fast else "l2Book", data.coin)
        if "deltas" in uses:
            self._handle_data(parsing.book_snapshot(data, instrument, now_ns))
        if "depth" in uses:
            self._handle_data(parsing.book_depth(data, instrument, now_ns))

    def _on_trades(self, data: Any, now_ns: int) -> None:
        new = [trade for trade in data if trade.tid not in self._trade_ids and trade.coin in self._instruments]
        ticks = [parsing.trade(trade, self._instruments[trade.coin], now_ns) for trade in new]
        self._trade_ids.update(dict.fromkeys(trade.tid for trade in new))  # every subscription repeats the last 30
        for tick in filter(None, ticks):
            self._handle_data(tick)
        while len(self._trade_ids) > _REMEMBERED_TRADES * len(self._instruments):
            del self._trade_ids[next(iter(self._trade_ids))]

    def _on_context(self, data: Any, now_ns: int) -> None:
        instrument = self._instruments.get(data.coin)
        if instrument is None:
            return
        uses = self._uses(_CONTEXT, data.coin)
        if "mark" in uses and (mark := parsing.mark_price(data.ctx, instrument, now_ns)) is not None:
            self._handle_data(mark)
        if "index" in uses:
            self._handle_data(parsing.index_price(data.ctx, instrument, now_ns))
        if "funding" in uses:
            next_ns = self._funding_clock.next_hour_ns(now_ns)
            self._handle_data(parsing.funding_rate(data.ctx, instrument, next_funding_ns=next_ns, ts_init=now_ns))
        if self._open_interest.get(data.coin) != data.ctx.open_interest:
            self._open_interest[data.coin] = data.ctx.open_interest
            self._msgbus.publish(topic=topics.OPEN_INTEREST, msg=parsing.open_interest(data.ctx, instrument.id, now_ns))

    def _on_candle(self, data: Any, now_ns: int) -> None:
        instrument = self._instruments.get(data.s)
        for bar_type, running in self._running_bars.items():
            if instrument is None or bar_type.instrument_id != instrument.id or bars.interval(bar_type) != data.i:
                continue
            complete, missing = running.take(data)
            if complete is not None:
                self._handle_data(bars.bar(complete, bar_type, instrument, now_ns))
            if missing is not None:
                self.create_task(self._read_bars(bar_type, instrument, *missing), log_msg="read_bars")

    async def _read_bars(self, bar_type: BarType, of: Instrument, from_ms: int, to_ms: int) -> None:
        """Publish the bars that a break or a gap has hidden."""
        for attempt in range(_GAP_READS):
            try:
                for bar in await self._history.bars_between(bar_type, of, from_ms, to_ms):
                    self._handle_data(bar)
            except VenueError as e:
                self._log.warning(f"bars from {from_ms} to {to_ms} of {bar_type}: {e}")
                await asyncio.sleep(2**attempt)
            else:
                return

    async def _publish_predicted_fundings(self) -> None:
        now_ns = self._clock.timestamp_ns()
        for coin, venues in await self._http.predicted_fundings():
            if (of := self._instruments.get(coin)) is None:
                continue
            for source, rate in venues:
                if rate is not None and (told := parsing.predicted_funding(source, rate, of.id, now_ns)) is not None:
                    self._msgbus.publish(topic=topics.PREDICTED_FUNDING, msg=told)

    # Health

    def _on_down(self, reason: str) -> None:
        for running in self._running_bars.values():
            running.broke()
        self._publish_state(VenueState.DISCONNECTED, reason)

    async def _check_freshness(self) -> None:
        """Ask silent streams anew, tell of those that stay silent, and with time try another connection."""
        if not self._connection.is_open:
            return
        verdict = self._freshness.judge(self._connection.stream.last_heard_ns(), self._clock.timestamp_ns())
        for key in verdict.resubscribe:
            self._log.warning(f"{named([key])} is silent: subscribing anew")
            self._connection.resubscribe(key)
        if verdict.stale:
            self._publish_state(VenueState.STALE, f"silent: {named(verdict.stale)}")
        else:
            self._publish_state(VenueState.OK, "connected")
        if verdict.is_dead:
            self._connection.reopen(f"silent: {named(verdict.stale)}")

    def _publish_state(self, state: VenueState, detail: str) -> None:
        if self._state == (state, detail):
            return
        self._state = (state, detail)
        self._log.info(f"public channel: {state}, {detail}", LogColor.BLUE)
        status = VenueStatus(venue=VENUE_NAME, channel="public", state=state, detail=detail, ts_ns=self._clock.timestamp_ns())
        self._msgbus.publish(topic=topics.VENUE_STATUS, msg=status)
