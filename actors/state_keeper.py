"""Keeps the trading state at the gate: hears what sources ask, and says when what is in force changes."""

from decimal import Decimal
from typing import Any

from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import CancelOrder
from nautilus_trader.model.enums import InstrumentClass

from messages import Alert, Command, OperatorCommand, Severity, Side, StateChange, StateRequest, TradingState, topics
from risk.checks import reduces
from risk.reading import asset_of, net_quantity
from risk.state import ZERO
from risk.trading import HeldLeg, InForce, TradingControl, flatten_tag, naked_assets

_ALERTS = {
    TradingState.RUNNING: (Severity.INFO, "TradingResumed"),
    TradingState.REDUCE_ONLY: (Severity.WARNING, "TradingReduceOnly"),
    TradingState.CLOSE_ONLY: (Severity.WARNING, "TradingCloseOnly"),
    TradingState.HALTED: (Severity.CRITICAL, "TradingHalted"),
}


class StateKeeper:
    """The one holder of the trading state; `actor` is the Nautilus actor whose bus, cache, clock and log it uses."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor
        self._control = TradingControl()
        self._flatten_tag: str | None = None
        self.in_force: InForce = self._control.in_force(())

    def listen(self) -> None:
        """Hear requests and commands, and positions: a halt waits while a leg is naked."""
        bus = self._actor.msgbus
        bus.subscribe(topic=topics.STATE_REQUEST, handler=self._on_request)
        bus.subscribe(topic=topics.OPERATOR_COMMAND, handler=self._on_command)
        bus.subscribe(topic="events.position.*", handler=self._on_position)

    def say(self) -> None:
        """Publish what is in force, for those who could not hear it before."""
        self._review()
        self._publish()

    def is_flatten(self, order: Any) -> bool:
        """Return whether an order carries the flatten command that an operator gave last."""
        return self._flatten_tag is not None and self._flatten_tag in (order.tags or ())

    def _on_request(self, request: StateRequest) -> None:
        self._control.take(request)
        self._review()

    def _on_command(self, command: OperatorCommand) -> None:
        if command.command is Command.FLATTEN:
            self._flatten_tag = flatten_tag(command)
        elif command.command is Command.RESUME:
            self._flatten_tag = None

    def _on_position(self, _event: object) -> None:
        strictest = self._control.strictest
        if strictest is not None and strictest.state is TradingState.HALTED:
            self._review()

    def _review(self) -> None:
        before, self.in_force = self.in_force, self._control.in_force(self._naked())
        state, now_ns = self.in_force.state, self._actor.clock.timestamp_ns()
        if state is before.state:
            return
        words = f"{self.in_force.source}: {self.in_force.reason}"
        self._actor.log.warning(f"trading is {state.value}, {words}")
        self._publish()
        severity, name = _ALERTS[state]
        alert = Alert(severity=severity, name=name, detail=words, ts_ns=now_ns)
        self._actor.msgbus.publish(topic=topics.ALERT, msg=alert)
        if before.state is TradingState.RUNNING:
            self._take_back()

    def _take_back(self) -> None:
        """Cancel what rests and would add to a position: a fill is no less an addition for having been asked before."""
        cache, clock = self._actor.cache, self._actor.clock
        claimed: dict[Any, Decimal] = {}  # by orders that reduce: together they must not flip either
        for order in cache.orders_open():
            if order.is_reduce_only or order.is_pending_cancel:
                continue
            side, leaves, key = Side.BUY if order.is_buy else Side.SELL, order.leaves_qty.as_decimal(), order.instrument_id
            if reduces(net_quantity(cache, key), side, leaves, claimed.get(key, ZERO)):
                claimed[key] = claimed.get(key, ZERO) + leaves
                continue
            cancel = CancelOrder(
                order.trader_id,
                order.strategy_id,
                order.instrument_id,
                order.client_order_id,
                order.venue_order_id,
                UUID4(),
                clock.timestamp_ns(),
            )
            self._actor.msgbus.send(endpoint="ExecEngine.execute", msg=cancel)

    def _publish(self) -> None:
        found, now_ns = self.in_force, self._actor.clock.timestamp_ns()
        change = StateChange(state=found.state, source=found.source, reason=found.reason, ts_ns=now_ns)
        self._actor.msgbus.publish(topic=topics.TRADING_STATE, msg=change)

    def _naked(self) -> tuple[str, ...]:
        cache = self._actor.cache
        held = [(position, cache.instrument(position.instrument_id)) for position in cache.positions_open()]
        return naked_assets(
            HeldLeg(
                asset=asset_of(position.instrument_id), quantity=position.signed_decimal_qty(), smallest=_smallest(instrument)
            )
            for position, instrument in held
            if instrument is None or instrument.instrument_class != InstrumentClass.SPOT  # coins in a wallet are no leg
        )


def _smallest(instrument: Any | None) -> Any:
    return ZERO if instrument is None else (instrument.min_quantity or instrument.size_increment).as_decimal()
