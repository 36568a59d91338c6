"""The door every order passes: the project's rules in front of Nautilus' own RiskEngine, and a lock behind it."""

from decimal import Decimal
from typing import Any

from nautilus_trader.common.actor import Actor
from nautilus_trader.config import ActorConfig
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import ModifyOrder, SubmitOrder, SubmitOrderList
from nautilus_trader.model.enums import OrderStatus
from nautilus_trader.model.events import OrderDenied
from nautilus_trader.model.identifiers import ClientOrderId

from actors.permits import Permits
from actors.state_keeper import StateKeeper
from messages import AccountHealth, RiskRefused, Side, topics
from risk.checks import Refused, evaluate
from risk.in_force import LimitsInForce
from risk.reader import Reader
from risk.reading import Reports
from risk.refusals import RefusalNews
from risk.state import OrderIntent, TradeIntent
from risk.trading import InForce

RISK, EXECUTION = "RiskEngine.execute", "ExecEngine.execute"
APPROVED_KEPT = 32
_UNSENT = (OrderStatus.INITIALIZED, OrderStatus.RELEASED)


class RiskGate(Actor):  # type: ignore[misc]  # Nautilus' classes have no stubs
    """Judge what is sent to the RiskEngine, and let to the ExecEngine only what was judged; for the life of the process.

    Nothing is unhooked on stop: the trader stops actors before strategies, and what a strategy sends in its own
    `on_stop` has to pass here as well. Nautilus releases emulated orders to the ExecEngine directly; they are
    judged there. Cancels and queries pass both doors in every state.
    """

    def __init__(self, risk_engine: Any, exec_engine: Any, limits: LimitsInForce) -> None:
        super().__init__(ActorConfig(component_id="RISK-GATE"))
        self._risk_engine, self._exec_engine, self._limits = risk_engine, exec_engine, limits
        self._reports, self._permits, self._news = Reports(), Permits(), RefusalNews()
        self._keeper = StateKeeper(self)
        self._approved: dict[ClientOrderId, Any] = {}
        self._is_listening = False

    @property
    def in_force(self) -> InForce:
        """The trading state that counts, and whose it is."""
        return self._keeper.in_force

    def listen(self) -> None:
        """Take over both engines' endpoints and hear reports and requests, from now on and once."""
        if self._is_listening:
            return
        self._is_listening = True
        self._reader = Reader(self.cache, self._reports)
        self.msgbus.subscribe(topic=topics.ACCOUNT_HEALTH, handler=self._on_account_health)
        self.msgbus.subscribe(topic=topics.VENUE_STATUS, handler=self._reports.on_venue_status)
        self._keeper.listen()
        for endpoint, engine, handler in (
            (RISK, self._risk_engine, self._to_risk),
            (EXECUTION, self._exec_engine, self._to_execution),
        ):
            self.msgbus.deregister(endpoint, engine.execute)
            self.msgbus.register(endpoint, handler)

    def on_start(self) -> None:
        """Say which state is in force: strategies, which start after actors, have heard none that was restored."""
        self.listen()
        self._keeper.say()

    def on_stop(self) -> None:
        """Stay in front of the engines."""

    def _on_account_health(self, health: AccountHealth) -> None:
        self._reader.on_account_health(health, self.clock.timestamp_ns())

    # The two doors.

    def _to_risk(self, command: Any) -> None:
        if isinstance(command, (SubmitOrder, SubmitOrderList)):
            if self._may_submit(command, _orders(command)):
                self._permits.issue(command, _orders(command))
                self._risk_engine.execute(command)
        elif isinstance(command, ModifyOrder):
            self._modify(command)
        else:
            self._risk_engine.execute(command)

    def _to_execution(self, command: Any) -> None:
        if isinstance(command, (SubmitOrder, SubmitOrderList)):
            orders = _orders(command)
            if self._permits.redeem(command, orders) or self._may_release(command, orders):
                self._exec_engine.execute(command)
        elif isinstance(command, ModifyOrder):
            order = self.cache.order(command.client_order_id)
            is_harmless = order is not None and not _asks_more(command, order)
            if self._permits.redeem(command, []) or is_harmless:
                self._exec_engine.execute(command)
            else:
                self._refuse_modification(command, order, _without_permit(command.client_order_id))
        else:
            self._exec_engine.execute(command)

    def _may_submit(self, command: Any, orders: list[Any]) -> bool:
        """Judge a submit command as a whole; what is refused is denied natively."""
        refused = self._resent(orders) or self._judge([self._intent(order) for order in orders], orders)
        if refused is None:
            now_ns = self.clock.timestamp_ns()
            for order in orders:
                self._approved[order.client_order_id] = order
                self._reader.note_sent(order.instrument_id.venue.value, now_ns)
            return True
        self._refuse(refused, orders)
        return False

    def _may_release(self, command: Any, orders: list[Any]) -> bool:
        """Judge an emulated order that Nautilus releases past the RiskEngine; all else has to have a permit."""
        if orders and all(order.status == OrderStatus.RELEASED for order in orders):
            return self._may_submit(command, orders)
        self._refuse(self._resent(orders) or _without_permit(*(order.client_order_id for order in orders)), orders)
        return False

    def _modify(self, command: Any) -> None:
        """Judge a replacement as the new order that it is: larger or at another price, instead of the old one."""
        order = self.cache.order(command.client_order_id)
        if order is not None and _asks_more(command, order):
            quantity = order.quantity if command.quantity is None else command.quantity
            price = _price(order) if command.price is None else command.price.as_decimal()
            left = quantity.as_decimal() - order.filled_qty.as_decimal()
            intent = self._intent(order, left, price)
            refused = self._judge([intent], [order], replaced=order.client_order_id)
            if refused is not None:
                self._refuse_modification(command, order, refused)
                return
            self._permits.issue(command, [order])
            self._reader.note_sent(order.instrument_id.venue.value, self.clock.timestamp_ns())
        self._risk_engine.execute(command)

    def _resent(self, orders: list[Any]) -> Refused | None:
        """Refuse an order that is on its way or was sent before: the venue would get it a second time."""
        for order in orders:
            key = order.client_order_id
            if order.status not in _UNSENT or key in self._approved or not self._is_own(order):
                return Refused(reason="ORDER_RESENT", detail=f"{key} is {order.status_string()} and was let through before")
        return None

    def _is_own(self, order: Any) -> bool:
        """Return whether an order is the one of its id, and no second one under the same."""
        known = self.cache.order(order.client_order_id)
        return known is None or known is order

    # Judging and refusing.

    def _judge(self, intents: list[OrderIntent], orders: list[Any], replaced: ClientOrderId | None = None) -> Refused | None:
        if len(self._approved) > APPROVED_KEPT:  # the reader passes over those that are closed
            self._approved = {key: order for key, order in self._approved.items() if not order.is_closed}
        limits = self._limits.current  # one set for the whole decision
        seen = self._reader.snapshot(
            self.clock.timestamp_ns(),
            instrument_ids={order.instrument_id for order in orders},
            limits=limits,
            approved=self._approved.values(),
            replaced=replaced,
            state=self._keeper.in_force.state,
        )
        scope = orders[0].client_order_id.value
        verdict = evaluate(seen, TradeIntent(scope=scope, orders=tuple(intents)), limits)
        if isinstance(verdict, Refused):
            return verdict
        for order in orders:
            self._news.passed(order.instrument_id.value)
        return None

    def _refuse(self, refused: Refused, orders: list[Any]) -> None:
        """Deny every order that was not sent, in Nautilus' own way, and tell of it."""
        for order in orders:
            if order.status not in _UNSENT or order.client_order_id in self._approved or not self._is_own(order):
                continue  # the order of this id lives on: only this sending of it is refused
            if not self.cache.order_exists(order.client_order_id):
                self.cache.add_order(order)
            denied = OrderDenied(
                trader_id=order.trader_id,
                strategy_id=order.strategy_id,
                instrument_id=order.instrument_id,
                client_order_id=order.client_order_id,
                reason=_words(refused),
                event_id=UUID4(),
                ts_init=self.clock.timestamp_ns(),
            )
            self.msgbus.send(endpoint="ExecEngine.process", msg=denied)
        if orders:
            self._tell(refused, orders[0].client_order_id.value, orders[0].instrument_id.value)

    def _refuse_modification(self, command: Any, order: Any | None, refused: Refused) -> None:
        if order is not None:
            self._risk_engine._reject_modify_order(order, _words(refused))
        self._tell(refused, command.client_order_id.value, command.instrument_id.value)

    def _tell(self, refused: Refused, scope: str, instrument_id: str) -> None:
        """Publish every refusal; log the first of its kind since the instrument last passed."""
        if self._news.is_new(instrument_id, refused.reason):
            self.log.warning(f"refused {scope}: {_words(refused)}")
        message = RiskRefused(
            scope=scope,
            reason=refused.reason,
            detail=refused.detail,
            limit=refused.limit,
            value=refused.value,
            ts_ns=self.clock.timestamp_ns(),
        )
        self.msgbus.publish(topic=topics.RISK_REFUSED, msg=message)

    def _intent(self, order: Any, left: Decimal | None = None, price_usd: Decimal | None = None) -> OrderIntent:
        instrument_id = order.instrument_id
        return OrderIntent(
            instrument_id=instrument_id.value,
            venue=instrument_id.venue.value,
            side=Side.BUY if order.is_buy else Side.SELL,
            quantity=order.quantity.as_decimal() if left is None else left,
            price_usd=_price(order) if price_usd is None else price_usd,
            reduce_only=order.is_reduce_only,
            is_flatten=self._keeper.is_flatten(order),
        )


def _orders(command: Any) -> list[Any]:
    return [command.order] if isinstance(command, SubmitOrder) else list(command.order_list.orders)


def _without_permit(*keys: ClientOrderId) -> Refused:
    names = ", ".join(key.value for key in keys)
    return Refused(reason="NO_PERMIT", detail=f"{names} came to the execution engine without having passed the rules")


def _words(refused: Refused) -> str:
    return f"{refused.reason}: {refused.detail}"


def _asks_more(command: Any, order: Any) -> bool:
    is_larger = command.quantity is not None and command.quantity > order.quantity
    is_retriggered = command.trigger_price is not None
    return is_larger or is_retriggered or (command.price is not None and command.price != order.price)


def _price(order: Any) -> Any:
    return order.price.as_decimal() if order.has_price else None
