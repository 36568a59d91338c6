"""Paradex market data for Nautilus: lifecycle, subscriptions, requests; no arithmetic."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import LiveClock, MessageBus
from nautilus_trader.data import messages as nautilus
from nautilus_trader.live.data_client import LiveMarketDataClient
from nautilus_trader.model.data import DataType, OrderBookDeltas

from adapters.errors import Connectivity, VenueError
from adapters.paradex import parsing, stream
from adapters.paradex.books import BookDesk, BookWant
from adapters.paradex.config import ParadexDataClientConfig
from adapters.paradex.constants import CLIENT_ID, VENUE
from adapters.paradex.feed import PublicFeed
from adapters.paradex.funding_feed import FundingFeed
from adapters.paradex.history import MarketHistory
from adapters.paradex.http import ParadexHttp
from adapters.paradex.providers import ParadexInstrumentProvider
from adapters.paradex.sbe import socket_query
from adapters.paradex.schemas import Bbo, Book, FundingData, MarketEvent, MarketSummary, Payload, Trade
from adapters.paradex.status import StatusBoard, system_state
from adapters.transport import Socket, SocketListener, UrlFactory
from messages import FundingClock, VenueState, topics

type OpenSocket = Callable[[UrlFactory, SocketListener, str, Callable[[str], None]], Socket]
"""Builds the socket of a listener: where to connect, whom to tell, its name, its log."""

_WATCH_SECS = 1.0


class ParadexDataClient(LiveMarketDataClient):  # type: ignore[misc]
    """Quotes, books, trades, mark and index prices and funding of Paradex perpetuals."""

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        msgbus: MessageBus,
        cache: Cache,
        clock: LiveClock,
        provider: ParadexInstrumentProvider,
        http: ParadexHttp,
        open_socket: OpenSocket,
        config: ParadexDataClientConfig,
    ) -> None:
        super().__init__(
            loop=loop,
            client_id=CLIENT_ID,
            venue=VENUE,
            msgbus=msgbus,
            cache=cache,
            clock=clock,
            instrument_provider=provider,
            config=config,
        )
        self._settings, self._http, self._provider = config, http, provider
        now_ns, hours = clock.timestamp_ns, FundingClock(config.hour_secs)
        self._history = MarketHistory(http, hours, now_ns)
        self._board = StatusBoard(lambda status: msgbus.publish(topic=topics.VENUE_STATUS, msg=status), now_ns)
        self._feed = PublicFeed(on_data=self._on_data, on_open_state=self._on_open_state, log=self._log.warning, now_ns=now_ns)
        self._funding = FundingFeed(
            publish=lambda message: msgbus.publish(topic=topics.FUNDING_INDEX, msg=message), board=self._board, clock=hours
        )
        self._books = BookDesk(
            feed=self._feed,
            channel=self._book_channel,
            perpetual=provider.perpetual,
            emit=self._emit,
            now_ns=now_ns,
            log=self._log.warning,
        )
        self._socket = open_socket(self._socket_url, self._feed, "paradex-public", self._log.warning)
        self._feed.socket = self._socket

    async def _connect(self) -> None:
        await self._provider.initialize()
        self._send_instruments()
        await self._check_system_state()
        await self._open_socket()
        self._feed.subscribe(stream.markets())
        self.create_task(self._every(self._settings.state_poll_secs, self._check_system_state), log_msg="system state")
        self.create_task(self._every(_WATCH_SECS, self._check_freshness), log_msg="freshness")

    async def _disconnect(self) -> None:
        await self._socket.close()

    async def _open_socket(self) -> None:
        try:
            await self._socket.open()
        except Connectivity as e:
            version = self._settings.sbe_version
            asked = "JSON" if version is None else f"binary schema version {version}"
            raise Connectivity(f"the venue is away, or refuses a public socket in {asked}: {e}") from e

    async def _socket_url(self) -> str:
        return self._settings.ws_url + socket_query(self._settings.sbe_version)

    def _book_channel(self, market: str) -> str:
        is_binary, is_interactive = self._settings.sbe_version is not None, self._settings.is_interactive
        if self._settings.is_book_incremental:
            return stream.book_deltas(market, is_binary=is_binary, is_interactive=is_interactive)
        return stream.book(market, is_interactive=is_interactive)

    def _quote_channel(self, message: Any) -> str:
        return stream.bbo(_market(message), is_interactive=self._settings.is_interactive)

    async def _every(self, secs: float, action: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(secs)
            await action()

    async def _check_system_state(self) -> None:
        try:
            status = (await self._http.system_state()).status
        except VenueError as e:
            self._board.report("system", VenueState.DISCONNECTED, str(e))
        else:
            self._board.report("system", system_state(status), status)

    async def _check_freshness(self) -> None:
        if not self._socket.is_open:
            return
        silent = self._feed.silent_channels(self._settings.stale_secs)
        silent += [f"book of {market}" for market in self._books.overdue(self._settings.stale_secs)]
        if silent:
            self._board.report("public", VenueState.STALE, f"no frame: {', '.join(silent)}")
        else:
            self._board.report("public", VenueState.OK)

    def _on_open_state(self, is_open: bool, reason: str) -> None:
        self._board.report("public", VenueState.OK if is_open else VenueState.DISCONNECTED, reason)
        if is_open:
            self._books.on_open()
        else:
            self._books.on_lost(reason)

    def _send_instruments(self) -> None:
        for perpetual in self._provider.list_all():
            self._handle_data(perpetual)

    # -- what arrives

    def _on_data(self, data: Payload) -> None:
        market = data.symbol if isinstance(data, MarketSummary | MarketEvent) else getattr(data, "market", "")
        perpetual = self._provider.perpetual(market)
        if perpetual is None:
            return
        ts_init = self._clock.timestamp_ns()
        match data:
            case Bbo():
                self._emit(parsing.quote(data, perpetual, ts_init))
            case Book():
                self._books.on_book(data)
            case Trade():
                self._emit(parsing.trade_tick(data, perpetual, ts_init))
            case MarketSummary():
                self._emit(parsing.mark_price(data, perpetual, ts_init))
                self._emit(parsing.index_price(data, perpetual, ts_init))
            case FundingData():
                self._funding.take(data, perpetual)
                self._emit(parsing.funding_rate(data, perpetual, ts_init))
            case MarketEvent():
                self._log.warning(f"the rules of {market} have changed: {data.event_type}")
                self.create_task(self._refresh_instruments(), log_msg="instruments")

    async def _refresh_instruments(self) -> None:
        try:
            changed = await self._provider.refresh()
        except VenueError as e:
            self._log.warning(f"markets not read again: {e}")
            return
        for perpetual in changed:
            self._handle_data(perpetual)

    def _emit(self, data: Any) -> None:
        if data is not None:
            self._handle_data(data)

    # -- subscriptions

    async def _subscribe_instruments(self, command: nautilus.SubscribeInstruments) -> None:
        self._send_instruments()

    async def _subscribe_instrument(self, command: nautilus.SubscribeInstrument) -> None:
        self._emit(self._provider.find(command.instrument_id))

    async def _subscribe_quote_ticks(self, command: nautilus.SubscribeQuoteTicks) -> None:
        self._feed.subscribe(self._quote_channel(command))

    async def _subscribe_order_book_deltas(self, command: nautilus.SubscribeOrderBook) -> None:
        self._books.want(_market(command), BookWant.DELTAS)

    async def _subscribe_order_book_depth(self, command: nautilus.SubscribeOrderBook) -> None:
        self._books.want(_market(command), BookWant.DEPTH)

    async def _subscribe_trade_ticks(self, command: nautilus.SubscribeTradeTicks) -> None:
        self._feed.subscribe(stream.trades(_market(command)))

    async def _subscribe_mark_prices(self, command: nautilus.SubscribeMarkPrices) -> None:
        self._feed.subscribe(stream.summary(_market(command)))

    async def _subscribe_index_prices(self, command: nautilus.SubscribeIndexPrices) -> None:
        self._feed.subscribe(stream.summary(_market(command)))

    async def _subscribe_funding_rates(self, command: nautilus.SubscribeFundingRates) -> None:
        self._feed.subscribe(stream.funding(_market(command)))

    async def _unsubscribe_instruments(self, command: nautilus.UnsubscribeInstruments) -> None:
        """Nothing is streamed for instruments."""

    async def _unsubscribe_instrument(self, command: nautilus.UnsubscribeInstrument) -> None:
        """Nothing is streamed for an instrument."""

    async def _unsubscribe_quote_ticks(self, command: nautilus.UnsubscribeQuoteTicks) -> None:
        self._feed.unsubscribe(self._quote_channel(command))

    async def _unsubscribe_order_book_deltas(self, command: nautilus.UnsubscribeOrderBook) -> None:
        self._books.unwant(_market(command), BookWant.DELTAS)

    async def _unsubscribe_order_book_depth(self, command: nautilus.UnsubscribeOrderBook) -> None:
        self._books.unwant(_market(command), BookWant.DEPTH)

    async def _unsubscribe_trade_ticks(self, command: nautilus.UnsubscribeTradeTicks) -> None:
        self._feed.unsubscribe(stream.trades(_market(command)))

    async def _unsubscribe_mark_prices(self, command: nautilus.UnsubscribeMarkPrices) -> None:
        self._leave_summary(command)

    async def _unsubscribe_index_prices(self, command: nautilus.UnsubscribeIndexPrices) -> None:
        self._leave_summary(command)

    async def _unsubscribe_funding_rates(self, command: nautilus.UnsubscribeFundingRates) -> None:
        self._feed.unsubscribe(stream.funding(_market(command)))

    def _leave_summary(self, command: Any) -> None:
        """Mark and index prices share a channel: the last one to go closes it."""
        still_wanted = {*self.subscribed_mark_prices(), *self.subscribed_index_prices()}
        if command.instrument_id not in still_wanted:
            self._feed.unsubscribe(stream.summary(_market(command)))

    # -- requests

    async def _request_instrument(self, request: nautilus.RequestInstrument) -> None:
        if (perpetual := self._wanted(request)) is not None:
            self._handle_instrument(perpetual, request.id, request.start, request.end, request.params)

    async def _request_instruments(self, request: nautilus.RequestInstruments) -> None:
        perpetuals = self._provider.list_all()
        self._handle_instruments(request.venue, perpetuals, request.id, request.start, request.end, request.params)

    async def _request_funding_rates(self, request: nautilus.RequestFundingRates) -> None:
        """Answer with one sample per funding hour: the rate that ran at the end of that hour."""
        if (perpetual := self._wanted(request)) is not None:
            found = await self._history.funding_rates(perpetual, *_window(request), request.limit)
            self._handle_funding_rates(perpetual.id, found, request.id, request.start, request.end, request.params)

    async def _request_trade_ticks(self, request: nautilus.RequestTradeTicks) -> None:
        if (perpetual := self._wanted(request)) is not None:
            found = await self._history.trades(perpetual, *_window(request), request.limit)
            self._handle_trade_ticks(perpetual.id, found, request.id, request.start, request.end, request.params)

    async def _request_bars(self, request: nautilus.RequestBars) -> None:
        """Answer with the venue's bars of last prices, of 1, 3, 5, 15, 30 or 60 minutes."""
        if (perpetual := self._wanted(request.bar_type)) is None:
            return
        if parsing.bar_minutes(request.bar_type) is None:
            self._log.error(f"Paradex keeps no bars of type {request.bar_type}")
            return
        found = await self._history.bars(perpetual, request.bar_type, *_window(request), request.limit)
        self._handle_bars(request.bar_type, found, request.id, request.start, request.end, request.params)

    async def _request_order_book_snapshot(self, request: nautilus.RequestOrderBookSnapshot) -> None:
        if (perpetual := self._wanted(request)) is not None:
            found = await self._history.book(perpetual, request.limit)
            kind = DataType(OrderBookDeltas, metadata={"instrument_id": perpetual.id})
            self._handle_data_response(kind, [found], request.id, None, None, request.params)

    def _wanted(self, message: Any) -> Any:
        """Return the instrument a request is about, None (and say so) where it is not loaded."""
        perpetual = self._provider.find(message.instrument_id)
        if perpetual is None:
            self._log.error(f"{message.instrument_id} is not loaded")
        return perpetual


def _window(request: Any) -> tuple[int | None, int | None]:
    """Return the bounds of a request in Unix nanoseconds."""
    start, end = request.start, request.end
    return None if start is None else start.value, None if end is None else end.value


def _market(message: Any) -> str:
    symbol: str = message.instrument_id.symbol.value
    return symbol
