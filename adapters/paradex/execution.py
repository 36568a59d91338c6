"""Paradex execution for Nautilus: lifecycle, and the routing of commands and of what the venue says."""

import asyncio
import time
from collections.abc import Callable
from decimal import Decimal

from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import LiveClock, MessageBus
from nautilus_trader.execution import messages as nautilus
from nautilus_trader.execution.reports import FillReport, OrderStatusReport, PositionStatusReport
from nautilus_trader.live.execution_client import LiveExecutionClient
from nautilus_trader.model.currencies import USDC
from nautilus_trader.model.enums import AccountType, OmsType
from nautilus_trader.model.identifiers import AccountId, ClientOrderId, InstrumentId

from adapters.eager import start_now
from adapters.errors import Connectivity, Protocol, VenueError
from adapters.paradex import busts, commands, parsing, reports
from adapters.paradex.account_feed import AccountFeed
from adapters.paradex.account_http import ParadexAccountHttp
from adapters.paradex.auth import Session, login_headers
from adapters.paradex.config import ParadexExecClientConfig
from adapters.paradex.constants import CLIENT_ID, PARADEX, VENUE
from adapters.paradex.data import OpenSocket
from adapters.paradex.events import EventEmitter
from adapters.paradex.http import ParadexHttp
from adapters.paradex.key_check import check_key
from adapters.paradex.order_entry import QUIET_SECS, OrderEntry
from adapters.paradex.orders import OrderTracker, TrackedOrder
from adapters.paradex.private import PrivateChannel
from adapters.paradex.providers import ParadexInstrumentProvider
from adapters.paradex.query import VenueQuery
from adapters.paradex.quota import RetailQuota
from adapters.paradex.resolver import Resolver
from adapters.paradex.sbe import socket_query
from adapters.paradex.schemas import Account, FeeRates, Fill, Order, Payload, TradeBust
from adapters.paradex.signing import Signer
from adapters.paradex.startup import StartGate
from adapters.paradex.status import StatusBoard, account_state
from messages import FundingIndex, VenueState, topics

