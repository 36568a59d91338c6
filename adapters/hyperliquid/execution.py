"""Trading on Hyperliquid for Nautilus: lifecycle and routing.

Order states come from `orderUpdates`, executions only from fills, each once.
"""

import asyncio
from collections.abc import Iterable
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
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import AccountId, ClientId, Venue
from nautilus_trader.model.instruments import Instrument

from adapters.eager import start_now
from adapters.errors import Rejected
from adapters.hyperliquid import parsing, reports, signing
from adapters.hyperliquid.account import AccountChannel
from adapters.hyperliquid.budget import ActionBudget
from adapters.hyperliquid.config import HyperliquidExecClientConfig
from adapters.hyperliquid.connection import SocketFactory
from adapters.hyperliquid.constants import LEVERAGE_RETRY_SECS, VENUE_NAME
from adapters.hyperliquid.deadman import DeadMansSwitch
from adapters.hyperliquid.desk import OrderDesk, oid_of
from adapters.hyperliquid.externals import ExternalOrders, Report
from adapters.hyperliquid.feed import AccountFeed
from adapters.hyperliquid.http import HyperliquidHttp
from adapters.hyperliquid.leverage import set_leverage
from adapters.hyperliquid.margin import Tier
from adapters.hyperliquid.orders import Fact, OrderIndex, Stray, TrackedOrder
from adapters.hyperliquid.providers import HyperliquidInstrumentProvider
from adapters.hyperliquid.reconciliation import Reconciler
from adapters.hyperliquid.resolver import Resolver
from adapters.hyperliquid.rounds import Rounds
from adapters.hyperliquid.schemas import ClearinghouseState
from adapters.hyperliquid.sender import ActionSender
from adapters.hyperliquid.telling import OrderEvents
from adapters.hyperliquid.terms import AccountTerms, Identity
from messages import FundingClock, Heartbeat, VenueState, VenueStatus, topics


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
        identity: Identity,
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
        self._set_account_id(AccountId(f"{VENUE_NAME}-{identity.account[:10]}"))
        self._http, self._user, self._settings = http, identity.account, config
        self._instruments: dict[str, Instrument] = {}
        self._tiers: dict[str, tuple[Tier, ...]] = {}
        self._barred: dict[str, str] = {}
        self._orders, self._budget = OrderIndex(), ActionBudget(config.action_reserve)
        self._rounds = Rounds(self.create_task, self._log.warning)
        externals = ExternalOrders(self.account_id)
        self._feed = self._make_feed(socket_factory, externals)
        self._sender = ActionSender(
            signer,
            self._feed.connection,
            http,
            budget=self._budget,
            ttl_secs=config.action_ttl_secs,
            now_ms=self._clock.timestamp_ms,
            vault=bytes.fromhex(identity.account[2:]) if identity.has_vault else b"",
        )
        self._terms = AccountTerms(
            http,
            identity,
            self._budget,
            limits_poll_secs=config.limits_poll_secs,
            refresh_fees=self._refresh_fees,
            publish=self._publish_status,
            now_ns=self._clock.timestamp_ns,
            log=self._log.warning,
            is_master_key_allowed=config.is_master_key_allowed,
        )
        self._desk = self._make_desk()
        self._reconciler = Reconciler(
            http,
            self._user,
            account_id=self.account_id,
            instruments=self._instruments,
            orders=self._orders,
            externals=externals,
            take_fills=self._feed.take_fills,
            now_ns=self._clock.timestamp_ns,
        )
        self._heard_ns = self._clock.timestamp_ns()
        self._msgbus.subscribe(topic=topics.HEARTBEAT, handler=self._on_heartbeat)
        self._deadman: DeadMansSwitch | None = None
        if config.scheduled_cancel_secs is not None:
            self._deadman = DeadMansSwitch(
                http,
                self._sender,
                self._user,
                horizon_ms=round(config.scheduled_cancel_secs * 1000),
                has_own=self._orders.has_resting,
                has_foreign=externals.has_resting,
                is_alive=self._is_node_alive,
                now_ms=self._clock.timestamp_ms,
                log=self._log.warning,
            )

    def _make_feed(self, socket_factory: SocketFactory, externals: ExternalOrders) -> AccountFeed:
        self._account = AccountChannel(
            emit_state=self._emit_account_state,
            publish_health=lambda health: self._msgbus.publish(topic=topics.ACCOUNT_HEALTH, msg=health),
            publish_payment=lambda payment: self._msgbus.publish(topic=topics.FUNDING_PAYMENT, msg=payment),
            tiers=lambda: self._tiers,
            now_ns=self._clock.timestamp_ns,
        )
        return AccountFeed(
            socket_factory,
            self._http,
            self._user,
            orders=self._orders,
            externals=externals,
            account=self._account,
            instruments=self._instruments,
            funding_clock=FundingClock(self._settings.hour_secs),
            lookback_ms=round(self._settings.funding_lookback_hours * self._settings.hour_secs * 1000),
            tell=self._tell,
            send_report=self._send_report,
            publish_status=self._publish_status,
            start_task=self.create_task,
            now_ns=self._clock.timestamp_ns,
            log=self._log.warning,
        )

    def _make_desk(self) -> OrderDesk:
        resolver = Resolver(
            self._http,
            self._user,
            take_fills=self._feed.take_fills,
            tell=self._tell,
            now_ms=self._clock.timestamp_ms,
            log=self._log.warning,
        )
        return OrderDesk(
            cache=self._cache,
            http=self._http,
            sender=self._sender,
            resolver=resolver,
            orders=self._orders,
            events=OrderEvents(self),
            instruments=self._instruments,
            budget=self._budget,
            barred=self._barred,
            slippage_bps=self._settings.market_slippage_bps,
            immediate_ttl_secs=self._settings.immediate_ttl_secs,
            take_stray=self._take_stray,
            start_task=self.create_task,
            now_ns=self._clock.timestamp_ns,
            log=self._log.warning,
        )

    # Lifecycle

    async def _connect(self) -> None:
        if others := [coin for coin in self._settings.coins if ":" in coin]:
            raise Rejected(f"{', '.join(others)}: each exchange of others keeps a margin account of its own; data only")
        await self._instrument_provider.initialize()
        await self._terms.check()
        await self._instrument_provider.load_fees(self._user)
        self._publish_instruments()
        await self._set_leverages()
        self._desk.adopt((*self._cache.orders_open(venue=self.venue), *self._cache.orders_inflight(venue=self.venue)))
        await self._feed.start()
        await self._await_account_registered()
        self._terms.watch(self._rounds)
        if self._deadman is not None:
            self._rounds.every(self._deadman.beat_secs, self._deadman.beat)

    async def _disconnect(self) -> None:
        self._rounds.close()
        if self._deadman is not None and not self._orders.has_resting():
            await self._deadman.disarm()  # orders that are left behind stay under the switch
        await self._feed.stop()

    async def _set_leverages(self) -> None:
        if self._settings.leverage is not None:
            await self._try_leverages(self._instruments, self._settings.leverage)
            self._rounds.every(LEVERAGE_RETRY_SECS, self._retry_leverages)

    async def _retry_leverages(self) -> None:
        """What stood in the way, mostly an open position, may be gone."""
        if self._barred and self._settings.leverage is not None:
            await self._try_leverages(tuple(self._barred), self._settings.leverage)

    async def _try_leverages(self, coins: Iterable[str], usual: int) -> None:
        """Set leverages; where that fails nothing is entered in the coin, and the venue is reported."""
        settings = self._settings
        for coin in coins:
            reason = await set_leverage(
                self._instruments[coin],
                (settings.leverages or {}).get(coin, usual),
                is_cross=settings.is_cross,
                user=self._user,
                http=self._http,
                sender=self._sender,
                log=self._log.info,
            )
            if reason is None:
                self._barred.pop(coin, None)
            else:
                self._log.error(reason)
                self._barred[coin] = reason
        state = VenueState.DEGRADED if self._barred else VenueState.OK
        detail = "; ".join(self._barred.values()) or "as configured"
        self._publish_status(
            VenueStatus(venue=VENUE_NAME, channel="leverage", state=state, detail=detail, ts_ns=self._clock.timestamp_ns())
        )

    async def _refresh_fees(self) -> None:
        """Read the account's fee tier; a new one comes with new instruments."""
        known = self._instrument_provider.fees
        await self._instrument_provider.load_fees(self._user)
        if self._instrument_provider.fees != known:
            self._log.info(f"maker and taker fee are now {self._instrument_provider.fees}", LogColor.BLUE)
            self._publish_instruments()

    def _publish_instruments(self) -> None:
        for instrument in self._instrument_provider.list_all():
            self._instruments[instrument.raw_symbol.value] = instrument
            self._tiers[instrument.raw_symbol.value] = parsing.margin_tiers(instrument)
            self._msgbus.send(endpoint="DataEngine.process", msg=instrument)

    # Commands

    def submit_order(self, command: SubmitOrder) -> None:
        """Begin to send an order; Nautilus' own version first spells the order and the command out for the log."""
        start_now(self, self._submit_order(command), "submit_order")

    async def _submit_order(self, command: SubmitOrder) -> None:
        await self._desk.submit([command.order], _slippage_bps(command))

    async def _submit_order_list(self, command: SubmitOrderList) -> None:
        await self._desk.submit(list(command.order_list.orders), _slippage_bps(command))

    async def _cancel_order(self, command: CancelOrder) -> None:
        await self._desk.cancel([self._cache.order(command.client_order_id)])

    async def _batch_cancel_orders(self, command: BatchCancelOrders) -> None:
        await self._desk.cancel([self._cache.order(cancel.client_order_id) for cancel in command.cancels])

    async def _cancel_all_orders(self, command: CancelAllOrders) -> None:
        """Cancel what this strategy has open in this instrument on this side, and nothing else."""
        chosen = {}
        for read in (self._cache.orders_open, self._cache.orders_inflight):
            for order in read(venue=self.venue, instrument_id=command.instrument_id, strategy_id=command.strategy_id):
                if command.order_side in (OrderSide.NO_ORDER_SIDE, order.side):
                    chosen[order.client_order_id] = order
        await self._desk.cancel(list(chosen.values()))

    async def _modify_order(self, command: ModifyOrder) -> None:
        order = self._cache.order(command.client_order_id)
        quantity, price = command.quantity or order.quantity, command.price or order.price
        await self._desk.modify(order, quantity.as_decimal(), price.as_decimal())

    async def _query_account(self, command: QueryAccount) -> None:
        self._emit_account_state(await self._http.clearinghouse_state(self._user))

    # Reports

    async def generate_order_status_report(self, command: GenerateOrderStatusReport) -> OrderStatusReport | None:
        """Return one order by either of its ids; a foreign order is known to the venue by its own alone."""
        client_order_id, oid = command.client_order_id, oid_of(command.venue_order_id)
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

    def _on_heartbeat(self, _beat: Heartbeat) -> None:
        self._heard_ns = self._clock.timestamp_ns()

    def _is_node_alive(self) -> bool:
        silence_secs = self._settings.heartbeat_secs
        return silence_secs is None or self._clock.timestamp_ns() - self._heard_ns < silence_secs * 1e9

    def _tell(self, order: TrackedOrder, facts: list[Fact]) -> None:
        self._desk.tell(order, facts)

    def _take_stray(self, stray: Stray) -> None:
        self._log.error(f"an order was refused and yet filled: {stray.fill}", LogColor.RED)
        self._feed.take_foreign_fills([stray.fill])

    def _send_report(self, report: Report) -> None:
        if isinstance(report, FillReport):
            self._send_fill_report(report)
        else:
            self._send_order_status_report(report)

    def _publish_status(self, status: VenueStatus) -> None:
        self._msgbus.publish(topic=topics.VENUE_STATUS, msg=status)

    def _emit_account_state(self, state: ClearinghouseState) -> None:
        ts_ns = state.time * 1_000_000 or self._clock.timestamp_ns()
        fees = dict(zip(("maker_fee", "taker_fee"), map(str, self._instrument_provider.fees), strict=True))
        self.generate_account_state([reports.balance(state)], [], True, ts_ns, {**fees, **self._account.spot})


def _slippage_bps(command: SubmitOrder | SubmitOrderList) -> int | None:
    """Return the bound of a market order that the strategy has given with its command."""
    bound_bps: int | None = (command.params or {}).get("market_slippage_bps")
    return bound_bps
