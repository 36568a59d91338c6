"""What an executor tells everybody else: how each leg stands, how a pair ended, what a person should look at."""

from typing import Protocol

import msgspec

from messages import Alert, LegOrder, LegState, LegUpdate, PairOrder, PairResult, Severity, topics
from strategies.pair import PairMachine
from strategies.pair_orders import Done
from strategies.pair_watch import PairWatch


class Bus(Protocol):
    """Where messages go, and the time they carry."""

    def now_ns(self) -> int:
        """Return the time."""
        ...

    def publish(self, topic: str, message: msgspec.Struct) -> None:
        """Put a message on the bus."""
        ...


class PairNews:
    """Publishes, each state of a leg once."""

    def __init__(self, bus: Bus) -> None:
        self.watch = PairWatch()
        self._bus = bus
        self._told: dict[str, tuple[LegState, object]] = {}

    def pair_order(self, machine: PairMachine, orders: list[LegOrder]) -> None:
        """Announce orders that belong together."""
        plan = machine.plan
        order = PairOrder(
            pair_id=plan.pair_id, asset=plan.asset, intent=plan.intent, legs=tuple(orders), ts_ns=self._bus.now_ns()
        )
        self._bus.publish(topics.PAIR_ORDER, order)

    def leg(self, machine: PairMachine, client_order_id: str) -> None:
        """Tell how an order stands, if that is news."""
        order = machine.orders[client_order_id]
        if self._told.get(client_order_id) == (order.state, order.filled):
            return
        self._told[client_order_id] = (order.state, order.filled)
        leg = machine.plan.legs[order.request.leg]
        self._bus.publish(
            topics.LEG_UPDATE,
            LegUpdate(
                pair_id=machine.plan.pair_id,
                venue=leg.venue,
                instrument_id=leg.instrument_id,
                client_order_id=client_order_id,
                state=order.state,
                side=order.request.side,
                filled_quantity=order.filled,
                average_price_usd=order.average_price_usd,
                reason=order.reason,
                ts_ns=self._bus.now_ns(),
            ),
        )

    def forget(self, client_order_id: str) -> None:
        """An order will not be spoken of again."""
        self._told.pop(client_order_id, None)

    def result(self, machine: PairMachine, done: Done) -> PairResult:
        """Return how a pair ended; the caller keeps it before it is told."""
        plan = machine.plan
        return PairResult(
            pair_id=plan.pair_id,
            asset=plan.asset,
            intent=plan.intent,
            outcome=done.outcome,
            is_clean=machine.is_clean and machine.is_fulfilled,
            unhedged_quantity=machine.delta,
            naked_usd_secs=machine.book.naked_usd_secs,
            reason=done.reason,
            ts_ns=self._bus.now_ns(),
            leg_gap_ms=self.watch.take_gap_ms(machine),
        )

    def ended(self, machine: PairMachine, result: PairResult) -> None:
        """Tell how a pair ended, and a person where its legs do not match."""
        self._bus.publish(topics.PAIR_RESULT, result)
        if machine.is_halted:
            what = f"{result.pair_id}: {result.unhedged_quantity} {result.asset} unhedged, {result.reason}"
            self.alert(Severity.CRITICAL, "PairHalted", f"{what}; repairs go on, look at both venues")

    def alert(self, severity: Severity, name: str, detail: str) -> None:
        """Tell a person."""
        self._bus.publish(topics.ALERT, Alert(severity=severity, name=name, detail=detail, ts_ns=self._bus.now_ns()))
