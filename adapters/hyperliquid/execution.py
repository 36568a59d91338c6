"""Trading on Hyperliquid for Nautilus: lifecycle and routing.

Order states come from `orderUpdates`, executions only from fills, each once. An outcome that is not
known emits nothing: a `Resolver` asks until it is known. Nothing is ever sent twice.
"""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from nautilus_trader.common.enums import LogColor
from nautilus_trader.execution.messages import (
    BatchCancelOrders,
    CancelAllOrders,
    CancelOrder,
    GenerateFillReports,
    GenerateOrderStatusReport,
    GenerateOrderStatusReports,
    GeneratePositionStatusReports,
    ModifyOrder,
    QueryAccount,
    SubmitOrder,
    SubmitOrderList,
)
from nautilus_trader.execution.reports import FillReport, OrderStatusReport, PositionStatusReport
from nautilus_trader.live.execution_client import LiveExecutionClient
from nautilus_trader.model.currencies import USDC
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide, OrderType
from nautilus_trader.model.identifiers import AccountId, ClientId, ClientOrderId, Venue, VenueOrderId
from nautilus_trader.model.instruments import Instrument
from nautilus_trader.model.orders import Order

from adapters.errors import OutcomeUnknown, Rejected, VenueError
from adapters.hyperliquid import commands, parsing, reports, signing
from adapters.hyperliquid.account import AccountChannel
from adapters.hyperliquid.config import HyperliquidExecClientConfig
from adapters.hyperliquid.connection import SocketFactory
from adapters.hyperliquid.constants import VENUE_NAME
from adapters.hyperliquid.externals import ExternalOrders, Report
from adapters.hyperliquid.feed import AccountFeed
from adapters.hyperliquid.http import HyperliquidHttp
from adapters.hyperliquid.orders import Fact, OrderIndex, Stray, TrackedOrder
from adapters.hyperliquid.providers import HyperliquidInstrumentProvider
from adapters.hyperliquid.reconciliation import Reconciler
from adapters.hyperliquid.resolver import Resolver
from adapters.hyperliquid.schemas import ClearinghouseState, Item, ItemStatus
from adapters.hyperliquid.sender import ActionSender
from adapters.hyperliquid.telling import OrderEvents
from messages import FundingClock, topics

_CANCEL_CONFIRM_MS = 1_500  # a cancel that was acknowledged shows on the stream within this


