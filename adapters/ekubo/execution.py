"""Swaps for Nautilus: lifecycle, the routing of commands, and the account; no arithmetic."""

import asyncio
from decimal import Decimal
from typing import Any

from nautilus_trader.execution import messages as nautilus
from nautilus_trader.execution.reports import FillReport, OrderStatusReport, PositionStatusReport
from nautilus_trader.live.execution_client import LiveExecutionClient
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import AccountId, ClientId, InstrumentId, Venue

from adapters.ekubo import commands, gas, parsing, reports
from adapters.ekubo.account import Account
from adapters.ekubo.api import AvnuApi
from adapters.ekubo.config import EkuboExecClientConfig
from adapters.ekubo.constants import STRK, VENUE_NAME
from adapters.ekubo.desk import SwapDesk
from adapters.ekubo.journal import Documents, TransactionJournal
from adapters.ekubo.planning import Rules, SwapPlanner
from adapters.ekubo.providers import EkuboInstrumentProvider
from adapters.ekubo.query import Records
from adapters.ekubo.quoting import Quoter
from adapters.ekubo.rpc import StarknetRpc
from adapters.ekubo.sending import Fate, Policy, Slot
from adapters.ekubo.signing import Signer
from adapters.ekubo.slices import CoolDown
from adapters.ekubo.telling import OrderEvents
from adapters.ekubo.tokens import address_of
from adapters.ekubo.wallet import Wallet
from adapters.errors import Protocol, Rejected, VenueError
from messages import Alert, Severity, VenueState, VenueStatus, topics

_NS = 1_000_000_000
_RESOLVE_SECS = 8.0  # of the start: what takes longer goes on behind it, and nothing is sent before it is done
_SOURCES_SECS = 3600.0
_REMEDY = "Compare the wallet and start the node again; if it is said again, name the transaction in written_off"


