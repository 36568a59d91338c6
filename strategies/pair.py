"""The two legs of a pair as a pure state machine: events in, actions out; no order is ever sent twice.

A pair moves in clips: no more than a clip of one leg goes out before the other has followed. As takers both
legs of a clip go out at once. As a maker one leg rests post-only, is moved along with the market within the
plan's bound, and the other leg takes what has been *seen* to fill; past a deadline the rest is taken. When
every order is over, the legs are compared: equal ones go on to the next clip or are done; of unequal ones the
smaller is completed a bounded number of times, and after that the larger is reduced to match. An order
without an end is waited for: it may yet fill, so it is neither repeated nor taken for nothing.

    start ── a clip, as taker or maker ──> all orders over? ── no ──> wait (after a while: in doubt)
                    ^                            │ yes
                    └── more to do ─────── equal ┴── nothing more ──> done: HEDGED or FLAT
                                           unequal ──> complete the smaller (opening, bounded) ──> reduce the larger
                                                                  exhausted ──> done: HALTED

One restored from a journal only ever reduces: it learns the fate of its orders, takes the venues' word on both
positions, and goes on from there.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from messages import Intent, LegState, Outcome
from strategies.pair_book import PairBook
from strategies.pair_making import Making
from strategies.pair_orders import (
    Accepted,
    Action,
    Cancel,
    Canceled,
    Done,
    Doubt,
    Event,
    Filled,
    LegRequest,
    Observed,
    OrderEvent,
    OrderRecord,
    Rejected,
    Submit,
    Tick,
    WindUp,
)
from strategies.pair_plan import Mode, PairPlan, Policy, clip_of
from strategies.sizing import ZERO, round_down

_NEVER = Decimal("Infinity")


class PairMachine:
    """Runs one `PairPlan`; the times it is given are the only clock it knows."""

    def __init__(self, plan: PairPlan, policy: Policy) -> None:
        self.plan, self._policy = plan, policy
        self.book = PairBook(plan)
        self.done: Done | None = None
        self.is_clean = True  # so far as planned: nothing completed, trimmed or in doubt
        self.is_restored = False
        self._awaits_truth = self._is_started = False
        self._reductions = [0, 0]  # attempts since the leg last did all it was asked to
        self._retries = 0
        self._not_before_ns = 0
        self._goal = ZERO  # the size the last clip was to reach; short of it nothing more is opened
        self._making = Making(plan, policy, self.book) if plan.mode is Mode.MAKER else None

    @property
    def orders(self) -> dict[str, OrderRecord]:
        """Every order so far, by client order id."""
        return self.book.orders

    @property
    def delta(self) -> Decimal:
        """The two legs together, signed, in base units: what is not hedged."""
        return self.book.delta

    def position(self, leg: int) -> Decimal:
        """Return a leg's signed position in base units, counting every fill seen."""
        return self.book.position(leg)

    @property
    def resting(self) -> LegRequest | None:
        """The request of the order that rests now, None if there is none."""
        return next((order.request for order in self.book.working if order.request.post_only), None)

    @property
    def is_fulfilled(self) -> bool:
        """Whether both legs have come to where the plan wanted them."""
        return self.book.remaining() < self.book.step and not self.is_halted

    @property
    def is_halted(self) -> bool:
        """Whether it has ended with legs that do not match."""
        return self.done is not None and self.done.outcome is Outcome.HALTED

    # What happens to it.

    def start(self, now_ns: int) -> tuple[Action, ...]:
        """Return the first orders."""
        if self._is_started:
            raise RuntimeError(f"{self.plan.pair_id} has been started before")
        self._is_started = True
        self.book.measure(now_ns)
        if self._making is not None:
            self._making.begin(now_ns)
        return self._next(now_ns)

    def restore(self, log: Iterable[LegRequest | OrderEvent], now_ns: int) -> None:
        """Take up a pair that an earlier process began, from what it had intended and heard."""
        self._is_started = self._awaits_truth = self.is_restored = True
        self._making, self._goal, self.is_clean = None, _NEVER, False
        for entry in log:
            if isinstance(entry, LegRequest):
                self.book.restore(entry, now_ns)
            elif (order := self.orders.get(entry.client_order_id)) is not None:
                self._apply(order, entry)
        for order in self.book.working:
            order.state = LegState.IN_DOUBT
        self.book.measure(now_ns)

    @property
    def awaits_truth(self) -> bool:
        """Whether the fate of all its orders is known and the venues' word on the positions is wanted."""
        return self._awaits_truth and not self.book.working

    def handle(self, event: Event, now_ns: int) -> tuple[Action, ...]:
        """Take an event in and return what is to be done now; events of unknown orders are ignored."""
        self.book.measure(now_ns)
        if isinstance(event, Tick):
            doubts = tuple(self._doubts(now_ns))
            return (*doubts, *self._next(now_ns, event))
        if isinstance(event, Observed):
            if self.awaits_truth:
                self.book.observe(event.quantities)
                self._awaits_truth = False
            return self._next(now_ns)
        if isinstance(event, WindUp):
            if self.plan.intent is Intent.CLOSE or self.done is not None:
                return ()
            self._goal = _NEVER
            return (*self._stop_making(now_ns), *self._next(now_ns))
        order = self.orders.get(event.client_order_id)
        if order is None:
            return ()
        was_over = order.is_over
        self._apply(order, event)
        if order.is_over and not was_over:
            self._on_over(order, now_ns)
        return self._next(now_ns)

    def wants(self, client_order_id: str) -> bool:
        """Return whether an order not sent yet is still wanted: an opening leg is not once the one before was refused."""
        order = self.orders[client_order_id]
        siblings = (other for other in self.orders.values() if other.batch == order.batch)
        refused = any(other.state is LegState.REJECTED for other in siblings)
        return not order.is_over and (order.request.reduce_only or not refused)

    @staticmethod
    def _apply(order: OrderRecord, event: OrderEvent) -> None:
        match event:
            case Accepted():
                order.accept()
            case Filled():
                order.fill(event)
            case Canceled():
                order.end(LegState.CANCELED, event.filled, "")
            case Rejected():
                order.end(LegState.REJECTED, ZERO, event.reason)

    def _on_over(self, order: OrderRecord, now_ns: int) -> None:
        request = order.request
        if not request.reduce_only or request.post_only:
            return
        if order.filled >= request.quantity:
            self._reductions[request.leg] = 0
        elif order.filled == 0:
            # A reduction that found nothing is tried again after a pause: the market may need a moment.
            self._not_before_ns = now_ns + self._policy.reduce_delay_ns * max(1, self._reductions[request.leg])

    def _doubts(self, now_ns: int) -> Iterator[Action]:
        """Doubt what has not been heard of for too long; a cancel is asked for again and again, which harms nobody."""
        for key, order in self.orders.items():
            if order.is_over:
                continue
            since_ns = order.sent_ns if order.cancel_asked_ns is None else order.cancel_asked_ns
            rests = order.request.post_only and order.state in (LegState.ACTIVE, LegState.PARTIALLY_FILLED)
            is_asked = order.cancel_asked_ns is not None
            # A clock that went back must not put the next look off for as long.
            if (rests and not is_asked) or abs(now_ns - since_ns) < self._policy.in_doubt_after_ns:
                continue
            if is_asked or order.request.post_only or order.state in (LegState.ACTIVE, LegState.PARTIALLY_FILLED):
                order.cancel_asked_ns = now_ns
                yield Cancel(key)
            if order.state is not LegState.IN_DOUBT:
                order.state, self.is_clean = LegState.IN_DOUBT, False
                yield Doubt(key)

    # What it does.

    def _next(self, now_ns: int, tick: Tick | None = None) -> tuple[Action, ...]:
        """Decide, once every order is over and no pause is running; a making decides while its order rests."""
        if self.done is not None or self._awaits_truth:
            return ()
        if self._making is not None:
            made = self._making.next(now_ns, tick, may_hedge=not self._is_pausing(now_ns))
            return (*self._stop_making(now_ns), *self._next(now_ns)) if made is None else made
        if self._is_pausing(now_ns) or self.book.working:
            return ()
        return self._next_closing(now_ns) if self.plan.intent is Intent.CLOSE else self._next_opening(now_ns)

    def _is_pausing(self, now_ns: int) -> bool:
        longest_ns = self._policy.reduce_delay_ns * self._policy.max_reductions
        return 0 < self._not_before_ns - now_ns <= longest_ns  # a clock that went back holds nothing up

    def _stop_making(self, now_ns: int) -> tuple[Action, ...]:
        making, self._making = self._making, None
        if making is None:
            return ()
        self.is_clean = self.is_clean and not making.has_failed
        # What the hedges of a making have not followed is completed or trimmed; only then is the rest taken.
        self._goal = max(self._goal, _NEVER if making.has_failed else self.book.level)
        return making.stop(now_ns)

    def _next_opening(self, now_ns: int) -> tuple[Action, ...]:
        book, larger, gap = self.book, self.book.larger, abs(self.delta)
        if book.is_dust(larger, gap):
            return self._next_clip(now_ns)
        self.is_clean = False
        # Never beyond the plan, however large the other leg has become.
        smaller = 1 - larger
        missing = min(gap, self.plan.legs[smaller].target - book.size(smaller))
        may_retry = not self.is_restored and self._retries < self._policy.max_retries
        if may_retry and not book.was_refused(smaller) and book.can_increase(smaller, missing):
            self._retries += 1
            slippage_bps = self._policy.max_slippage_bps + self._retries * self._policy.retry_slippage_bps
            return self._send([self._increase(smaller, missing, slippage_bps)], now_ns)
        return self._reduce({larger: gap}, now_ns)

    def _next_clip(self, now_ns: int) -> tuple[Action, ...]:
        """Send both legs of the next clip, or end where nothing more is to be opened or the last one fell short."""
        book, quantity = self.book, clip_of(self.book.remaining(), self.plan.clip, self.book.step)
        if book.level < self._goal - book.step or book.was_refused(0) or book.was_refused(1):
            return self._finish(book.matched, self._reason())
        if not all(book.can_increase(leg, quantity) for leg in (0, 1)):
            if self.orders:
                return self._finish(book.matched, self._reason())
            return self._finish(Outcome.HALTED if self.delta else book.matched, "a leg is below its venue's minimum")
        self._goal = book.level + quantity
        slippage_bps = self._policy.max_slippage_bps
        return self._send([self._increase(leg, quantity, slippage_bps) for leg in (0, 1)], now_ns)

    def _next_closing(self, now_ns: int) -> tuple[Action, ...]:
        book, clip = self.book, self.plan.clip
        if clip is None or book.level <= 0:
            surplus = {leg: book.surplus(leg) for leg in (0, 1)}
        else:  # down together by a clip, or first to equal legs: no more than a clip is ever ahead
            is_matched = book.is_dust(book.larger, abs(self.delta))
            level = book.level - (clip_of(book.remaining(), clip, book.step) if is_matched else ZERO)
            surplus = {leg: min(book.surplus(leg), book.excess(leg, level)) for leg in (0, 1)}
        wanted = {leg: quantity for leg, quantity in surplus.items() if not book.is_dust(leg, quantity)}
        if not wanted:
            return self._finish(book.matched, self._reason())
        if all(self._has_reduction(leg) for leg in wanted):
            return self._reduce(wanted, now_ns)
        # One leg will not shrink any further: the other may only follow down to it.
        larger, gap = book.larger, abs(self.delta)
        if book.is_dust(larger, gap):
            return self._finish(book.matched, "stopped at equal legs: no attempt to reduce is left")
        return self._reduce({larger: gap}, now_ns)

    def _reduce(self, quantities: dict[int, Decimal], now_ns: int) -> tuple[Action, ...]:
        """Send reducing orders for these legs, or give up where one has no attempt left."""
        if not all(self._has_reduction(leg) for leg in quantities):
            return self._finish(Outcome.HALTED, "no attempt to reduce is left")
        for leg in quantities:
            self.is_clean = self.is_clean and self._reductions[leg] == 0
            self._reductions[leg] += 1
        return self._send([self._reduction(leg, quantity) for leg, quantity in quantities.items()], now_ns)

    def _has_reduction(self, leg: int) -> bool:
        return self._reductions[leg] < self._policy.max_reductions

    def _increase(self, leg: int, quantity: Decimal, slippage_bps: Decimal) -> LegRequest:
        plan = self.plan.legs[leg]
        return LegRequest(
            leg=leg,
            client_order_id=self.book.next_id(leg),
            side=plan.direction,
            quantity=round_down(quantity, plan.rules.size_step),
            reference_price_usd=plan.reference_price_usd,
            slippage_bps=slippage_bps,
            reduce_only=False,
        )

    def _reduction(self, leg: int, quantity: Decimal) -> LegRequest:
        step = self._policy.reduce_slippage_bps * self._reductions[leg]
        size = min(quantity, abs(self.position(leg)))
        return LegRequest(
            leg=leg,
            client_order_id=self.book.next_id(leg),
            side=self.book.reducing_side(leg),
            quantity=round_down(size, self.plan.legs[leg].rules.size_step),
            reference_price_usd=None,
            slippage_bps=min(step, self._policy.reduce_slippage_bps_max),
            reduce_only=True,
        )

    def _send(self, requests: list[LegRequest], now_ns: int) -> tuple[Action, ...]:
        self.book.add(tuple(requests), now_ns)
        return (Submit(tuple(requests)),)

    def _finish(self, outcome: Outcome, reason: str) -> tuple[Action, ...]:
        rests = [self.position(0), self.position(1)]
        has_dust = self.delta != 0 if outcome is Outcome.HEDGED else outcome is Outcome.FLAT and rests != [0, 0]
        dust = f"; dust left: {rests[0]} and {rests[1]}" if has_dust else ""
        self.done = Done(outcome, reason + dust)
        return (self.done,)

    def _reason(self) -> str:
        taken = (order for order in self.orders.values() if not order.request.post_only)
        refusals = [order.reason for order in taken if order.state is LegState.REJECTED]
        return "; ".join(filter(None, refusals)) or "complete"
