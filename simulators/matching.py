"""A price-time order book in exact decimals: the heart of every simulated venue.

The house is the market maker every venue needs to be tradable; its orders have no owner. The book
knows prices, sizes and time priority and nothing of money, markets or wire formats.
"""

from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum


class SelfTrade(Enum):
    """Which order gives way when an owner meets itself."""

    CANCEL_RESTING = "cancel resting"
    CANCEL_TAKING = "cancel taking"
    CANCEL_BOTH = "cancel both"


@dataclass(slots=True, eq=False)
class Order:
    """One order; `price` None is a market order, `owner` None the house, sizes are in base units.

    `count` is how many orders a level of the house stands for in the published book.
    """

    id: str
    owner: str | None
    is_buy: bool
    price: Decimal | None
    size: Decimal
    remaining: Decimal = Decimal(-1)
    count: int = 1

    def __post_init__(self) -> None:
        if self.remaining < 0:
            self.remaining = self.size

    @property
    def filled(self) -> Decimal:
        """The executed size."""
        return self.size - self.remaining

    def accepts(self, price: Decimal) -> bool:
        """Whether the order's limit allows a trade at `price`."""
        if self.price is None:
            return True
        return price <= self.price if self.is_buy else price >= self.price


@dataclass(frozen=True, slots=True)
class Trade:
    """One execution at the maker's price."""

    maker: Order
    taker: Order
    price: Decimal
    size: Decimal


@dataclass(slots=True)
class Taken:
    """What walking the book did: executions in order, and resting orders removed as self-trades."""

    trades: list[Trade] = field(default_factory=list)
    canceled: list[Order] = field(default_factory=list)
    taker_canceled: bool = False

    @property
    def size(self) -> Decimal:
        """The executed size."""
        return sum((trade.size for trade in self.trades), Decimal(0))

    @property
    def notional(self) -> Decimal:
        """The executed price times size."""
        return sum((trade.price * trade.size for trade in self.trades), Decimal(0))


class _Side:
    """One side of a book: price levels, best first, each a queue in time order."""

    def __init__(self, is_buy: bool) -> None:
        self._sign = -1 if is_buy else 1
        self._keys: list[Decimal] = []
        self._queues: dict[Decimal, list[Order]] = {}

    def add(self, order: Order) -> None:
        assert order.price is not None
        key = order.price * self._sign
        queue = self._queues.get(key)
        if queue is None:
            insort(self._keys, key)
            self._queues[key] = [order]
        else:
            queue.append(order)

    def remove(self, order: Order) -> None:
        assert order.price is not None
        key = order.price * self._sign
        queue = self._queues[key]
        queue.remove(order)
        if not queue:
            del self._queues[key]
            self._keys.remove(key)

    def best(self) -> Decimal | None:
        return self._keys[0] * self._sign if self._keys else None

    def first(self) -> Order | None:
        return self._queues[self._keys[0]][0] if self._keys else None

    def drop_house(self) -> None:
        for key in self._keys:
            self._queues[key] = [order for order in self._queues[key] if order.owner is not None]
        self._keys = [key for key in self._keys if self._queues[key]]
        self._queues = {key: self._queues[key] for key in self._keys}

    def levels(self, depth: int) -> list[tuple[Decimal, Decimal, int]]:
        return [self._level(key) for key in self._keys[:depth]]

    def _level(self, key: Decimal) -> tuple[Decimal, Decimal, int]:
        queue = self._queues[key]
        return key * self._sign, sum((order.remaining for order in queue), Decimal(0)), sum(order.count for order in queue)


class Book:
    """The resting orders of one market."""

    def __init__(self) -> None:
        self._bids = _Side(is_buy=True)
        self._asks = _Side(is_buy=False)
        self._by_id: dict[str, Order] = {}

    @property
    def best_bid(self) -> Decimal | None:
        """The highest bid, None when nobody bids."""
        return self._bids.best()

    @property
    def best_ask(self) -> Decimal | None:
        """The lowest ask, None when nobody offers."""
        return self._asks.best()

    def levels(self, is_buy: bool, depth: int) -> list[tuple[Decimal, Decimal, int]]:
        """Return up to `depth` levels, best first, as (price, size, number of orders)."""
        return self._side(is_buy).levels(depth)

    def get(self, order_id: str) -> Order | None:
        """Return a user's resting order."""
        return self._by_id.get(order_id)

    def would_cross(self, is_buy: bool, price: Decimal) -> bool:
        """Whether an order at `price` would trade at once."""
        best = self._side(not is_buy).best()
        return best is not None and (price >= best if is_buy else price <= best)

    def take(self, order: Order, self_trade: SelfTrade = SelfTrade.CANCEL_RESTING) -> Taken:
        """Execute `order` against the other side as far as its limit allows; never rests it."""
        taken, side = Taken(), self._side(not order.is_buy)
        while order.remaining > 0:
            maker = side.first()
            if maker is None or maker.price is None or not order.accepts(maker.price):
                break
            if order.owner is not None and maker.owner == order.owner:
                if self._part(maker, taken, self_trade):
                    break
                continue
            taken.trades.append(self._match(maker, order, side, maker.price))
        return taken

    def rest(self, order: Order) -> None:
        """Put what remains of a limit order into the book, behind earlier orders at its price."""
        self._side(order.is_buy).add(order)
        if order.owner is not None:
            self._by_id[order.id] = order

    def cancel(self, order_id: str) -> Order | None:
        """Remove a user's resting order and return it; None when it does not rest here."""
        order = self._by_id.pop(order_id, None)
        if order is not None:
            self._side(order.is_buy).remove(order)
        return order

    def set_house(self, bids: Iterable[Order], asks: Iterable[Order]) -> list[Trade]:
        """Replace the house's levels; those that cross users' resting orders trade with them first."""
        self._bids.drop_house()
        self._asks.drop_house()
        trades: list[Trade] = []
        for order in (*bids, *asks):
            trades += self.take(order).trades
            if order.remaining > 0:
                self.rest(order)
        return trades

    def _side(self, is_buy: bool) -> _Side:
        return self._bids if is_buy else self._asks

    def _part(self, maker: Order, taken: Taken, self_trade: SelfTrade) -> bool:
        """Apply the self-trade rule; return whether the taker gives way."""
        if self_trade is not SelfTrade.CANCEL_TAKING:
            self.cancel(maker.id)
            taken.canceled.append(maker)
        taken.taker_canceled = self_trade is not SelfTrade.CANCEL_RESTING
        return taken.taker_canceled

    def _match(self, maker: Order, taker: Order, side: _Side, price: Decimal) -> Trade:
        size = min(maker.remaining, taker.remaining)
        maker.remaining -= size
        taker.remaining -= size
        if maker.remaining == 0:
            side.remove(maker)
            self._by_id.pop(maker.id, None)
        return Trade(maker, taker, price, size)