class EkuboExecutionClient(LiveExecutionClient):  # type: ignore[misc]  # Nautilus has no stubs
    """One wallet: balances of tokens, and no positions but those Nautilus adds up from fills."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        msgbus: Any,
        cache: Any,
        clock: Any,
        api: AvnuApi,
        rpc: StarknetRpc,
        provider: EkuboInstrumentProvider,
        signer: Signer,
        documents: Documents,
        config: EkuboExecClientConfig,
    ) -> None:
        super().__init__(
            loop=loop,
            client_id=ClientId(VENUE_NAME),
            venue=Venue(VENUE_NAME),
            oms_type=OmsType.NETTING,
            account_type=AccountType.CASH,
            base_currency=None,
            instrument_provider=provider,
            msgbus=msgbus,
            cache=cache,
            clock=clock,
            config=config,
        )
        self._set_account_id(AccountId(f"{VENUE_NAME}-{signer.account:064x}"[: len(VENUE_NAME) + 11]))
        self._settings, self._provider, self._api, self._rpc = config, provider, api, rpc
        self._states: dict[str, tuple[VenueState, str]] = {}
        self._wallet = Wallet(rpc, signer.account)
        self._quoter = Quoter(
            api,
            chain_id=config.chain_id,
            core=address_of(config.core_address),
            is_ekubo_only=config.is_ekubo_only,
            is_direct_only=config.is_direct_only,
            taker=signer.account,
            now_ns=clock.timestamp_ns,
            is_urgent=True,
        )
        self._planner = SwapPlanner(
            api,
            self._quoter,
            _rules(config, signer.account),
            held=self._wallet.held,
            reference=self._reference,
            now_ns=clock.timestamp_ns,
            log=self._log.error,
        )
        self._events = OrderEvents(self, provider, self._tell_gas)
        self._journal = TransactionJournal(documents)
        self._account = Account(
            rpc=rpc,
            signer=signer,
            journal=self._journal,
            policy=_policy(config),
            rules=_gas_rules(config),
            exchange=address_of(config.exchange_address),
            core=address_of(config.core_address),
            now_ns=clock.timestamp_ns,
            told=self._hear,
            log=self._log.warning,
            written_off=frozenset(int(each, 16) for each in config.written_off),
        )
        self._desk = SwapDesk(
            account=self._account,
            journal=self._journal,
            planner=self._planner,
            events=self._events,
            cool_down=CoolDown(config.slice_cooldown_secs),
            max_slices=config.max_slices,
            turn_secs=config.receipt_timeout_secs,
            now_ns=clock.timestamp_ns,
            log=self._log.warning,
        )
        self._records = Records(self._journal, self._desk, provider, self.account_id)

    # -- lifecycle

    async def _connect(self) -> None:
        if (chain_id := await self._rpc.chain_id()) != self._settings.chain_id:
            raise Protocol(f"the node is on chain {hex(chain_id)}, not on {hex(self._settings.chain_id)}")
        await self._rpc.class_hash_at(self._account.address)  # an account that was never deployed cannot send
        await self._provider.initialize()
        for instrument in self._provider.list_all():
            self._msgbus.send(endpoint="DataEngine.process", msg=instrument)
        await self._quoter.refresh_sources()
        await self._refresh_balances()
        await self._await_account_registered()
        await self._resolve_earlier()
        self._tell("private", VenueState.OK, "connected")
        self.create_task(self._poll_balances(), log_msg="balances")
        self.create_task(self._watch_sources(), log_msg="sources")

    async def _disconnect(self) -> None:
        """Nautilus cancels the tasks; what is out stays in the journal."""

    async def _resolve_earlier(self) -> None:
        """Prove what an earlier process has left open; orders wait for the account's turn meanwhile."""
        known = (*self._cache.orders_open(venue=self.venue), *self._cache.orders_inflight(venue=self.venue))
        orders = {order.client_order_id.value: order for order in known}  # before any of this process' own
        if not self._journal.pending():
            self._end_orphans(orders)
            return
        task = self.create_task(self._resume(orders), log_msg="what an earlier process left open")
        await asyncio.wait([task], timeout=_RESOLVE_SECS)

    async def _resume(self, orders: dict[str, Any]) -> None:
        self._tell("account", VenueState.DEGRADED, "finding out what became of an earlier process' transactions")
        try:
            await self._desk.resume()
        finally:
            self._tell_account()
        self._end_orphans(orders)
        await self._try_balances()

    def _end_orphans(self, orders: dict[str, Any]) -> None:
        """End the orders an earlier process was at work on: nobody goes on with them."""
        for name in orders.keys() - set(self._records.at_work()):
            if not orders[name].is_closed:
                self._events.orphaned(orders[name], self._journal.of_order(name))

    async def _watch_sources(self) -> None:
        while True:
            await asyncio.sleep(_SOURCES_SECS)
            try:
                await self._quoter.refresh_sources()
            except VenueError as e:
                self._log.warning(f"sources not read: {e}")

    # -- the account

    async def _poll_balances(self) -> None:
        while True:
            await asyncio.sleep(self._settings.balances_poll_secs)
            try:
                await self._try_balances()
            except Exception as e:  # a number no balance can hold: the next reading may be better
                self._log.exception("balances not told", e)
                self._tell("private", VenueState.DEGRADED, f"balances not told: {e!r}")

    async def _try_balances(self) -> None:
        try:
            await self._refresh_balances()
        except VenueError as e:
            self._tell("private", VenueState.DISCONNECTED, str(e))
        else:
            self._tell("private", VenueState.OK, "connected")

    async def _refresh_balances(self) -> None:
        """Read the wallet and tell Nautilus; raises `VenueError` where the node does not say."""
        pairs = [pair for each in self._provider.list_all() if (pair := self._provider.pair(each.id)) is not None]
        holdings = await self._wallet.read(token for pair in pairs for token in (pair.base, pair.quote))
        balances = [reports.balance(parsing.currency(holding.token), holding.amount) for holding in holdings]
        self.generate_account_state(balances=balances, margins=[], reported=True, ts_event=self._clock.timestamp_ns())
        strk = next(holding.amount for holding in holdings if holding.token.address == STRK)
        is_short = strk < self._settings.min_strk_reserve
        words = f"{strk:.4f} STRK for gas, {self._settings.min_strk_reserve} wanted"
        self._tell("gas", VenueState.DEGRADED if is_short else VenueState.OK, words if is_short else "enough")

    def _hear(self, slot: Slot) -> None:
        """Hear of the transaction at work: one that takes too long makes the account a doubtful one."""
        self._desk.told(slot)
        age_ns = self._clock.timestamp_ns() - slot.begun_ns
        is_open = slot.fate is None or (slot.executed is not None and slot.booking is None)
        if is_open and age_ns > self._settings.receipt_timeout_secs * _NS:
            self._tell("account", VenueState.DEGRADED, f"what became of transaction {slot.key} is not known")
        if slot.fate is Fate.REPLACED:
            self._alert("NonceUsedElsewhere", f"{slot.words}: find out who else holds the key; {slot.key} was not executed")

    def _tell_account(self) -> None:
        """Say whether anything is in doubt, unless a transaction is being followed: whoever has the turn says it after that."""
        if self._account.turn.locked():
            return
        fault = self._account.fault
        if self._tell("account", VenueState.DEGRADED if fault else VenueState.OK, fault or "nothing is in doubt") and fault:
            self._alert("SwapInDoubt", f"{fault}: nothing is sent any more. {_REMEDY}")

    def _alert(self, name: str, detail: str) -> None:
        alert = Alert(severity=Severity.CRITICAL, name=name, detail=detail, ts_ns=self._clock.timestamp_ns())
        self._msgbus.publish(topic=topics.ALERT, msg=alert)

    def _tell_gas(self, slot: Slot) -> None:
        """Publish what a transaction was charged, and read the wallet it has changed."""
        self._msgbus.publish(topic=topics.GAS_PAID, msg=reports.gas_paid(slot, self._planner.strk_usd))
        self.create_task(self._try_balances(), log_msg="balances")

    def _tell(self, channel: str, state: VenueState, detail: str) -> bool:
        """Publish the state of a channel once per change, and return whether it has changed."""
        if self._states.get(channel) == (state, detail):
            return False
        self._states[channel] = (state, detail)
        status = VenueStatus(venue=VENUE_NAME, channel=channel, state=state, detail=detail, ts_ns=self._clock.timestamp_ns())
        self._msgbus.publish(topic=topics.VENUE_STATUS, msg=status)
        return True

    def _reference(self, instrument_id: str) -> Decimal | None:
        """Return the mark of the perpetual beside a pair; raises `Rejected` where one is wanted and none is fresh."""
        name = self._settings.references.get(InstrumentId.from_str(instrument_id).symbol.value)
        if name is None:
            return None
        mark = self._cache.mark_price(InstrumentId.from_str(name))
        oldest_ns = self._clock.timestamp_ns() - round(self._settings.reference_max_age_secs * _NS)
        if mark is None or mark.ts_init < oldest_ns:
            raise Rejected(f"no fresh mark of {name} to judge the price by")
        price: Decimal = mark.value.as_decimal()
        return price

    # -- commands

    async def _submit_order(self, command: nautilus.SubmitOrder) -> None:
        await self._work(command.order)

    async def _submit_order_list(self, command: nautilus.SubmitOrderList) -> None:
        await asyncio.gather(*(self._work(order) for order in command.order_list.orders))

    async def _work(self, order: Any) -> None:
        instrument, pair = self._provider.find(order.instrument_id), self._provider.pair(order.instrument_id)
        if instrument is None or pair is None:
            self._events.denied(order, f"UNKNOWN_INSTRUMENT: {order.instrument_id} is not among the configured pairs")
            return
        if (reason := commands.refusal(order)) is not None:
            self._events.denied(order, reason)
            return
        self._events.submitted(order)
        try:
            await self._desk.work(commands.swap_order(order, instrument, pair))
        finally:
            self._tell_account()

    async def _cancel_order(self, command: nautilus.CancelOrder) -> None:
        self._cancel(command.client_order_id)

    async def _batch_cancel_orders(self, command: nautilus.BatchCancelOrders) -> None:
        for cancel in command.cancels:
            self._cancel(cancel.client_order_id)

    async def _cancel_all_orders(self, command: nautilus.CancelAllOrders) -> None:
        """Cancel what this strategy has at work in this instrument on this side."""
        for read in (self._cache.orders_open, self._cache.orders_inflight):
            for order in read(venue=self.venue, instrument_id=command.instrument_id, strategy_id=command.strategy_id):
                if command.order_side in (OrderSide.NO_ORDER_SIDE, order.side):
                    self._desk.cancel(order.client_order_id.value)

    def _cancel(self, client_order_id: Any) -> None:
        order = self._cache.order(client_order_id)
        if not self._desk.cancel(client_order_id.value) and order is not None and not order.is_closed:
            self._events.cancel_rejected(order, "it is not at work: what was sent of it cannot be taken back")

    async def _modify_order(self, command: nautilus.ModifyOrder) -> None:
        order = self._cache.order(command.client_order_id)
        if order is not None:
            self._events.modify_rejected(order, "UNSUPPORTED: a swap is executed at once, there is nothing to change")

    async def _query_account(self, command: nautilus.QueryAccount) -> None:
        await self._try_balances()

    # -- reports

    async def generate_order_status_report(self, command: nautilus.GenerateOrderStatusReport) -> OrderStatusReport | None:
        """Return one order by either of its ids, None where nothing of it was ever sent."""
        if command.client_order_id is not None:
            return self._records.order(command.client_order_id.value)
        return None if command.venue_order_id is None else self._records.by_venue_id(command.venue_order_id.value)

    async def generate_order_status_reports(self, command: nautilus.GenerateOrderStatusReports) -> list[OrderStatusReport]:
        """Return the orders at work: swaps do not rest, and what an earlier process left open is told when it is proven."""
        return self._records.open_orders(command.instrument_id)

    async def generate_fill_reports(self, command: nautilus.GenerateFillReports) -> list[FillReport]:
        """Return the fills so far of the orders at work."""
        return self._records.open_fills(command.instrument_id)

    async def generate_position_status_reports(
        self, command: nautilus.GeneratePositionStatusReports
    ) -> list[PositionStatusReport]:
        """Return none: a wallet holds tokens and has no positions, so there is nothing here to fail and nothing to be flat."""
        return []