class HyperliquidExecutionClient(LiveExecutionClient):  # type: ignore[misc]  # Nautilus has no stubs
    """One perpetuals account: netting, margin, USDC."""

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
        config: HyperliquidExecClientConfig,
        signer: signing.L1Signer,
        account_address: str,
    ) -> None:
        super().__init__(
            loop=loop,
            client_id=ClientId(VENUE_NAME),
            venue=Venue(VENUE_NAME),
            oms_type=OmsType.NETTING,
            account_type=AccountType.MARGIN,
            base_currency=USDC,
            instrument_provider=provider,
            msgbus=msgbus,
            cache=cache,
            clock=clock,
            config=config,
        )
        self._set_account_id(AccountId(f"{VENUE_NAME}-{account_address[:10]}"))
        self._http, self._user, self._slippage_bps = http, account_address, config.market_slippage_bps
        self._instruments: dict[str, Instrument] = {}
        self._orders = OrderIndex()
        self._completing: set[str] = set()
        self._events = OrderEvents(self)
        externals = ExternalOrders(self.account_id)
        self._feed = AccountFeed(
            socket_factory,
            http,
            account_address,
            orders=self._orders,
            externals=externals,
            account=AccountChannel(
                emit_state=self._emit_account_state,
                publish_health=lambda health: self._msgbus.publish(topic=topics.ACCOUNT_HEALTH, msg=health),
                publish_payment=lambda payment: self._msgbus.publish(topic=topics.FUNDING_PAYMENT, msg=payment),
                now_ns=self._clock.timestamp_ns,
            ),
            instruments=self._instruments,
            funding_clock=FundingClock(config.hour_secs),
            tell=self._tell,
            send_report=self._send_report,
            publish_status=lambda status: self._msgbus.publish(topic=topics.VENUE_STATUS, msg=status),
            start_task=self.create_task,
            now_ns=self._clock.timestamp_ns,
            log=self._log.warning,
        )
        self._sender = ActionSender(signer, self._feed.connection, http, ttl_secs=config.action_ttl_secs, now_ms=self._now_ms)
        self._resolver = Resolver(
            http,
            account_address,
            take_fills=self._feed.take_fills,
            tell=self._tell,
            now_ms=self._now_ms,
            log=self._log.warning,
        )
        self._reconciler = Reconciler(
            http,
            account_address,
            account_id=self.account_id,
            instruments=self._instruments,
            orders=self._orders,
            externals=externals,
            take_fills=self._feed.take_fills,
            now_ns=self._clock.timestamp_ns,
        )

    # Lifecycle

    async def _connect(self) -> None:
        await self._instrument_provider.initialize()
        await self._instrument_provider.load_fees(self._user)
        for instrument in self._instrument_provider.list_all():
            self._instruments[instrument.raw_symbol.value] = instrument
            self._msgbus.send(endpoint="DataEngine.process", msg=instrument)
        self._adopt_cached_orders()
        await self._feed.start()
        await self._await_account_registered()

    async def _disconnect(self) -> None:
        await self._feed.stop()

    def _adopt_cached_orders(self) -> None:
        """Recognise the orders an earlier process left in the cache when the venue speaks of them."""
        for order in (*self._cache.orders_open(venue=self.venue), *self._cache.orders_inflight(venue=self.venue)):
            if self._orders.by_client_id(order.client_order_id.value) is None:
                tracked = self._track(order, None)
                tracked.adopt(_oid(order.venue_order_id), order.filled_qty.as_decimal())
                self._orders.note_oid(tracked)

    # Commands

    async def _submit_order(self, command: SubmitOrder) -> None:
        await self._submit([command.order])

    async def _submit_order_list(self, command: SubmitOrderList) -> None:
        await self._submit(list(command.order_list.orders))

    async def _submit(self, orders: list[Order]) -> None:
        """Send orders as one action; where one of them cannot be sent, none is."""
        prepared = [await self._prepare(order) for order in orders]
        refusals = [reason for reason in prepared if isinstance(reason, str)]
        now_ns = self._clock.timestamp_ns()
        if refusals:
            for order, own in zip(orders, prepared, strict=True):
                reason = own if isinstance(own, str) else f"ORDER_LIST_DENIED: {refusals[0]}"
                self.generate_order_denied(order.strategy_id, order.instrument_id, order.client_order_id, reason, now_ns)
            return
        tracked, wires = [], []
        for order, price in zip(orders, prepared, strict=True):
            assert isinstance(price, Decimal)
            instrument = self._instruments[parsing.coin(order.instrument_id)]
            wires.append(commands.wire(order, price, order.quantity.as_decimal(), instrument))
            tracked.append(self._track(order, price))
            self.generate_order_submitted(order.strategy_id, order.instrument_id, order.client_order_id, now_ns)
        await self._send_orders(tracked, signing.order_action(wires))

    async def _send_orders(self, tracked: list[TrackedOrder], action: signing.Action) -> None:
        expires_ms = self._sender.expiry_ms()
        items: Sequence[Item]
        try:
            items = await self._sender.send(action, len(tracked), expires_ms)
        except Rejected as e:
            items = [ItemStatus(error=e.reason)] * len(tracked)
        except OutcomeUnknown as e:
            self._log.warning(f"outcome of {[order.client_order_id for order in tracked]} unknown: {e}")
            for order in tracked:
                self._tell(order, order.answer_lost(self._now_ms()))
                self.create_task(self._resolver.settle_submission(order, expires_ms), log_msg="settle_submission")
            return
        for order, item in zip(tracked, items, strict=True):
            self._tell(order, order.answer(item, self._now_ms()))
            if isinstance(item, str):
                self.create_task(self._resolver.settle_submission(order, expires_ms), log_msg="settle_submission")

    async def _prepare(self, order: Order) -> Decimal | str:
        """Return the price to send an order at, or why it cannot be sent."""
        instrument = self._instruments.get(parsing.coin(order.instrument_id))
        if instrument is None:
            return f"UNKNOWN_INSTRUMENT: {order.instrument_id} is not among the configured coins"
        if (reason := commands.refusal(order)) is not None:
            return reason
        if order.order_type == OrderType.MARKET:
            return await self._market_price(order, instrument)
        price = commands.limit_price(order.price.as_decimal(), order.side, instrument)
        return price if price > 0 else f"INVALID_PRICE: {order.price} is below the venue's grid"

    async def _market_price(self, order: Order, instrument: Instrument) -> Decimal | str:
        is_buy = order.side == OrderSide.BUY
        quote = self._cache.quote_tick(instrument.id)
        if quote is not None:
            best = (quote.ask_price if is_buy else quote.bid_price).as_decimal()
        else:
            try:
                levels = (await self._http.book(parsing.coin(instrument.id))).levels[1 if is_buy else 0]
            except VenueError as e:
                return f"NO_MARKET_DATA: {e}"
            if not levels:
                return "NO_MARKET_DATA: the book is empty"
            best = Decimal(str(levels[0].px))
        sz_decimals = instrument.info["szDecimals"]
        return parsing.bounded_price(best, sz_decimals, is_buy=is_buy, slippage_bps=self._slippage_bps)

    async def _cancel_order(self, command: CancelOrder) -> None:
        await self._cancel([self._cache.order(command.client_order_id)])

    async def _batch_cancel_orders(self, command: BatchCancelOrders) -> None:
        await self._cancel([self._cache.order(cancel.client_order_id) for cancel in command.cancels])

    async def _cancel_all_orders(self, command: CancelAllOrders) -> None:
        chosen = {}
        for read in (self._cache.orders_open, self._cache.orders_inflight):
            for order in read(venue=self.venue, instrument_id=command.instrument_id, strategy_id=command.strategy_id):
                if command.order_side in (OrderSide.NO_ORDER_SIDE, order.side):
                    chosen[order.client_order_id] = order
        await self._cancel(list(chosen.values()))

    async def _cancel(self, orders: list[Order | None]) -> None:
        """Cancel our own orders by cloid, those of an earlier process by oid: one action each."""
        own: list[tuple[Order, TrackedOrder]] = []
        foreign: list[tuple[Order, int]] = []
        for order in orders:
            if order is None or order.is_closed:
                continue
            tracked = self._orders.by_client_id(order.client_order_id.value)
            if tracked is not None:
                own.append((order, tracked))
            elif (oid := _oid(order.venue_order_id)) is not None:
                foreign.append((order, oid))
        if own:
            action = signing.cancel_by_cloid_action([(self._asset(order), tracked.cloid) for order, tracked in own])
            await self._send_cancels(action, list(own))
        if foreign:
            action = signing.cancel_action([(self._asset(order), oid) for order, oid in foreign])
            await self._send_cancels(action, [(order, None) for order, _ in foreign])

    async def _send_cancels(self, action: signing.Action, targets: Sequence[tuple[Order, TrackedOrder | None]]) -> None:
        expires_ms = self._sender.expiry_ms()
        items: Sequence[Item]
        try:
            items = await self._sender.send(action, len(targets), expires_ms)
        except Rejected as e:
            items = [ItemStatus(error=e.reason)] * len(targets)
        except OutcomeUnknown as e:
            self._log.warning(f"outcome of the cancel of {len(targets)} orders unknown: {e}")
            for order, tracked in targets:
                self._follow_cancel(order, tracked, expires_ms, is_acknowledged=False)
            return
        confirm_ms = self._now_ms() + _CANCEL_CONFIRM_MS
        for (order, tracked), item in zip(targets, items, strict=True):
            error = None if isinstance(item, str) else item.error
            if error is not None and (tracked is None or not tracked.is_closed):
                self._events.cancel_rejected(order, error)
            self._follow_cancel(order, tracked, confirm_ms, is_acknowledged=error is None)

    def _follow_cancel(self, order: Order, tracked: TrackedOrder | None, at_ms: int, *, is_acknowledged: bool) -> None:
        if tracked is not None and not tracked.is_closed:
            coroutine = self._settle_cancel(order, tracked, at_ms, is_acknowledged=is_acknowledged)
            self.create_task(coroutine, log_msg="follow_order")

    async def _settle_cancel(self, order: Order, tracked: TrackedOrder, at_ms: int, *, is_acknowledged: bool) -> None:
        has_ended = await self._resolver.settle_cancel(tracked, at_ms, is_acknowledged=is_acknowledged)
        if not has_ended and order.is_pending_cancel:
            self._events.cancel_rejected(order, "the cancel was not executed before it expired")

    async def _modify_order(self, command: ModifyOrder) -> None:
        """Replace an order: the venue gives it a new oid, Nautilus keeps the one order."""
        order = self._cache.order(command.client_order_id)
        tracked = self._orders.by_client_id(command.client_order_id.value)
        if tracked is None or tracked.oid is None or tracked.is_closed or tracked.is_modifying or tracked.is_ioc:
            self._events.modify_rejected(order, "only an acknowledged resting order of this process can be modified")
            return
        instrument = self._instruments[tracked.coin]
        price = commands.limit_price((command.price or order.price).as_decimal(), order.side, instrument)
        quantity = (command.quantity or order.quantity).as_decimal()
        if quantity <= tracked.filled or price <= 0:
            self._events.modify_rejected(order, f"nothing would be left of {quantity}, or no price is left of {price}")
            return
        action = signing.modify_action(tracked.oid, commands.wire(order, price, quantity - tracked.filled, instrument))
        tracked.begin_modify(quantity, price)
        await self._send_modify(order, tracked, action)

    async def _send_modify(self, order: Order, tracked: TrackedOrder, action: signing.Action) -> None:
        expires_ms = self._sender.expiry_ms()
        try:
            item = (await self._sender.send(action, 1, expires_ms))[0]
        except Rejected as e:
            item = ItemStatus(error=e.reason)
        except OutcomeUnknown as e:
            self._log.warning(f"outcome of the modification of {tracked.client_order_id} unknown: {e}")
            if not await self._resolver.settle_modify(tracked, expires_ms) and not tracked.is_closed:
                self._events.modify_rejected(order, "the modification was not executed before it expired")
            return
        answer = item if isinstance(item, ItemStatus) else ItemStatus()
        placed = answer.resting or answer.filled
        self._tell(tracked, tracked.end_modify(None if placed is None else placed.oid, self._now_ms()))
        if placed is None:
            if not tracked.is_closed:
                self._events.modify_rejected(order, answer.error or f"unexpected answer {item!r}")
            # The venue may have removed the old order before it refused the new one.
            self._follow_cancel(order, tracked, self._now_ms() + _CANCEL_CONFIRM_MS, is_acknowledged=False)

    async def _query_account(self, command: QueryAccount) -> None:
        self._emit_account_state(await self._http.clearinghouse_state(self._user))

    # Reports

    async def generate_order_status_report(self, command: GenerateOrderStatusReport) -> OrderStatusReport | None:
        """Return one order by either of its ids; a foreign order is known to the venue by its own alone."""
        client_order_id, oid = command.client_order_id, _oid(command.venue_order_id)
        is_own = client_order_id is not None and self._orders.by_client_id(client_order_id.value) is not None
        if oid is not None and not is_own:
            return await self._reconciler.order_report(oid)
        return await self._reconciler.order_report(signing.cloid(client_order_id.value))

    async def generate_order_status_reports(self, command: GenerateOrderStatusReports) -> list[OrderStatusReport]:
        """Return the resting orders, and the ends of ours that are gone."""
        return await self._reconciler.order_reports(command.instrument_id, open_only=command.open_only)

    async def generate_fill_reports(self, command: GenerateFillReports) -> list[FillReport]:
        """Return the fills of our orders."""
        start_ms = 0 if command.start is None else round(command.start.timestamp() * 1000)
        return await self._reconciler.fill_reports(command.instrument_id, start_ms)

    async def generate_position_status_reports(self, command: GeneratePositionStatusReports) -> list[PositionStatusReport]:
        """Return the positions; flat ones are reported where one was asked for or cached."""
        cached = [position.instrument_id for position in self._cache.positions_open(venue=self.venue)]
        return await self._reconciler.position_reports(command.instrument_id, cached)

    # Events

    def _tell(self, order: TrackedOrder, facts: list[Fact]) -> None:
        """Make Nautilus' events of new facts, and see to fills that are still missing."""
        for fact in facts:
            if isinstance(fact, Stray):
                self._log.error(f"{order.client_order_id} was refused and yet filled: {fact.fill}", LogColor.RED)
                self._feed.take_foreign_fills([fact.fill])
            else:
                self._events.tell(self._cache.order(ClientOrderId(order.client_order_id)), order, fact)
        self._orders.note_oid(order)
        if order.misses_fills and order.client_order_id not in self._completing:
            self._completing.add(order.client_order_id)
            self.create_task(self._complete(order), log_msg="complete_fills")

    async def _complete(self, order: TrackedOrder) -> None:
        try:
            await self._resolver.complete_fills(order)
        finally:
            self._completing.discard(order.client_order_id)

    def _track(self, order: Order, price: Decimal | None) -> TrackedOrder:
        tracked = TrackedOrder(
            client_order_id=order.client_order_id.value,
            cloid=signing.cloid(order.client_order_id.value),
            coin=parsing.coin(order.instrument_id),
            quantity=order.quantity.as_decimal(),
            price=None if commands.is_immediate(order) else price,
            is_ioc=commands.is_immediate(order),
            created_ms=order.ts_init // 1_000_000,
        )
        self._orders.add(tracked)
        return tracked

    def _send_report(self, report: Report) -> None:
        if isinstance(report, FillReport):
            self._send_fill_report(report)
        else:
            self._send_order_status_report(report)

    def _emit_account_state(self, state: ClearinghouseState) -> None:
        ts_ns = state.time * 1_000_000 or self._clock.timestamp_ns()
        self.generate_account_state([reports.balance(state)], [], True, ts_ns)

    def _asset(self, order: Order) -> int:
        asset: int = self._instruments[parsing.coin(order.instrument_id)].info["asset"]
        return asset

    def _now_ms(self) -> int:
        now_ms: int = self._clock.timestamp_ms()
        return now_ms


def _oid(venue_order_id: VenueOrderId | None) -> int | None:
    """Return the venue's own id, None where Nautilus or a split fill has made one up."""
    return int(venue_order_id.value) if venue_order_id is not None and venue_order_id.value.isdigit() else None
