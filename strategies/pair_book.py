"""What is known of a pair: its orders, both positions as they follow from them, and how much stood unhedged for how long."""

from decimal import Decimal

from messages import Intent, LegState, Outcome, Side
from strategies.pair_orders import LegRequest, OrderRecord
from strategies.pair_plan import PairPlan
from strategies.sizing import ZERO, common_step, round_down

LETTERS = "AB"
NS_PER_SEC = 1_000_000_000


class PairBook:
    """The bookkeeping of one pair; it decides nothing."""

    def __init__(self, plan: PairPlan) -> None:
        self.plan = plan
        self.orders: dict[str, OrderRecord] = {}
        self.step = common_step(*(leg.rules.size_step for leg in plan.legs))
        self.naked_usd_secs = ZERO
        self._start = [leg.direction.sign * leg.held for leg in plan.legs]
        self._attempts = [0, 0]
        self._batches = 0
        self._measured_ns: int | None = None

    # Positions.

    def position(self, leg: int) -> Decimal:
        """Return a leg's signed position in base units, counting every fill seen."""
        orders = (order for order in self.orders.values() if order.request.leg == leg)
        return self._start[leg] + sum((o.request.side.sign * o.filled for o in orders), ZERO)

    def size(self, leg: int) -> Decimal:
        """Return how far a leg's position reaches in the planned direction, negative on the wrong side."""
        return self.position(leg) * self.plan.legs[leg].direction.sign

    @property
    def delta(self) -> Decimal:
        """The two legs together, signed, in base units: what is not hedged."""
        return self.position(0) + self.position(1)

    @property
    def level(self) -> Decimal:
        """The size that both legs have reached."""
        return min(self.size(0), self.size(1))

    @property
    def larger(self) -> int:
        """The leg that would have to shrink for the delta to vanish."""
        return max((0, 1), key=lambda leg: self.position(leg) * self.delta)

    def observe(self, quantities: tuple[Decimal, Decimal]) -> bool:
        """Take the venues' word on both positions for all that was added up; return whether it differs."""
        differs = False
        for leg, quantity in enumerate(quantities):
            differs = differs or quantity != self.position(leg)
            self._start[leg] += quantity - self.position(leg)
        return differs

    def measure(self, now_ns: int) -> None:
        """Add what has stood unhedged since the last call; a clock that went back adds nothing."""
        if self._measured_ns is not None and now_ns > self._measured_ns:
            price_usd = max(leg.reference_price_usd for leg in self.plan.legs)
            self.naked_usd_secs += abs(self.delta) * price_usd * (now_ns - self._measured_ns) / NS_PER_SEC
        self._measured_ns = now_ns

    # Distances to the plan.

    def surplus(self, leg: int) -> Decimal:
        """Return how far a leg is beyond its target; a position on the wrong side is surplus as a whole."""
        return self.excess(leg, self.plan.legs[leg].target)

    def excess(self, leg: int, level: Decimal) -> Decimal:
        """Return how far a leg is beyond `level`; a position on the wrong side is so as a whole."""
        size = self.size(leg)
        return -size if size < 0 else max(ZERO, size - level)

    def remaining(self) -> Decimal:
        """Return what both legs still have to do, on the step of both venues."""
        if self.plan.intent is Intent.OPEN:
            left = min(leg.target - max(self.size(i), ZERO) for i, leg in enumerate(self.plan.legs))
        else:
            left = min(self.surplus(0), self.surplus(1))
        return round_down(max(left, ZERO), self.step)

    @property
    def matched(self) -> Outcome:
        """How legs that match have ended: flat where neither is worth an order."""
        rests = ((abs(self.position(leg)), plan) for leg, plan in enumerate(self.plan.legs))
        is_flat = all(plan.rules.is_too_small(rest, plan.reference_price_usd) for rest, plan in rests)
        return Outcome.FLAT if is_flat else Outcome.HEDGED

    def is_dust(self, leg: int, quantity: Decimal) -> bool:
        """Return whether a venue would not take a reduction of this size: too fine, or below its notional and refused."""
        plan = self.plan.legs[leg]
        if not plan.rules.is_sendable(round_down(quantity, plan.rules.size_step)):
            return True
        is_small = quantity * plan.reference_price_usd < plan.rules.min_notional_usd
        reductions = (o for o in self.orders.values() if o.request.leg == leg and o.request.reduce_only)
        return is_small and any(o.state is LegState.REJECTED for o in reductions)

    def can_increase(self, leg: int, quantity: Decimal) -> bool:
        """Return whether a venue would take an order of this size that reduces nothing."""
        plan = self.plan.legs[leg]
        return not plan.rules.is_too_small(round_down(max(quantity, ZERO), plan.rules.size_step), plan.reference_price_usd)

    # Orders.

    @property
    def working(self) -> list[OrderRecord]:
        """The orders that may yet fill."""
        return [order for order in self.orders.values() if not order.is_over]

    def was_refused(self, leg: int) -> bool:
        """Return whether a leg's venue, or a rule, refused an order that would have taken."""
        own = (order for order in self.orders.values() if order.request.leg == leg)
        return any(order.state is LegState.REJECTED and not order.request.post_only for order in own)

    @property
    def has_doubt(self) -> bool:
        """Whether the fate of an order is not known."""
        return any(order.state is LegState.IN_DOUBT for order in self.orders.values())

    def add(self, requests: tuple[LegRequest, ...], now_ns: int) -> None:
        """Expect news of orders that are about to be sent together."""
        self._batches += 1
        for request in requests:
            self.orders[request.client_order_id] = OrderRecord(request, now_ns, self._batches)

    def restore(self, request: LegRequest, sent_ns: int) -> OrderRecord:
        """Expect the fate of an order that an earlier process had committed itself to."""
        self._attempts[request.leg] = max(self._attempts[request.leg], _number(request.client_order_id))
        self._batches += 1
        record = self.orders[request.client_order_id] = OrderRecord(request, sent_ns, self._batches)
        return record

    def next_id(self, leg: int, *, is_taken: bool = True) -> str:
        """Return a leg's next client order id; not `is_taken`, the same will be returned again."""
        number = self._attempts[leg] + 1
        if is_taken:
            self._attempts[leg] = number
        return f"{self.plan.pair_id}-{LETTERS[leg]}{number}"

    def reducing_side(self, leg: int) -> Side:
        """Return the side on which a leg's position becomes smaller."""
        return Side.SELL if self.position(leg) > 0 else Side.BUY


def _number(client_order_id: str) -> int:
    return int(client_order_id.rpartition("-")[2][1:])