_STREAM_FEED = "stream"
_CATCH_UP_MS = 60_000
_DAY_MS = 86_400_000
_MAX_CLOCK_DIFFERENCE_MS = 1000
_POLLS_PER_HOUR = 12
_LONGEST_START_SECS = 60.0  # a node without reconciliation never says that it is over


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
        self._quota = RetailQuota() if config.is_interactive else None
        self._gate, self._busts = StartGate(), busts.BustBook()
        self._tracker = OrderTracker(self._adopt)
        self._emitter = EventEmitter(self, provider.perpetual, cache.order, now_ns, self._log)
        self._resolver = Resolver(self._account_http, self._tracker, self._emitter.emit, self._now_ms, self._log.warning)
        self._query = VenueQuery(
            http=self._account_http,
            provider=provider,
            cache=cache,
            account_id=self.account_id,
            now_ns=now_ns,
            on_positions=self._gate.on_positions,
        )
        self._channel = PrivateChannel(
            session=self._session,
            markets=lambda: provider.symbols,
            on_data=self._on_data,
            on_ready=self._catch_up,
            on_lost=lambda reason: self._board.report("private", VenueState.DISCONNECTED, reason),
            log=self._log.warning,
            timeout_secs=config.reply_timeout_secs,
        )
        self._entry = OrderEntry(
            client=self,
            cache=cache,
            channel=self._channel,
            http=self._account_http,
            tracker=self._tracker,
            resolver=self._resolver,
            emitter=self._emitter,
            quota=self._quota,
            settings=config,
            now_ms=self._now_ms,
            spawn=lambda work, name: self.create_task(work, log_msg=name),
            log=self._log,
        )
        self._socket = open_socket(self._socket_url, self._channel, "paradex-private", self._log.warning)
        self._channel.socket = self._socket
        self._started_ms = self._last_seen_ms = 0
        msgbus.subscribe(topic=f"reports.execution.{VENUE}", handler=self._on_reconciled)
        msgbus.subscribe(topic=topics.FUNDING_INDEX, handler=self._on_index)

    # -- lifecycle

    async def _connect(self) -> None:
        await self._provider.initialize()
        await self._check_clock()
        self._signer = self._entry.signer = self._make_signer((await self._http.system_config()).starknet_chain_id)
        self._started_ms = self._last_seen_ms = self._now_ms()
        if not self._settings.is_main_key_allowed:
            await check_key(self._account_http, self._signer.public_key, self._log.warning)
        await self._apply_own_fees()
        await self._count_earlier_orders()
        await self._open_socket()
        await self._await_account_registered()
        self._resume_doubtful()
        self.create_task(self._session.keep_fresh(self._log.warning), log_msg="session")
        self.create_task(self._channel.keep_alive(), log_msg="private keep-alive")
        self.create_task(self._poll_account(), log_msg="account poll")
        self.create_task(self._open_gate_late(), log_msg="start gate")

    async def _disconnect(self) -> None:
        await self._socket.close()

    async def _open_socket(self) -> None:
        try:
            await self._socket.open()
        except Connectivity as e:
            version = self._settings.sbe_version
            asked = "JSON" if version is None else f"binary schema version {version}"
            raise Connectivity(f"the venue is away, or refuses a private socket in {asked}: {e}") from e

    async def _socket_url(self) -> str:
        return self._settings.ws_url + socket_query(self._settings.sbe_version)

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
        self._gate.offset_ms = difference_ms

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

    async def _count_earlier_orders(self) -> None:
        """Let the retail quotas begin with what the account has sent before, by whomever."""
        if self._quota is not None:
            times_ms = await self._account_http.order_times_ms(self._now_ms() - _DAY_MS)
            self._quota.seed(time_ms / 1000 for time_ms in times_ms)

    async def _catch_up(self) -> None:
        """Read what may have been missed, through the same deduplication as the live channels."""
        since_ms = self._last_seen_ms - _CATCH_UP_MS
        await self._account_feed.refresh()
        for order in self._tracker.unfinished():
            await self._resolver.refresh(order)
        for fill in reversed(await self._account_http.fills(since_ms)):
            is_ours = self._tracker.knows(fill.client_id, fill.order_id)
            if is_ours or fill.created_at >= self._started_ms:
                self._admit(fill)
        for bust in reversed(await self._account_http.trade_busts(max(since_ms, self._started_ms))):
            self._admit(bust)
        funding_since_ms = self._settings.funding_since_ms
        if funding_since_ms is None:
            funding_since_ms = max(since_ms, self._started_ms)
        await self._account_feed.catch_up_payments(self._provider.symbols, funding_since_ms)
        self._board.report("private", VenueState.OK)

    def _on_reconciled(self, _report: object) -> None:
        """Nautilus has taken the venue's positions: tell what came in between and is not in them."""
        if self._gate.is_open:
            return
        contained, news = self._gate.open()
        for item in contained:
            self._note(item)
        for item in news:
            self._admit(item)
        self.create_task(self._check_positions_later(), log_msg="positions after the start")

    def _note(self, item: Order | Fill | TradeBust) -> None:
        """Take what others did and Nautilus knows from the positions, so that it is never told again."""
        match item:
            case Order() if not self._is_ours(item.client_id):
                self._tracker.on_order(item, _STREAM_FEED)
            case Fill() if not self._is_ours(item.client_id):
                self._tracker.on_fill(item)
            case TradeBust():
                self._busts.is_news(item)
            case _:
                self._admit(item)  # Nautilus tells our own fills apart by their ids

    def _is_ours(self, client_id: str | None) -> bool:
        return client_id is not None and self._cache.order(ClientOrderId(client_id)) is not None

    async def _open_gate_late(self) -> None:
        await asyncio.sleep(_LONGEST_START_SECS)
        self._on_reconciled(None)

    async def _check_positions_later(self) -> None:
        """Compare positions once more when every order of the start has had time to be settled."""
        await asyncio.sleep(2 * QUIET_SECS)
        await self._report_positions()

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
        self._board.report("account", account_state(account.status), f"the account's status is {account.status}")
        self.generate_account_state(
            balances=[reports.account_balance(account)],
            margins=[reports.margin_balance(account)],
            reported=True,
            ts_event=parsing.nanos(account.updated_at) or self._clock.timestamp_ns(),
        )

    # -- what arrives

    def _on_data(self, data: Payload) -> None:
        self._last_seen_ms = self._now_ms()
        if isinstance(data, Order | Fill | TradeBust):
            self._admit(data)
        else:
            self._account_feed.on_push(data)

    def _on_index(self, index: FundingIndex) -> None:
        if index.venue == PARADEX:
            self._account_feed.on_index(index.instrument_id.removesuffix(f".{PARADEX}"), index)

    def _admit(self, item: Order | Fill | TradeBust) -> None:
        """Take an execution message, unless it has to wait for the end of the start."""
        if not self._gate.is_open:
            self._gate.hold(item)
            return
        match item:
            case Order():
                self._on_order(item)
            case Fill():
                self._on_fill(item)
            case TradeBust():
                self._on_bust(item)

    def _on_order(self, news: Order) -> None:
        tracked, events = self._tracker.on_order(news, _STREAM_FEED)
        self._emitter.emit(tracked, events)
        if tracked.lacks_fills:
            self.create_task(self._entry.settle_later(tracked, 0), log_msg=f"fills of {tracked.key}")
        if tracked.is_refused and news.status != "CLOSED":
            self._log.error(f"{tracked.key} was reported as rejected and is alive at the venue: cancelling it")
            self.create_task(self._entry.ask_cancel(tracked), log_msg=f"cancel of {tracked.key}")

    def _on_fill(self, fill: Fill) -> None:
        self._busts.remember(fill)
        self._check_fee(fill)
        tracked, events = self._tracker.on_fill(fill)
        self._emitter.emit(tracked, events)
        if tracked.is_refused:
            self._log.error(f"{tracked.key} was reported as rejected and has filled: reconciling the position")
            self.create_task(self._report_positions(), log_msg="positions after a surprise")
        if fill.realized_funding:
            self.create_task(self._confirm_payment(fill), log_msg=f"funding of fill {fill.id}")

    def _check_fee(self, fill: Fill) -> None:
        """Say when a retail order was charged: its quotas are used up, and costs are not what they were thought to be."""
        if not self._settings.is_interactive or fill.fill_type not in (None, "FILL"):
            return
        is_retail = not fill.fee and (fill.flags is None or "interactive" in fill.flags)
        state = VenueState.OK if is_retail else VenueState.DEGRADED
        detail = "" if is_retail else f"retail fill {fill.id} carries a fee of {fill.fee or 0} and the flags {fill.flags or []}"
        if detail:
            self._log.error(detail)
        self._board.report("fees", state, detail)

    def _on_bust(self, bust: TradeBust) -> None:
        if self._busts.is_news(bust):
            self._log.error(f"fill {bust.busted_fill_id} was reverted by the chain")
            self.create_task(self._reverse(bust), log_msg=f"bust of {bust.busted_fill_id}")

    async def _reverse(self, bust: TradeBust) -> None:
        """Undo a fill for Nautilus, then compare positions: they say whether that was all."""
        fill = self._busts.fill_of(bust) or await self._find_fill(bust)
        if fill is None:
            self._log.error(f"fill {bust.busted_fill_id} is not known: only the position can be corrected")
        else:
            self._emitter.emit(*self._tracker.on_fill(busts.reversal(fill, bust)))
        await self._report_positions()

    async def _find_fill(self, bust: TradeBust) -> Fill | None:
        fills = await self._account_http.fills(bust.created_at - _DAY_MS)
        return next((fill for fill in fills if fill.id == bust.busted_fill_id), None)

    async def _confirm_payment(self, fill: Fill) -> None:
        """Read the payment a fill has realised, should its own message not have come."""
        await asyncio.sleep(QUIET_SECS)
        start_ms = max(fill.created_at - _CATCH_UP_MS, self._started_ms)
        try:
            await self._account_feed.catch_up_payments((fill.market,), start_ms)
        except VenueError as e:
            self._log.warning(f"funding payments of {fill.market} not read: {e}")

    async def _report_positions(self) -> None:
        """Let Nautilus compare its positions with the venue's, asking until the venue answers.

        A position counts once two reads agree on it while no order of ours was at work in its market:
        otherwise it could hold a fill that is still to be told, and Nautilus would count that twice.
        """
        earlier: dict[InstrumentId, Decimal] | None = None
        told: set[InstrumentId] = set()
        while True:
            busy = self._busy_instruments()
            try:
                await self._account_feed.refresh()
                found = {report.instrument_id: report for report in await self._query.positions(None)}
            except VenueError as e:
                self._log.warning(f"positions not read, asking again: {e}")
            else:
                busy |= self._busy_instruments()
                quiet = {key: report.signed_decimal_qty for key, report in found.items() if key not in busy}
                for key in [key for key in quiet if earlier is not None and key not in told and earlier.get(key) == quiet[key]]:
                    told.add(key)
                    self._send_position_status_report(found[key])
                if earlier is not None and told >= found.keys():
                    return
                earlier = quiet
            await asyncio.sleep(QUIET_SECS)

    def _busy_instruments(self) -> set[InstrumentId]:
        perpetuals = (self._provider.perpetual(order.market) for order in self._tracker.unfinished())
        return {perpetual.id for perpetual in perpetuals if perpetual is not None}

    # -- commands

    def submit_order(self, command: nautilus.SubmitOrder) -> None:
        """Begin to send an order; Nautilus' own version first spells the order and the command out for the log."""
        start_now(self, self._submit_order(command), "submit_order")

    async def _submit_order(self, command: nautilus.SubmitOrder) -> None:
        await self._entry.place(command.order, is_rpi=_is_rpi(command))

    async def _submit_order_list(self, command: nautilus.SubmitOrderList) -> None:
        await self._entry.place_all(command.order_list.orders, is_rpi=_is_rpi(command))

    async def _modify_order(self, command: nautilus.ModifyOrder) -> None:
        await self._entry.modify(command)

    async def _cancel_order(self, command: nautilus.CancelOrder) -> None:
        await self._entry.cancel(command.client_order_id)

    async def _batch_cancel_orders(self, command: nautilus.BatchCancelOrders) -> None:
        await self._entry.cancel_many([cancel.client_order_id for cancel in command.cancels])

    async def _cancel_all_orders(self, command: nautilus.CancelAllOrders) -> None:
        """Cancel the strategy's own orders of an instrument: the venue's cancel-all would take everybody's."""
        scope = {
            "venue": VENUE,
            "instrument_id": command.instrument_id,
            "strategy_id": command.strategy_id,
            "side": command.order_side,
        }
        known = [*self._cache.orders_open(**scope), *self._cache.orders_inflight(**scope)]
        await self._entry.cancel_many(dict.fromkeys(order.client_order_id for order in known))

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


def _is_rpi(command: nautilus.SubmitOrder | nautilus.SubmitOrderList) -> bool:
    """Return whether a command asks for retail price improvement (`params={"rpi": True}`)."""
    return bool((command.params or {}).get("rpi"))
