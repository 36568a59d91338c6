"""The two legs of a pair as a pure state machine: events in, actions out; no order is ever sent twice.

Both legs start at once as takers. When every order is over, the legs are compared: equal ones are
done; of unequal ones the smaller is completed a bounded number of times, at prices bounded by the
plan, and after that the larger is reduced to match. An order without an end is waited for: it may
yet fill, so it is neither repeated nor taken for nothing.

    start ── both legs sent ──> all orders over? ── no ──> wait (after a while: in doubt)
                                      │ yes
                  equal ──> done: HEDGED or FLAT
                  unequal ──> complete the smaller (opening, bounded) ──> reduce the larger
                                                          exhausted ──> done: HALTED
"""

from collections.abc import Iterator
from decimal import Decimal

from messages import Intent, LegState, Outcome, Side
from strategies.pair_plan import (
    Accepted,
    Action,
    Cancel,
    Canceled,
    Done,
    Doubt,
    Event,
    Filled,
    LegRequest,
    OrderRecord,
    PairPlan,
    Policy,
    Rejected,
    Submit,
    Tick,
)
from strategies.sizing import ZERO, round_down

LETTERS = "AB"


class PairMachine:
    """Runs one `PairPlan`; the times it is given are the only clock it knows."""

    def __init__(self, plan: PairPlan, policy: Policy) -> None:
        self.plan, self._policy = plan, policy
        self.orders: dict[str, OrderRecord] = {}
        self.done: Done | None = None
        self._attempts, self._reductions = [0, 0], [0, 0]
        self._retries = 0
        self._not_before_ns = 0

    def start(self, now_ns: int) -> tuple[Action, ...]:
        """Return the first orders, of both legs at once."""
        if self._attempts != [0, 0] or self.done is not None:
            raise RuntimeError(f"{self.plan.pair_id} has been started before")
        if self.plan.intent is Intent.CLOSE:
            return self._next(now_ns)
        slippage_bps = self._policy.max_slippage_bps
        quantities = [leg.target - leg.held for leg in self.plan.legs]
        requests = [self._increase(i, q, slippage_bps) for i, q in enumerate(quantities) if self._can_increase(i, q)]
        if len(requests) < len(self.plan.legs):
            return self._finish(Outcome.HALTED if self.delta else self._matched, "a leg is below its venue's minimum")
        return self._send(requests, now_ns)

    def handle(self, event: Event, now_ns: int) -> tuple[Action, ...]:
        """Take an event in and return what is to be done now; events of unknown orders are ignored."""
        if isinstance(event, Tick):
            return (*self._doubts(now_ns), *self._next(now_ns))
        order = self.orders.get(event.client_order_id)
        if order is None:
            return ()
        was_over = order.is_over
        match event:
            case Accepted():
                order.accept()
            case Filled():
                order.fill(event)
            case Canceled():
                order.end(LegState.CANCELED, event.filled, "")
            case Rejected():
                order.end(LegState.REJECTED, ZERO, event.reason)
        if order.is_over and not was_over:
            self._on_over(order, now_ns)
        return self._next(now_ns)

    def wants(self, client_order_id: str) -> bool:
        """Return whether an order not sent yet is still wanted: an opening leg is not once another was refused."""
        order = self.orders[client_order_id]
        refused = any(other.state is LegState.REJECTED for other in self.orders.values())
        return not order.is_over and (order.request.reduce_only or not refused)

    def position(self, leg: int) -> Decimal:
        """Return a leg's signed position in base units, counting every fill seen."""
        plan = self.plan.legs[leg]
        orders = (order for order in self.orders.values() if order.request.leg == leg)
        return plan.direction.sign * plan.held + sum((o.request.side.sign * o.filled for o in orders), ZERO)

    @property
    def delta(self) -> Decimal:
        """The two legs together, signed, in base units: what is not hedged."""
        return self.position(0) + self.position(1)

    @property
    def _matched(self) -> Outcome:
        """How legs that match have ended: flat where neither is worth an order."""
        rests = ((abs(self.position(leg)), self.plan.legs[leg]) for leg in (0, 1))
        is_flat = all(plan.rules.is_too_small(rest, plan.reference_price_usd) for rest, plan in rests)
        return Outcome.FLAT if is_flat else Outcome.HEDGED

    def _next(self, now_ns: int) -> tuple[Action, ...]:
        """Decide, once every order is over and no pause is running."""
        is_waiting = now_ns < self._not_before_ns or any(not order.is_over for order in self.orders.values())
        if self.done is not None or is_waiting:
            return ()
        return self._next_closing(now_ns) if self.plan.intent is Intent.CLOSE else self._next_opening(now_ns)

    def _next_opening(self, now_ns: int) -> tuple[Action, ...]:
        larger = max((0, 1), key=lambda leg: self.position(leg) * self.delta)
        smaller, gap = 1 - larger, abs(self.delta)
        if self._is_dust(larger, gap):
            return self._finish(self._matched, self._reason())
        # Never beyond the plan, however large the other leg has become.
        missing = min(gap, self.plan.legs[smaller].target - abs(self.position(smaller)))
        if self._retries < self._policy.max_retries and not self._was_refused(smaller) and self._can_increase(smaller, missing):
            self._retries += 1
            slippage_bps = self._policy.max_slippage_bps + self._retries * self._policy.retry_slippage_bps
            return self._send([self._increase(smaller, missing, slippage_bps)], now_ns)
        return self._reduce({larger: gap}, now_ns)

    def _next_closing(self, now_ns: int) -> tuple[Action, ...]:
        surplus = {leg: self._surplus(leg) for leg in (0, 1)}
        wanted = {leg: quantity for leg, quantity in surplus.items() if not self._is_dust(leg, quantity)}
        if not wanted:
            return self._finish(self._matched, self._reason())
        if all(self._has_reduction(leg) for leg in wanted):
            return self._reduce(wanted, now_ns)
        # One leg will not shrink any further: the other may only follow down to it.
        larger, gap = max((0, 1), key=lambda leg: self.position(leg) * self.delta), abs(self.delta)
        if self._is_dust(larger, gap):
            return self._finish(self._matched, "stopped at equal legs: no attempt to reduce is left")
        return self._reduce({larger: gap}, now_ns)

    def _surplus(self, leg: int) -> Decimal:
        """Return how far a leg is beyond its target; a position on the wrong side is surplus as a whole."""
        plan, position = self.plan.legs[leg], self.position(leg)
        is_wrong_side = position * plan.direction.sign < 0
        return abs(position) if is_wrong_side else max(ZERO, abs(position) - plan.target)

    def _reduce(self, quantities: dict[int, Decimal], now_ns: int) -> tuple[Action, ...]:
        """Send reducing orders for these legs, or give up where one has no attempt left."""
        if not all(self._has_reduction(leg) for leg in quantities):
            return self._finish(Outcome.HALTED, "no attempt to reduce is left")
        for leg in quantities:
            self._reductions[leg] += 1
        return self._send([self._reduction(leg, quantity) for leg, quantity in quantities.items()], now_ns)

    def _has_reduction(self, leg: int) -> bool:
        return self._reductions[leg] < self._policy.max_reductions

    def _on_over(self, order: OrderRecord, now_ns: int) -> None:
        # A reduction that found nothing is tried again after a pause: the market may need a moment.
        if order.request.reduce_only and order.filled == 0:
            self._not_before_ns = now_ns + self._policy.reduce_delay_ns * self._reductions[order.request.leg]

    def _doubts(self, now_ns: int) -> Iterator[Action]:
        for key, order in self.orders.items():
            is_late = now_ns - order.sent_ns >= self._policy.in_doubt_after_ns
            if is_late and not order.is_over and order.state is not LegState.IN_DOUBT:
                if order.state is not LegState.PENDING:
                    yield Cancel(key)
                order.state = LegState.IN_DOUBT
                yield Doubt(key)

    def _was_refused(self, leg: int) -> bool:
        return any(o.state is LegState.REJECTED and o.request.leg == leg for o in self.orders.values())

    def _is_dust(self, leg: int, quantity: Decimal) -> bool:
        """Return whether a venue would not take a reduction of this size: too fine, or below its notional and refused."""
        plan = self.plan.legs[leg]
        if not plan.rules.is_sendable(round_down(quantity, plan.rules.size_step)):
            return True
        is_small = quantity * plan.reference_price_usd < plan.rules.min_notional_usd
        reductions = (o for o in self.orders.values() if o.request.leg == leg and o.request.reduce_only)
        return is_small and any(o.state is LegState.REJECTED for o in reductions)

    def _can_increase(self, leg: int, quantity: Decimal) -> bool:
        plan = self.plan.legs[leg]
        return not plan.rules.is_too_small(round_down(max(quantity, ZERO), plan.rules.size_step), plan.reference_price_usd)

    def _increase(self, leg: int, quantity: Decimal, slippage_bps: Decimal) -> LegRequest:
        plan = self.plan.legs[leg]
        return LegRequest(
            leg=leg,
            client_order_id=self._client_order_id(leg),
            side=plan.direction,
            quantity=round_down(quantity, plan.rules.size_step),
            reference_price_usd=plan.reference_price_usd,
            slippage_bps=slippage_bps,
            reduce_only=False,
        )

    def _reduction(self, leg: int, quantity: Decimal) -> LegRequest:
        step = self._policy.reduce_slippage_bps * self._reductions[leg]
        return LegRequest(
            leg=leg,
            client_order_id=self._client_order_id(leg),
            side=Side.SELL if self.position(leg) > 0 else Side.BUY,
            quantity=round_down(quantity, self.plan.legs[leg].rules.size_step),
            reference_price_usd=None,
            slippage_bps=min(step, self._policy.reduce_slippage_bps_max),
            reduce_only=True,
        )

    def _client_order_id(self, leg: int) -> str:
        self._attempts[leg] += 1
        return f"{self.plan.pair_id}-{LETTERS[leg]}{self._attempts[leg]}"

    def _send(self, requests: list[LegRequest], now_ns: int) -> tuple[Action, ...]:
        for request in requests:
            self.orders[request.client_order_id] = OrderRecord(request, now_ns)
        return (Submit(tuple(requests)),)

    def _finish(self, outcome: Outcome, reason: str) -> tuple[Action, ...]:
        rests = [self.position(0), self.position(1)]
        has_dust = self.delta != 0 if outcome is Outcome.HEDGED else outcome is Outcome.FLAT and rests != [0, 0]
        dust = f"; dust left: {rests[0]} and {rests[1]}" if has_dust else ""
        self.done = Done(outcome, reason + dust)
        return (self.done,)

    def _reason(self) -> str:
        refusals = [order.reason for order in self.orders.values() if order.state is LegState.REJECTED]
        return "; ".join(filter(None, refusals)) or "complete"
