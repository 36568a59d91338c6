"""Paradex execution for Nautilus: lifecycle, commands and the routing of what the venue says."""

import asyncio
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import LiveClock, MessageBus
from nautilus_trader.execution import messages as nautilus
from nautilus_trader.execution.reports import FillReport, OrderStatusReport, PositionStatusReport
from nautilus_trader.live.execution_client import LiveExecutionClient
from nautilus_trader.model.currencies import USDC
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import AccountId, ClientOrderId

from adapters.errors import Connectivity, OutcomeUnknown, Protocol, Rejected, VenueError
from adapters.paradex import commands, parsing, reports
from adapters.paradex.account_feed import AccountFeed
from adapters.paradex.account_http import ParadexAccountHttp
from adapters.paradex.auth import Session, login_headers
from adapters.paradex.config import ParadexExecClientConfig
from adapters.paradex.constants import CLIENT_ID, PARADEX, VENUE
from adapters.paradex.data import OpenSocket
from adapters.paradex.events import EventEmitter
from adapters.paradex.http import ParadexHttp
from adapters.paradex.orders import OrderTracker, TrackedOrder
from adapters.paradex.private import PrivateChannel
from adapters.paradex.providers import ParadexInstrumentProvider
from adapters.paradex.query import VenueQuery
from adapters.paradex.resolver import Resolver
from adapters.paradex.schemas import Account, FeeRates, Fill, Order, OrderReply, Payload, TradeBust, decode
from adapters.paradex.signing import Signer
from adapters.paradex.status import StatusBoard
from messages import VenueState, topics

_STREAM_FEED, _REPLY_FEED = "stream", "reply"
_QUIET_SECS = 3.0  # after which an order without final news is asked about
_CANCEL_ATTEMPTS = 3
_CATCH_UP_MS = 60_000
_MAX_CLOCK_DIFFERENCE_MS = 1000
_POLLS_PER_HOUR = 12


