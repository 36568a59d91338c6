"""Runs pair machines: their actions become orders through a port, and what happens to orders goes back to them."""

from collections import deque
from decimal import Decimal
from typing import Protocol

import msgspec

from messages import LegOrder, LegState, LegUpdate, OrderKind, PairOrder, Side, TimeInForce, topics
from strategies.pair import PairMachine
from strategies.pair_orders import Action, Cancel, Done, Doubt, Event, LegRequest, Observed, Rejected, Submit, Tick
from strategies.pair_plan import PairPlan, Policy
from strategies.sizing import limit_price_usd

_REMEMBERED_ORDERS = 1_000


class Port(Protocol):
    """What the executor needs of the strategy that owns the orders."""

    def now_ns(self) -> int:
        """Return the time."""
        ...

    def best_price_usd(self, instrument_id: str, side: Side) -> Decimal | None:
        """Return the best price a taker on `side` gets now, None if unknown."""
        ...

    def submit(self, order: LegOrder) -> None:
        """Send an order; raise ValueError if it cannot be built, in which case nothing was sent."""
        ...

    def cancel(self, client_order_id: str) -> None:
        """Ask for an order's cancellation."""
        ...

    def publish(self, topic: str, message: msgspec.Struct) -> None:
        """Put a message on the bus."""
        ...

    def on_done(self, machine: PairMachine, done: Done) -> None:
        """A pair order is over."""
        ...


class PairExecutor:
    """Any number of pair orders at a time, each an own machine.

    Events that arrive while actions are performed (an order may be denied inside the very call that
    submits it) wait in an inbox, so a machine is never re-entered.
    """

    def __init__(self, port: Port, policy: Policy) -> None:
        self._port, self._policy = port, policy
        self._active: dict[str, PairMachine] = {}
        self._machines: dict[str, PairMachine] = {}  # by client order id, finished ones for late fills
        self._told: dict[str, tuple[LegState, Decimal]] = {}
        self._inbox: deque[tuple[PairMachine, Event | None]] = deque()
        self._is_running = False

    @property
    def active(self) -> tuple[PairMachine, ...]:
        """The machines that are not done."""
        return tuple(self._active.values())

    def is_busy(self, asset: str) -> bool:
        """Return whether a pair order of the asset is under way."""
        return any(machine.plan.asset == asset for machine in self._active.values())

    def start(self, plan: PairPlan) -> None:
        """Begin a pair order; raise RuntimeError where the asset has one under way."""
        if self.is_busy(plan.asset):
            raise RuntimeError(f"{plan.asset} has a pair order under way, {plan.pair_id} must wait")
        machine = PairMachine(plan, self._policy)
        self._active[plan.pair_id] = machine
        self._inbox.append((machine, None))
        self._run()

    def handle(self, client_order_id: str, event: Event) -> None:
        """Take in what happened to an order; orders of others are ignored."""
        machine = self._machines.get(client_order_id)
        if machine is not None:
            self._inbox.append((machine, event))
            self._run()

    def tick(self) -> None:
        """Let time pass for all machines."""
        self._inbox.extend((machine, Tick()) for machine in self.active)
        self._run()

    def _run(self) -> None:
        if self._is_running:
            return
        self._is_running = True
        try:
            while self._inbox:
                machine, event = self._inbox.popleft()
                for action in self._step(machine, event):
                    self._perform(machine, action)
        finally:
            self._is_running = False

    def _step(self, machine: PairMachine, event: Event | None) -> tuple[Action, ...]:
        now_ns = self._port.now_ns()
        actions = machine.start(now_ns) if event is None else machine.handle(event, now_ns)
        if event is not None and not isinstance(event, Tick | Observed):
            self._tell(machine, event.client_order_id)
        return actions

    def _perform(self, machine: PairMachine, action: Action) -> None:
        match action:
            case Submit():
                self._submit(machine, action)
            case Cancel():
                self._port.cancel(action.client_order_id)
            case Doubt():
                self._tell(machine, action.client_order_id)
            case Done():
                del self._active[machine.plan.pair_id]
                self._port.on_done(machine, action)

    def _submit(self, machine: PairMachine, submit: Submit) -> None:
        orders = [self._leg_order(machine.plan, request) for request in submit.requests]
        pair = machine.plan
        self._port.publish(
            topics.PAIR_ORDER,
            PairOrder(pair_id=pair.pair_id, asset=pair.asset, intent=pair.intent, legs=tuple(orders), ts_ns=self._port.now_ns()),
        )
        self._remember(machine, orders)
        for order in orders:
            self._tell(machine, order.client_order_id)
        for order in orders:
            self._absorb(machine)
            if not machine.wants(order.client_order_id):
                self._inbox.append((machine, Rejected(order.client_order_id, "WITHHELD: the other leg was refused")))
                continue
            try:
                self._port.submit(order)
            except ValueError as e:
                self._inbox.append((machine, Rejected(order.client_order_id, f"UNSENDABLE: {e}")))

    def _absorb(self, machine: PairMachine) -> None:
        """Let a machine hear at once what has happened to the orders just sent, before the next one is."""
        waiting = list(self._inbox)
        self._inbox.clear()
        for other, event in waiting:
            if other is machine and event is not None and not isinstance(event, Tick | Observed):
                # While an order of the batch is still to be sent, the machine has nothing to decide.
                leftover = self._step(machine, event)
                assert not leftover
            else:
                self._inbox.append((other, event))

    def _leg_order(self, plan: PairPlan, request: LegRequest) -> LegOrder:
        leg = plan.legs[request.leg]
        best_usd = request.reference_price_usd
        if best_usd is None:
            best_usd = self._port.best_price_usd(leg.instrument_id, request.side) or leg.reference_price_usd
        return LegOrder(
            venue=leg.venue,
            instrument_id=leg.instrument_id,
            client_order_id=request.client_order_id,
            side=request.side,
            quantity=request.quantity,
            kind=OrderKind.LIMIT,
            limit_price_usd=limit_price_usd(best_usd, request.side, request.slippage_bps, leg.rules.price_step),
            time_in_force=TimeInForce.IOC,
            reduce_only=request.reduce_only,
        )

    def _remember(self, machine: PairMachine, orders: list[LegOrder]) -> None:
        self._machines.update({order.client_order_id: machine for order in orders})
        finished = [key for key, known in self._machines.items() if known.done is not None]
        for key in finished[: max(0, len(self._machines) - _REMEMBERED_ORDERS)]:
            del self._machines[key]
            self._told.pop(key, None)

    def _tell(self, machine: PairMachine, client_order_id: str) -> None:
        """Publish how an order stands, if that is news."""
        order = machine.orders[client_order_id]
        if self._told.get(client_order_id) == (order.state, order.filled):
            return
        self._told[client_order_id] = (order.state, order.filled)
        leg = machine.plan.legs[order.request.leg]
        self._port.publish(
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
                ts_ns=self._port.now_ns(),
            ),
        )