def _rules(config: EkuboExecClientConfig, account: int) -> Rules:
    return Rules(
        chain_id=config.chain_id,
        exchange=address_of(config.exchange_address),
        account=account,
        exchanges=frozenset({address_of(config.core_address)}) if config.is_ekubo_only else None,
        extensions=frozenset(int(extension, 16) for extension in config.extensions) if config.is_ekubo_only else None,
        is_direct_only=config.is_direct_only,
        branches=config.branches,
        max_impact_bps=config.max_impact_bps,
        max_cost_bps=config.max_cost_bps,
        max_gain_bps=config.max_gain_bps,
        max_slippage_bps=config.max_slippage_bps,
        min_slice_usd=config.min_slice_usd,
        quote_max_age_secs=config.quote_max_age_secs,
        min_strk_reserve=config.min_strk_reserve,
        is_reference_required=config.is_reference_required,
    )


def _policy(config: EkuboExecClientConfig) -> Policy:
    return Policy(poll_secs=config.receipt_poll_secs, patience_secs=config.receipt_timeout_secs)


def _gas_rules(config: EkuboExecClientConfig) -> gas.GasRules:
    return gas.GasRules(
        amount_multiplier=config.gas_amount_multiplier,
        price_multiplier=config.gas_price_multiplier,
        max_fee_strk=config.max_fee_strk,
    )
