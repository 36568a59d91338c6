"""Runs pair machines: their intents are committed, then become orders through a port; what happens goes back to them."""

from collections import deque
from decimal import Decimal
from typing import Protocol

import msgspec

from messages import LegOrder, LegState, Severity
from strategies.journal import Journal
from strategies.pair import PairMachine
from strategies.pair_commit import Commitments
from strategies.pair_log import read_back
from strategies.pair_news import Bus, PairNews
from strategies.pair_orders import (
    Accepted,
    Action,
    Cancel,
    Canceled,
    Done,
    Doubt,
    Event,
    Filled,
    OrderEvent,
    Rejected,
    Submit,
    Tick,
    WindUp,
)
from strategies.pair_plan import PairPlan, Policy
from strategies.pair_pricing import Prices, leg_order, resting_usd
from strategies.pair_recovery import OrderAnswer, Recovery, Venues

_REMEMBERED_ORDERS = 1_000
SETTLE_NS = 5_000_000_000  # after which an order of an earlier process is void: its expiry, and clocks that differ


class Port(Bus, Prices, Venues, Protocol):
    """What the executor needs of the strategy that owns the orders."""

    def submit(self, order: LegOrder) -> None:
        """Send an order; raise ValueError if it cannot be built, in which case nothing was sent."""
        ...

    def cancel(self, client_order_id: str) -> None:
        """Ask for an order's cancellation."""
        ...

    def recall(self, client_order_id: str) -> OrderEvent | None:
        """Return how an order of this process has ended by our own books, None where they have it open or not at all."""
        ...

    def on_done(self, machine: PairMachine, done: Done) -> None:
        """A pair order is over."""
        ...