class ParadexExecutionClient(LiveExecutionClient):  # type: ignore[misc]
    """One cross-margin account, one net position per market."""

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
        make_signer: Callable[[str], Signer],
        account_address: str,
        config: ParadexExecClientConfig,
    ) -> None:
        super().__init__(
            loop=loop,
            client_id=CLIENT_ID,
            venue=VENUE,
            oms_type=OmsType.NETTING,
            account_type=AccountType.MARGIN,
            base_currency=USDC,
            instrument_provider=provider,
            msgbus=msgbus,
            cache=cache,
            clock=clock,
            config=config,
        )
        self._set_account_id(AccountId(f"{PARADEX}-{account_address[-8:]}"))
        self._settings, self._provider, self._http, self._make_signer = config, provider, http, make_signer
        self._signer: Signer | None = None
        self._session = Session(self._login, time.time)
        self._account_http = ParadexAccountHttp(http, self._session)
        now_ns = clock.timestamp_ns
        self._board = StatusBoard(lambda status: msgbus.publish(topic=topics.VENUE_STATUS, msg=status), now_ns)
        self._account_feed = AccountFeed(
            self._account_http,
            emit_state=self._emit_account_state,
            publish=lambda topic, message: msgbus.publish(topic=topic, msg=message),
            now_ns=now_ns,
        )
        self._tracker = OrderTracker(self._adopt)
        self._emitter = EventEmitter(self, provider.perpetual, cache.order, now_ns, self._log)
        self._resolver = Resolver(self._account_http, self._tracker, self._emitter.emit, self._now_ms, self._log.warning)
        self._query = VenueQuery(self._account_http, provider, cache, self.account_id, now_ns)
        self._channel = PrivateChannel(
            session=self._session,
            markets=lambda: provider.symbols,
            on_data=self._on_data,
            on_ready=self._catch_up,
            on_lost=lambda reason: self._board.report("private", VenueState.DISCONNECTED, reason),
            log=self._log.warning,
            timeout_secs=config.reply_timeout_secs,
        )
        self._socket = open_socket(self._socket_url, self._channel, "paradex-private", self._log.warning)
        self._channel.socket = self._socket
        self._started_ms = self._last_seen_ms = 0

    # -- lifecycle

    async def _connect(self) -> None:
        await self._provider.initialize()
        await self._check_clock()
        self._signer = self._make_signer((await self._http.system_config()).starknet_chain_id)
        self._started_ms = self._last_seen_ms = self._now_ms()
        await self._apply_own_fees()
        await self._socket.open()
        await self._await_account_registered()
        self._resume_doubtful()
        self.create_task(self._session.keep_fresh(self._log.warning), log_msg="session")
        self.create_task(self._poll_account(), log_msg="account poll")

    async def _disconnect(self) -> None:
        await self._socket.close()

    async def _socket_url(self) -> str:
        return self._settings.ws_url  # without the binary schema: orders and replies are JSON

    async def _login(self) -> str:
        if self._signer is None:
            raise Protocol("login before the chain is known")
        headers = login_headers(self._signer, int(time.time()))
        return await self._http.login(self._signer.public_key, headers, self._settings.is_interactive)

    async def _check_clock(self) -> None:
        """Refuse to trade on a clock that differs: order signatures carry our time and expire by theirs."""
        difference_ms = await self._http.system_time_ms() - self._now_ms()
        if abs(difference_ms) > _MAX_CLOCK_DIFFERENCE_MS:
            raise Protocol(f"the venue's clock differs from ours by {difference_ms} ms")

    async def _apply_own_fees(self) -> None:
        info = await self._account_http.account_info()
        fees = FeeRates() if info is None or info.fees is None else info.fees
        if self._settings.is_interactive:  # retail orders are free, whatever the pro rates are
            fees = FeeRates(maker_rate=Decimal(0), taker_rate=Decimal(0))
        if fees.maker_rate is None or fees.taker_rate is None:
            return
        self._provider.apply_fees(fees.maker_rate, fees.taker_rate)
        for perpetual in self._provider.list_all():
            self._cache.add_instrument(perpetual)

    async def _catch_up(self) -> None:
        """Read what may have been missed, through the same deduplication as the live channels."""
        since_ms = self._last_seen_ms - _CATCH_UP_MS
        await self._account_feed.refresh()
        for order in self._tracker.unfinished():
            await self._resolver.refresh(order)
        for fill in reversed(await self._account_http.fills(since_ms)):
            is_ours = self._tracker.knows(fill.client_id, fill.order_id)
            if is_ours or fill.created_at >= self._started_ms:
                self._emitter.emit(*self._tracker.on_fill(fill))
        await self._account_feed.catch_up_payments(self._provider.symbols, max(since_ms, self._started_ms))
        self._board.report("private", VenueState.OK)

    def _resume_doubtful(self) -> None:
        """Settle the orders an earlier process had sent without learning their fate."""
        for order in self._cache.orders_inflight(venue=VENUE):
            tracked = self._tracker.get(order.client_order_id.value)
            if tracked is not None and not tracked.is_settled:
                expires_ms = order.ts_last // 1_000_000 + self._settings.recv_window_ms
                self.create_task(self._resolver.settle(tracked, expires_ms), log_msg=f"resolve {tracked.key}")

    async def _poll_account(self) -> None:
        """Refresh what nobody pushes: accruing funding, and margin as the mark moves."""
        period_secs = min(5.0, max(1.0, self._settings.hour_secs / _POLLS_PER_HOUR))
        while True:
            await asyncio.sleep(period_secs)
            try:
                await self._account_feed.refresh()
            except VenueError as e:
                self._log.warning(f"account not read: {e}")

    def _now_ms(self) -> int:
        now_ms: int = self._clock.timestamp_ms()
        return now_ms

    def _adopt(self, client_id: str) -> TrackedOrder | None:
        order = self._cache.order(ClientOrderId(client_id))
        return None if order is None else commands.tracked(order)

    def _emit_account_state(self, account: Account) -> None:
        self.generate_account_state(
            balances=[reports.account_balance(account)],
            margins=[reports.margin_balance(account)],
            reported=True,
            ts_event=parsing.nanos(account.updated_at) or self._clock.timestamp_ns(),
        )

    # -- what arrives

    def _on_data(self, data: Payload) -> None:
        self._last_seen_ms = self._now_ms()
        match data:
            case Order():
                self._on_order(data)
            case Fill():
                self._on_fill(data)
            case TradeBust():
                self._log.error(f"fill {data.busted_fill_id} was reverted by the chain")
                self.create_task(self._report_positions(), log_msg="positions after a bust")
            case _:
                self._account_feed.on_push(data)

    def _on_order(self, news: Order) -> None:
        tracked, events = self._tracker.on_order(news, _STREAM_FEED)
        self._emitter.emit(tracked, events)
        if tracked.lacks_fills:
            self.create_task(self._settle_later(tracked, 0), log_msg=f"fills of {tracked.key}")
        if tracked.is_refused and news.status != "CLOSED":
            self._log.error(f"{tracked.key} was reported as rejected and is alive at the venue: cancelling it")
            self.create_task(self._ask_cancel(tracked), log_msg=f"cancel of {tracked.key}")

    def _on_fill(self, fill: Fill) -> None:
        tracked, events = self._tracker.on_fill(fill)
        self._emitter.emit(tracked, events)
        if tracked.is_refused:
            self._log.error(f"{tracked.key} was reported as rejected and has filled: reconciling the position")
            self.create_task(self._report_positions(), log_msg="positions after a surprise")
        if fill.realized_funding:
            self.create_task(self._confirm_payment(fill), log_msg=f"funding of fill {fill.id}")

    async def _confirm_payment(self, fill: Fill) -> None:
        """Read the payment a fill has realised, should its own message not have come."""
        await asyncio.sleep(_QUIET_SECS)
        start_ms = max(fill.created_at - _CATCH_UP_MS, self._started_ms)
        try:
            await self._account_feed.catch_up_payments((fill.market,), start_ms)
        except VenueError as e:
            self._log.warning(f"funding payments of {fill.market} not read: {e}")

    async def _report_positions(self) -> None:
        await self._account_feed.refresh()
        for report in await self._query.positions(None):
            self._send_position_status_report(report)

    async def _settle_later(self, order: TrackedOrder, expires_ms: int) -> None:
        await asyncio.sleep(_QUIET_SECS)
        await self._resolver.settle(order, expires_ms)

    # -- commands

    async def _submit_order(self, command: nautilus.SubmitOrder) -> None:
        await self._place(command.order)

    async def _submit_order_list(self, command: nautilus.SubmitOrderList) -> None:
        for order in command.order_list.orders:
            await self._place(order)

    async def _place(self, order: Any) -> None:
        ids = (order.strategy_id, order.instrument_id, order.client_order_id)
        reason = commands.unsupported(order)
        if reason is not None:
            self.generate_order_denied(*ids, reason, self._clock.timestamp_ns())
            return
        tracked = commands.tracked(order)
        tracked.is_sent_here = True
        self._tracker.track(tracked)
        self.generate_order_submitted(*ids, self._clock.timestamp_ns())
        signed_ms = self._now_ms()
        expires_ms = signed_ms + self._settings.recv_window_ms
        try:
            request = commands.create_request(order, self._need_signer(), signed_ms, self._settings.recv_window_ms)
            news = await self._send_order(request)
        except (OutcomeUnknown, Protocol) as e:
            self._log.warning(f"{tracked.key} is in doubt: {e}")
            self.create_task(self._resolver.settle(tracked, expires_ms), log_msg=f"resolve {tracked.key}")
        except (VenueError, ValueError) as e:  # refused in words, or never sent
            self._emitter.emit(tracked, self._tracker.refuse(tracked, str(e), self._now_ms()))
        else:
            self._emitter.emit(*self._tracker.on_order(news, _REPLY_FEED))
            self.create_task(self._settle_later(tracked, expires_ms), log_msg=f"watch {tracked.key}")

    async def _send_order(self, request: dict[str, Any]) -> Order:
        """Send an order once: by the socket, or by HTTP where the socket was not there to send it."""
        try:
            result = await self._channel.call("order.create", request)
        except Connectivity:
            return await self._account_http.create_order(request)
        return _order_of(result)

    async def _modify_order(self, command: nautilus.ModifyOrder) -> None:
        order = self._cache.order(command.client_order_id)
        tracked = self._tracker.get(command.client_order_id.value)
        if order is None or tracked is None or tracked.price is None:
            self._log.error(f"cannot modify {command.client_order_id}: not a known limit order")
            return
        size = tracked.size if command.quantity is None else command.quantity.as_decimal()
        price = tracked.price if command.price is None else command.price.as_decimal()
        tracked.is_update_requested = True
        try:
            request = commands.modify_request(tracked, self._need_signer(), self._now_ms(), size, price)
            result = await self._channel.call("order.modify", request)
            self._emitter.emit(*self._tracker.on_order(_order_of(result), _REPLY_FEED))
        except (OutcomeUnknown, Protocol) as e:
            self._log.warning(f"modification of {tracked.key} is in doubt: {e}")
        except (VenueError, ValueError) as e:
            tracked.is_update_requested = False
            self._modify_rejected(order, str(e))
            return
        self.create_task(self._confirm_update(order, tracked), log_msg=f"confirm update of {tracked.key}")

    async def _confirm_update(self, order: Any, tracked: TrackedOrder) -> None:
        await asyncio.sleep(_QUIET_SECS)
        if tracked.is_update_requested and not tracked.is_done:
            await self._resolver.refresh(tracked)
        if tracked.is_update_requested and not tracked.is_done:
            tracked.is_update_requested = False
            self._modify_rejected(order, "the venue still shows the order unchanged")

    def _modify_rejected(self, order: Any, reason: str) -> None:
        ids = (order.strategy_id, order.instrument_id, order.client_order_id, order.venue_order_id)
        self.generate_order_modify_rejected(*ids, reason, self._clock.timestamp_ns())

    async def _cancel_order(self, command: nautilus.CancelOrder) -> None:
        await self._cancel(command.client_order_id)

    async def _batch_cancel_orders(self, command: nautilus.BatchCancelOrders) -> None:
        await asyncio.gather(*(self._cancel(cancel.client_order_id) for cancel in command.cancels))

    async def _cancel_all_orders(self, command: nautilus.CancelAllOrders) -> None:
        instrument_id, side = command.instrument_id, command.order_side
        known = self._cache.orders_open(venue=VENUE, instrument_id=instrument_id, side=side)
        known += self._cache.orders_inflight(venue=VENUE, instrument_id=instrument_id, side=side)
        client_order_ids = {order.client_order_id for order in known}
        if side == OrderSide.NO_ORDER_SIDE and await self._ask_cancel_all(instrument_id.symbol.value):
            for client_order_id in client_order_ids:
                self._expect_end(client_order_id, "")
        else:
            await asyncio.gather(*(self._cancel(client_order_id) for client_order_id in client_order_ids))

    async def _ask_cancel_all(self, market: str) -> bool:
        try:
            await self._channel.call("order.cancel_all", {"market": market})
        except VenueError as e:
            self._log.warning(f"cancelling all of {market} is in doubt, trying one by one: {e}")
            return False
        return True

    async def _cancel(self, client_order_id: ClientOrderId) -> None:
        tracked = self._tracker.get(client_order_id.value)
        if tracked is None or tracked.is_done:
            self._log.warning(f"nothing to cancel of {client_order_id}")
            return
        tracked.is_cancel_requested = True
        self._expect_end(client_order_id, await self._ask_cancel(tracked))

    def _expect_end(self, client_order_id: ClientOrderId, objection: str) -> None:
        tracked = self._tracker.get(client_order_id.value)
        if tracked is not None and not tracked.is_done:
            tracked.is_cancel_requested = True
            self.create_task(self._confirm_cancel(tracked, objection), log_msg=f"confirm end of {tracked.key}")

    async def _ask_cancel(self, tracked: TrackedOrder) -> str:
        """Ask for a cancel and return the venue's objection, empty where it has none."""
        try:
            await self._channel.call("order.cancel", commands.cancel_request(tracked))
        except Rejected as e:
            return str(e)
        except VenueError as e:
            return f"outcome unknown: {e}"
        return ""

    async def _confirm_cancel(self, tracked: TrackedOrder, reason: str) -> None:
        """See a cancel through: ask what became of the order and, as a cancel may be repeated, repeat it."""
        for attempt in range(_CANCEL_ATTEMPTS):
            await asyncio.sleep(0.2 if reason and attempt == 0 else _QUIET_SECS)
            if tracked.is_done:
                return
            try:
                await self._resolver.refresh(tracked)
            except VenueError as e:
                self._log.warning(f"{tracked.key} not read: {e}")
            if tracked.is_done or tracked.lacks_fills:
                return
            reason = await self._ask_cancel(tracked) or reason
        order = self._cache.order(ClientOrderId(tracked.key))
        if order is not None and not tracked.is_done:
            tracked.is_cancel_requested = False
            ids = (order.strategy_id, order.instrument_id, order.client_order_id, order.venue_order_id)
            words = reason or "the venue still shows the order open"
            self.generate_order_cancel_rejected(*ids, words, self._clock.timestamp_ns())

    def _need_signer(self) -> Signer:
        if self._signer is None:
            raise ValueError("not connected")
        return self._signer

    async def _query_account(self, command: nautilus.QueryAccount) -> None:
        await self._account_feed.refresh()

    # -- reports

    async def generate_order_status_report(self, command: nautilus.GenerateOrderStatusReport) -> OrderStatusReport | None:
        """Return the report of one order, None where the venue does not know it or does not answer."""
        try:
            return await self._query.order(command.client_order_id, command.venue_order_id, command.instrument_id)
        except VenueError as e:
            self._log.warning(f"order {command.client_order_id} not read: {e}")
            return None

    async def generate_order_status_reports(self, command: nautilus.GenerateOrderStatusReports) -> list[OrderStatusReport]:
        """Return the reports of open orders; raises `VenueError` where the venue does not answer."""
        return await self._query.orders(command.instrument_id)

    async def generate_fill_reports(self, command: nautilus.GenerateFillReports) -> list[FillReport]:
        """Return the fills of open orders; raises `VenueError` where the venue does not answer."""
        start_ms = None if command.start is None else command.start.value // 1_000_000
        return await self._query.fills(command.instrument_id, command.venue_order_id, start_ms)

    async def generate_position_status_reports(
        self, command: nautilus.GeneratePositionStatusReports
    ) -> list[PositionStatusReport]:
        """Return positions; raises `VenueError` where the venue does not answer: no answer is not flat."""
        return await self._query.positions(command.instrument_id)


def _order_of(result: bytes) -> Order:
    try:
        return decode(OrderReply, result).order
    except msgspec.DecodeError as e:
        raise Protocol(f"order reply not understood: {e}") from e
