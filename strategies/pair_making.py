"""One leg rests, the other follows: decides where to rest, when to move, what to hedge, and when to give it up."""

from decimal import Decimal
from itertools import takewhile

from messages import Intent, LegState
from strategies.pair_book import PairBook
from strategies.pair_orders import Action, Cancel, LegRequest, OrderRecord, Submit, Tick
from strategies.pair_plan import PairPlan, Policy, clip_of
from strategies.sizing import BPS, ZERO, round_down

_MAX_REFUSALS = 5  # by a venue that thinks a post-only order would cross: then the market is too quick to rest in


class Making:
    """The maker's part of a pair's life; it only ever hedges fills that have been seen.

    At most one order rests and at most one hedges, and the resting one holds no more than what is left of a
    clip, so that never more than a clip stands unhedged. `has_failed` tells that the hedging leg would not
    follow or that an order is in doubt: then nothing more is opened at all.
    """

    def __init__(self, plan: PairPlan, policy: Policy, book: PairBook) -> None:
        self._plan, self._policy, self._book = plan, policy, book
        self._maker, self._hedger = plan.maker_leg, 1 - plan.maker_leg
        self._is_opening = plan.intent is Intent.OPEN
        self._clip_began_ns, self._clip_level = 0, ZERO
        self._placed = self._misses = 0
        whole = max(abs(leg.target - leg.held) for leg in plan.legs)
        self._bound = whole if plan.clip is None else min(plan.clip, whole)
        self.has_failed = False

    def begin(self, now_ns: int) -> None:
        """The first clip begins."""
        self._clip_began_ns, self._clip_level = now_ns, self._book.level

    def next(self, now_ns: int, tick: Tick | None, *, may_hedge: bool) -> tuple[Action, ...] | None:
        """Return what is to be done now, or None where resting is over and the rest is for takers."""
        if self._book.has_doubt:
            self.has_failed = True
            return None
        resting, hedging = self._order(self._maker), self._order(self._hedger)
        if hedging is not None:
            return self._watch(resting, now_ns, tick)
        lag = self._lag()
        if lag < 0 and not self._book.is_dust(self._hedger, -lag):
            self.has_failed = True  # the hedge is ahead: not by our doing
            return None
        if lag > 0 and self._is_hedgeable(lag):
            if self._misses > self._policy.max_retries or self._book.was_refused(self._hedger):
                self.has_failed = True
                return None
            return self._hedge(lag, now_ns) if may_hedge else ()
        return self._watch(resting, now_ns, tick) if resting is not None else self._rest(max(lag, ZERO), now_ns)

    def stop(self, now_ns: int) -> tuple[Action, ...]:
        """Return the cancel of what rests; the id set aside for a hedge is never used for anything else."""
        self._book.next_id(self._hedger)
        resting = self._order(self._maker)
        return () if resting is None else self._cancel(resting, now_ns)

    def _order(self, leg: int) -> OrderRecord | None:
        return next((order for order in self._book.working if order.request.leg == leg), None)

    def _lag(self) -> Decimal:
        """Return how far the hedge is behind what the resting leg has done; also counts the hedges that missed in a row."""
        hedges = [order for order in self._book.orders.values() if order.request.leg == self._hedger]
        missed = takewhile(lambda order: order.filled < order.request.quantity, reversed(hedges))
        self._misses = sum(1 for _ in missed)
        ahead = self._book.size(self._maker) - self._book.size(self._hedger)
        return ahead if self._is_opening else -ahead

    def _is_hedgeable(self, quantity: Decimal) -> bool:
        if self._is_opening:
            return self._book.can_increase(self._hedger, quantity)
        return not self._book.is_dust(self._hedger, quantity)

    def _is_past_deadline(self, now_ns: int) -> bool:
        return abs(now_ns - self._clip_began_ns) >= self._policy.maker_deadline_ns

    def _watch(self, resting: OrderRecord | None, now_ns: int, tick: Tick | None) -> tuple[Action, ...]:
        """Cancel what rests past its deadline, or where the market has left it."""
        if resting is None or resting.cancel_asked_ns is not None or resting.state is LegState.PENDING:
            return ()
        if self._is_past_deadline(now_ns):
            return self._cancel(resting, now_ns)
        at, now_at = resting.limit_price_usd, None if tick is None else tick.passive_usd
        is_left = at is not None and now_at is not None and abs(now_at - at) > at * self._policy.reprice_bps * BPS
        return self._cancel(resting, now_ns) if is_left and self._placed <= self._policy.max_reprices else ()

    @staticmethod
    def _cancel(resting: OrderRecord, now_ns: int) -> tuple[Action, ...]:
        if resting.cancel_asked_ns is not None:
            return ()
        resting.cancel_asked_ns = now_ns
        return (Cancel(resting.request.client_order_id),)

    def _rest(self, unhedged: Decimal, now_ns: int) -> tuple[Action, ...] | None:
        """Send the next resting order; the first of a new clip gives it a deadline of its own."""
        remaining, step = self._book.remaining(), self._book.step
        if self._plan.clip is not None and self._book.level != self._clip_level and unhedged < step:
            self._clip_began_ns, self._clip_level = now_ns, self._book.level
        quantity = round_down(clip_of(remaining, self._plan.clip, step) - unhedged, step)
        placed = [order for order in self._book.orders.values() if order.request.leg == self._maker]
        refused = sum(order.state is LegState.REJECTED for order in placed)
        is_tired = refused > _MAX_REFUSALS or self._placed > self._policy.max_reprices
        if self._is_past_deadline(now_ns) or is_tired or not self._is_restable(quantity):
            return None
        if placed and placed[-1].filled == 0 and 0 <= now_ns - placed[-1].sent_ns < self._policy.reprice_pause_ns:
            return ()
        self._placed += 1
        leg = self._plan.legs[self._maker]
        request = LegRequest(
            leg=self._maker,
            client_order_id=self._book.next_id(self._maker),
            side=leg.direction if self._is_opening else leg.direction.opposite,
            quantity=quantity,
            reference_price_usd=leg.reference_price_usd if self._is_opening else None,
            slippage_bps=self._policy.max_slippage_bps,
            reduce_only=not self._is_opening,
            post_only=True,
        )
        self._book.add((request,), now_ns)
        return (Submit((request,), self._reserve()),)

    def _is_restable(self, quantity: Decimal) -> bool:
        """Return whether both venues would take it: what rests must be hedgeable when it has filled."""
        if self._is_opening:
            return self._book.can_increase(self._maker, quantity) and self._book.can_increase(self._hedger, quantity)
        return not (self._book.is_dust(self._maker, quantity) or self._book.is_dust(self._hedger, quantity))

    def _hedge(self, quantity: Decimal, now_ns: int) -> tuple[Action, ...]:
        request = self._hedge_request(min(quantity, self._bound), is_reserved=False)
        self._book.add((request,), now_ns)
        return (Submit((request,), self._reserve()),)

    def _reserve(self) -> tuple[LegRequest, ...]:
        """Set the id of the next hedge aside, for all that it could have to be."""
        return (self._hedge_request(self._bound, is_reserved=True),)

    def _hedge_request(self, quantity: Decimal, *, is_reserved: bool) -> LegRequest:
        policy, leg = self._policy, self._plan.legs[self._hedger]
        slippage_bps = (
            policy.max_slippage_bps + self._misses * policy.retry_slippage_bps
            if self._is_opening
            else min(policy.reduce_slippage_bps * (1 + self._misses), policy.reduce_slippage_bps_max)
        )
        return LegRequest(
            leg=self._hedger,
            client_order_id=self._book.next_id(self._hedger, is_taken=not is_reserved),
            side=leg.direction if self._is_opening else self._book.reducing_side(self._hedger),
            quantity=round_down(quantity, leg.rules.size_step),
            reference_price_usd=None,  # the market of the moment: the other leg has traded at it
            slippage_bps=slippage_bps,
            reduce_only=not self._is_opening,
            is_reserved=is_reserved,
        )
