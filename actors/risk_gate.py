"""The door every order passes: the project's rules in front of Nautilus' own RiskEngine."""

from typing import Any

from nautilus_trader.common.actor import Actor
from nautilus_trader.config import ActorConfig
from nautilus_trader.execution.messages import ModifyOrder, SubmitOrder, SubmitOrderList
from nautilus_trader.model.identifiers import ClientOrderId

from messages import RiskRefused, Side, topics
from risk.checks import Refused, evaluate
from risk.limits import Limits
from risk.reading import Reports, snapshot
from risk.state import OrderIntent, TradeIntent

ENDPOINT = "RiskEngine.execute"


class RiskGate(Actor):  # type: ignore[misc]  # Nautilus' classes have no stubs
    """Stand in front of the RiskEngine for the life of the process, and deny natively what a rule refuses.

    Nothing is unhooked on stop: the trader stops actors before strategies, and what a strategy sends
    in its own `on_stop` has to pass here as well.
    """

    def __init__(self, engine: Any, limits: Limits) -> None:
        super().__init__(ActorConfig(component_id="RISK-GATE"))
        self._engine, self._limits = engine, limits
        self._reports = Reports()
        self._approved: dict[ClientOrderId, Any] = {}
        self._is_listening = False

    def listen(self) -> None:
        """Take over the RiskEngine's endpoint and hear the venues' reports, from now on and once."""
        if self._is_listening:
            return
        self._is_listening = True
        self.msgbus.subscribe(topic=topics.ACCOUNT_HEALTH, handler=self._reports.on_account_health)
        self.msgbus.subscribe(topic=topics.VENUE_STATUS, handler=self._reports.on_venue_status)
        self.msgbus.deregister(ENDPOINT, self._engine.execute)
        self.msgbus.register(ENDPOINT, self._execute)

    def on_start(self) -> None:
        """Listen, should nobody have asked for it before."""
        self.listen()

    def on_stop(self) -> None:
        """Stay in front of the engine."""

    def _execute(self, command: Any) -> None:
        if isinstance(command, SubmitOrder):
            self._submit(command, [command.order])
        elif isinstance(command, SubmitOrderList):
            self._submit(command, list(command.order_list.orders))
        elif isinstance(command, ModifyOrder):
            self._modify(command)
        else:
            self._engine.execute(command)

    def _submit(self, command: Any, orders: list[Any]) -> None:
        scope = orders[0].client_order_id.value
        refused = self._judge(scope, [_intent(order) for order in orders], orders)
        if refused is None:
            self._approved.update({order.client_order_id: order for order in orders})
            self._engine.execute(command)
        else:
            self._engine._deny_command(command, _words(refused))

    def _modify(self, command: Any) -> None:
        """Judge a replacement as the new order that it is: larger or at another price, instead of the old one."""
        order = self.cache.order(command.client_order_id)
        if order is not None and _asks_more(command, order):
            quantity = order.quantity if command.quantity is None else command.quantity
            price = _price(order) if command.price is None else command.price.as_decimal()
            left = quantity.as_decimal() - order.filled_qty.as_decimal()
            intent = _intent(order, quantity=left, price_usd=price)
            refused = self._judge(order.client_order_id.value, [intent], [order], replaced=order.client_order_id)
            if refused is not None:
                self._engine._reject_modify_order(order, _words(refused))
                return
        self._engine.execute(command)

    def _judge(
        self, scope: str, intents: list[OrderIntent], orders: list[Any], replaced: ClientOrderId | None = None
    ) -> Refused | None:
        self._approved = {key: order for key, order in self._approved.items() if not order.is_closed}
        now_ns = self.clock.timestamp_ns()
        seen = snapshot(
            self.cache,
            self._reports,
            now_ns,
            instrument_ids={order.instrument_id for order in orders},
            approved=self._approved.values(),
            replaced=replaced,
        )
        verdict = evaluate(seen, TradeIntent(scope=scope, orders=tuple(intents)), self._limits)
        if not isinstance(verdict, Refused):
            return None
        self.log.warning(f"refused {scope}: {_words(verdict)}")
        self.msgbus.publish(
            topic=topics.RISK_REFUSED,
            msg=RiskRefused(
                scope=scope, reason=verdict.reason, detail=verdict.detail, limit=verdict.limit, value=verdict.value, ts_ns=now_ns
            ),
        )
        return verdict


def _words(refused: Refused) -> str:
    return f"{refused.reason}: {refused.detail}"


def _asks_more(command: Any, order: Any) -> bool:
    is_larger = command.quantity is not None and command.quantity > order.quantity
    return is_larger or (command.price is not None and command.price != order.price)


def _price(order: Any) -> Any:
    return order.price.as_decimal() if order.has_price else None


def _intent(order: Any, **changes: Any) -> OrderIntent:
    values = {
        "instrument_id": order.instrument_id.value,
        "venue": order.instrument_id.venue.value,
        "side": Side.BUY if order.is_buy else Side.SELL,
        "quantity": order.quantity.as_decimal(),
        "price_usd": _price(order),
        "reduce_only": order.is_reduce_only,
    }
    return OrderIntent(**(values | changes))
