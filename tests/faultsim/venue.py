"""A simulated venue with the adapter in front of it: executes orders as chance has it, and tells of it badly.

What the adapters promise holds here too: of an order sent by this process the truth is told in the end, once
its expiry has passed and the venue can be reached, and an end names all that was filled. How late, in what
order, how often, and whether the process still lives by then is left to chance.
"""

from collections.abc import Callable
from decimal import Decimal

from messages import LegOrder
from strategies.pair_orders import Accepted, Canceled, Filled, OrderEvent, Rejected
from tests.faultsim.world import SEC, World

D = Decimal
STEP = D("0.01")
EXPIRY_NS = 2 * SEC


class SimOrder:
    """An order as the venue has it."""

    def __init__(self, order: LegOrder, expires_ns: int) -> None:
        self.order, self.expires_ns = order, expires_ns
        self.filled = D(0)
        self.is_open = False
        self.is_known = False
        self.trades = 0
        self.lost_until_ns = 0  # its news is withheld until then
        self.shown_from_ns = 0  # a query does not find it before


class SimVenue:
    """One side of the pair."""

    def __init__(self, world: World, name: str, held: Decimal, emit: Callable[[str, OrderEvent], None]) -> None:
        self.world, self.name, self._emit = world, name, emit
        self.position = held
        self.orders: dict[str, SimOrder] = {}
        self.price = D(40)
        self.away_until_ns = 0
        self.depth = 1.0  # the chance that there is somebody to trade with
        self.past: list[tuple[int, Decimal]] = [(world.true_ns, held)]
        self.on_trade: Callable[[], None] = lambda: None

    @property
    def is_away(self) -> bool:
        return self.world.true_ns < self.away_until_ns

    # What is asked of it.

    def send(self, order: LegOrder) -> None:
        """An order leaves for the venue; it may be late, lost, or refused, and its news may be."""
        world = self.world
        sim = SimOrder(order, world.true_ns + (10**18 if order.post_only else EXPIRY_NS))
        self.orders[order.client_order_id] = sim
        fate = world.chance.random()
        if fate < 0.06:
            sim.lost_until_ns = world.true_ns + EXPIRY_NS + world.between(1, 4)
        if fate > 0.97:  # never arrives; the adapter finds out after the expiry
            world.later(EXPIRY_NS + world.between(1, 4), lambda: self._find_absent(sim))
            return
        delay = world.between(0.001, 0.04) if fate < 0.95 else world.between(0.5, 3)
        world.later(delay, lambda: self._arrive(sim))

    def cancel(self, client_order_id: str) -> None:
        """A cancel leaves for the venue: some get lost."""
        if self.world.likely(0.1):
            return
        self.world.later(self.world.between(0.001, 0.05), lambda: self._cancel(client_order_id))

    def cancel_all(self) -> None:
        for key, sim in self.orders.items():
            if sim.is_open:
                self.cancel(key)

    def trade(self, quantity: Decimal, why: str) -> None:
        """Somebody else changes our position: auto-deleveraging, a bust, a manual trade."""
        self.world.write(f"{self.name} {why} {quantity}")
        self._move(quantity)

    def seen(self, lag_ns: int) -> Decimal:
        """Return the position as it stood a moment ago."""
        then = self.world.true_ns - lag_ns
        return next((quantity for at, quantity in reversed(self.past) if at <= then), self.past[0][1])

    # What it does.

    def _arrive(self, sim: SimOrder) -> None:
        key, order, world = sim.order.client_order_id, sim.order, self.world
        if world.true_ns > sim.expires_ns:
            self._find_absent(sim)
            return
        sim.is_known = True
        sim.shown_from_ns = world.true_ns + (world.between(0, 1.5) if world.likely(0.3) else 0)
        if self.is_away:
            self._end(sim, [], Rejected(key, "MAINTENANCE"))
            return
        room = self._room(order)
        if room <= 0 or world.likely(0.04):
            self._end(sim, [], Rejected(key, "REFUSED" if room else "REDUCE_ONLY"))
        elif order.post_only:
            self._rest(sim)
        else:
            share = self._share()
            self._execute(sim, (min(room, order.quantity) * share).quantize(STEP))

    def _share(self) -> Decimal:
        world = self.world
        if not world.likely(self.depth):
            return D(0)
        return D(1) if world.likely(0.75) else D(world.chance.randint(1, 99)) / 100

    def _room(self, order: LegOrder) -> Decimal:
        if not order.reduce_only:
            return order.quantity
        return abs(self.position) if self.position * order.side.sign < 0 else D(0)

    def _execute(self, sim: SimOrder, filled: Decimal) -> None:
        parts = [filled]
        if filled > STEP and self.world.likely(0.3):
            cut = (filled * self.world.chance.randint(1, 99) / 100).quantize(STEP)
            parts = [part for part in (cut, filled - cut) if part]
        trades = [self._fill(sim, part) for part in parts if part]
        is_full = sim.filled >= sim.order.quantity
        self._end(sim, trades, None if is_full else Canceled(sim.order.client_order_id, sim.filled))

    def _rest(self, sim: SimOrder) -> None:
        if self.world.likely(0.1):
            self._end(sim, [], Rejected(sim.order.client_order_id, "WOULD_CROSS"))
            return
        sim.is_open = True
        self._tell(sim, [Accepted(sim.order.client_order_id)])
        self.world.later(self.world.between(0.05, 4), lambda: self._trade_resting(sim))

    def _trade_resting(self, sim: SimOrder) -> None:
        if not sim.is_open:
            return
        if not self.is_away and self.world.likely(0.6 * self.depth):
            self._fill_resting(sim)
        if sim.is_open:
            self.world.later(self.world.between(0.05, 4), lambda: self._trade_resting(sim))

    def _fill_resting(self, sim: SimOrder) -> None:
        left = min(sim.order.quantity - sim.filled, self._room(sim.order))
        quantity = left if self.world.likely(0.5) else (left * self.world.chance.randint(1, 99) / 100).quantize(STEP)
        if quantity <= 0:
            return
        trade = self._fill(sim, quantity)
        sim.is_open = sim.filled < sim.order.quantity
        self._tell(sim, [trade])

    def _cancel(self, client_order_id: str) -> None:
        sim = self.orders.get(client_order_id)
        if sim is None or not sim.is_open or self.is_away:
            return
        if self.world.likely(0.25):
            self._fill_resting(sim)  # it traded while the cancel was on its way
        if sim.is_open:
            sim.is_open = False
            self._tell(sim, [Canceled(client_order_id, sim.filled)])

    def _fill(self, sim: SimOrder, quantity: Decimal) -> Filled:
        key = sim.order.client_order_id
        sim.filled += quantity
        sim.trades += 1
        self.world.write(f"{self.name} fills {key} {quantity}")
        self._move(sim.order.side.sign * quantity)
        return Filled(key, f"{key}/{sim.trades}", quantity, sim.order.limit_price_usd or self.price)

    def _move(self, quantity: Decimal) -> None:
        self.position += quantity
        self.past.append((self.world.true_ns, self.position))
        self.on_trade()

    def _end(self, sim: SimOrder, trades: list[Filled], end: OrderEvent | None) -> None:
        sim.is_open = False
        first: list[OrderEvent] = [] if isinstance(end, Rejected) else [Accepted(sim.order.client_order_id)]
        self._tell(sim, [*first, *trades, *([] if end is None else [end])])

    def _find_absent(self, sim: SimOrder) -> None:
        """The adapter has asked until the venue, past the expiry, did not know the order."""
        if self.is_away:
            self.world.later(self.world.between(1, 3), lambda: self._find_absent(sim))
        else:
            self._emit(sim.order.client_order_id, Rejected(sim.order.client_order_id, "never arrived"))

    def _tell(self, sim: SimOrder, events: list[OrderEvent]) -> None:
        """Tell of an order: late, more than once, in any order."""
        world, key = self.world, sim.order.client_order_id
        told = list(events)
        if world.likely(0.15):
            told += world.chance.choices(events, k=1)
        if world.likely(0.15):
            world.chance.shuffle(told)
        wait = max(0, sim.lost_until_ns - world.true_ns, self.away_until_ns - world.true_ns)
        for event in told:
            world.later(wait + world.between(0.001, 0.03), lambda event=event: self._emit(key, event))