class PairExecutor:
    """Any number of pair orders at a time, each an own machine.

    Events that arrive while actions are performed (an order may be denied inside the very call that
    submits it) wait in an inbox, so a machine is never re-entered.
    """

    def __init__(self, port: Port, policy: Policy, journal: Journal, settle_ns: int = SETTLE_NS) -> None:
        self._port, self._policy, self._settle_ns = port, policy, settle_ns
        self._news = PairNews(port)
        self._commitments = Commitments(journal, self._news, port.now_ns)
        self._active: dict[str, PairMachine] = {}
        self._recoveries: dict[str, Recovery] = {}
        self._machines: dict[str, PairMachine] = {}  # by client order id, finished ones for late fills
        self._inbox: deque[tuple[PairMachine, Event | None]] = deque()
        self._is_running = False

    @property
    def active(self) -> tuple[PairMachine, ...]:
        """The machines that are not done."""
        return tuple(self._active.values())

    def is_busy(self, asset: str) -> bool:
        """Return whether a pair order of the asset is under way."""
        return any(machine.plan.asset == asset for machine in self._active.values())

    # What happens to it.

    def start(self, plan: PairPlan) -> None:
        """Begin a pair order; raise RuntimeError where the asset has one under way."""
        if self.is_busy(plan.asset):
            raise RuntimeError(f"{plan.asset} has a pair order under way, {plan.pair_id} must wait")
        self._commitments.begin(plan)
        machine = PairMachine(plan, self._policy)
        self._active[plan.pair_id] = machine
        self._inbox.append((machine, None))
        self._run()

    def recover(self) -> tuple[PairMachine, ...]:
        """Take up every pair that the journal has no end of, and return them; ticks and answers bring them to one."""
        now_ns, found = self._port.now_ns(), []
        for record in self._commitments.unfinished():
            try:
                plan, log = read_back(record)
            except (msgspec.MsgspecError, ValueError) as e:
                detail = f"{record.pair_id} cannot be read: what is left of it shows in the positions; {e}"
                self._news.alert(Severity.CRITICAL, "JournalUnreadable", detail)
                self._commitments.end(record.pair_id, None)
                continue
            machine = PairMachine(plan, self._policy)
            machine.restore(log, now_ns)
            self._active[plan.pair_id] = machine
            self._recoveries[plan.pair_id] = Recovery(machine, self._port, now_ns, self._settle_ns)
            self._machines.update(dict.fromkeys(machine.orders, machine))
            self._news.alert(Severity.WARNING, "PairRestored", f"{plan.pair_id} was under way when an earlier run ended")
            for key in machine.orders:
                self._news.leg(machine, key)
            found.append(machine)
        return tuple(found)

    def handle(self, client_order_id: str, event: OrderEvent) -> None:
        """Take in what happened to an order; orders of others are ignored."""
        machine = self._machines.get(client_order_id)
        if machine is not None:
            self._inbox.append((machine, event))
            self._run()

    def answer(self, answer: OrderAnswer) -> None:
        """Take in what a venue said of an order it was asked about."""
        machine = self._machines.get(answer.client_order_id)
        recovery = None if machine is None else self._recoveries.get(machine.plan.pair_id)
        event = None if recovery is None else recovery.answer(answer)
        if event is not None:
            self.handle(answer.client_order_id, event)

    def tick(self) -> None:
        """Let time pass for all machines."""
        now_ns = self._port.now_ns()
        for machine in self.active:
            recovery = self._recoveries.get(machine.plan.pair_id)
            observed = None if recovery is None else recovery.tick(now_ns)
            if observed is not None:  # from here on its orders are this process' own
                del self._recoveries[machine.plan.pair_id]
            self._inbox.extend((machine, event) for event in self._recalled(machine))
            self._inbox.append((machine, observed or Tick(self._passive_usd(machine))))
        self._run()

    def _recalled(self, machine: PairMachine) -> list[OrderEvent]:
        """Return the ends of orders in doubt that our books know and that we have not been told of."""
        doubtful = (key for key, order in machine.orders.items() if order.state is LegState.IN_DOUBT)
        return [event for key in doubtful if (event := self._port.recall(key)) is not None]

    def wind_up(self) -> None:
        """Open nothing more: pairs that are being opened end at what is hedged, a close goes on."""
        self._inbox.extend((machine, WindUp()) for machine in self.active)
        self._run()

    def _passive_usd(self, machine: PairMachine) -> Decimal | None:
        resting = machine.resting
        return None if resting is None else resting_usd(machine.plan.legs[resting.leg], resting, self._port)

    def _run(self) -> None:
        if self._is_running:
            return
        self._is_running = True
        try:
            while self._inbox:
                machine, event = self._inbox.popleft()
                for action in self._step(machine, event):
                    self._perform(machine, action)
            self._commitments.flush()
        finally:
            self._is_running = False

    def _step(self, machine: PairMachine, event: Event | None) -> tuple[Action, ...]:
        now_ns = self._port.now_ns()
        actions = machine.start(now_ns) if event is None else machine.handle(event, now_ns)
        if isinstance(event, Accepted | Filled | Canceled | Rejected):
            if isinstance(event, Filled):
                self._news.watch.on_fill(machine, event.client_order_id, now_ns)
            self._commitments.note(machine.plan.pair_id, event)
            self._news.leg(machine, event.client_order_id)
        return actions

    # What it does.

    def _perform(self, machine: PairMachine, action: Action) -> None:
        match action:
            case Submit():
                self._submit(machine, action)
            case Cancel():
                self._port.cancel(action.client_order_id)
            case Doubt():
                self._news.leg(machine, action.client_order_id)
                detail = f"{action.client_order_id} has not been heard of; its venue is asked, nothing is sent again"
                self._news.alert(Severity.WARNING, "LegInDoubt", detail)
            case Done():
                self._end(machine, action)

    def _submit(self, machine: PairMachine, submit: Submit) -> None:
        plan = machine.plan
        orders = [leg_order(plan, request, self._port) for request in submit.requests]
        self._remember(machine, orders)
        refusals = self._commitments.commit(plan.pair_id, submit)
        self._news.pair_order(machine, orders)
        for order in orders:
            self._news.leg(machine, order.client_order_id)
        postponed: list[Action] = []
        for order in orders:
            postponed += self._absorb(machine)
            reason = refusals.get(order.client_order_id)
            if reason is None and not machine.wants(order.client_order_id):
                reason = "WITHHELD: the other leg was refused"
            if reason is None:
                reason = self._send(machine, order)
            if reason is not None:
                self._inbox.append((machine, Rejected(order.client_order_id, reason)))
        self._commitments.reserve(plan.pair_id, submit)
        for action in postponed:
            self._perform(machine, action)

    def _send(self, machine: PairMachine, order: LegOrder) -> str | None:
        """Send an order; return why it cannot be sent."""
        try:
            self._port.submit(order)
        except ValueError as e:
            return f"UNSENDABLE: {e}"
        self._news.watch.on_sent(machine, order.client_order_id, self._port.now_ns())
        return None

    def _absorb(self, machine: PairMachine) -> list[Action]:
        """Let a machine hear at once what has happened to its orders, before the next one is sent; return what it wants."""
        wanted: list[Action] = []
        waiting = list(self._inbox)
        self._inbox.clear()
        for other, event in waiting:
            if other is machine and isinstance(event, Accepted | Filled | Canceled | Rejected):
                wanted += self._step(machine, event)
            else:
                self._inbox.append((other, event))
        return wanted

    def _end(self, machine: PairMachine, done: Done) -> None:
        pair_id = machine.plan.pair_id
        del self._active[pair_id]
        self._recoveries.pop(pair_id, None)
        result = self._news.result(machine, done)
        self._commitments.end(pair_id, result)
        self._news.ended(machine, result)
        self._port.on_done(machine, done)

    def _remember(self, machine: PairMachine, orders: list[LegOrder]) -> None:
        for order in orders:
            machine.orders[order.client_order_id].limit_price_usd = order.limit_price_usd
            self._machines[order.client_order_id] = machine
        finished = [key for key, known in self._machines.items() if known.done is not None]
        for key in finished[: max(0, len(self._machines) - _REMEMBERED_ORDERS)]:
            del self._machines[key]
            self._news.forget(key)
