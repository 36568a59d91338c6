"""One market of one venue: its book, the house that quotes it, its prices and its prints."""

import random
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal

from simulators.candles import Candles
from simulators.matching import Book, Order, Trade

BPS = Decimal("0.0001")
PRICE_DIGITS = Decimal("0.00000001")


@dataclass(frozen=True, slots=True)
class House:
    """How the house quotes: `level_usd` is the mean notional of the first level, later ones grow.

    `spread_bps` is between best bid and ask, `step_bps` between levels.
    """

    level_usd: float
    spread_bps: float = 0.6
    step_bps: float = 0.5
    growth: float = 0.12
    levels: int = 20
    prints_per_step: float = 0.4


@dataclass(frozen=True, slots=True)
class MarketSpec:
    """What a venue fixes for a market; `tick` gives the price step in USD at a price."""

    asset: str
    symbol: str
    size_step: Decimal
    tick: Callable[[Decimal], Decimal]
    mark_step: Decimal
    impact_usd: Decimal
    house: House
    open_interest_usd: Decimal = Decimal(50_000_000)


@dataclass(frozen=True, slots=True)
class Print:
    """One public trade; a None user is the house."""

    id: int
    price: Decimal
    size: Decimal
    taker_is_buy: bool
    time_ms: int
    buyer: str | None
    seller: str | None


class Market:
    """A market that lives by itself: `step` moves it, users trade on `book` and `record` what happened."""

    def __init__(self, spec: MarketSpec, seed: int) -> None:
        self.spec = spec
        self.book = Book()
        self.candles = Candles()
        self.prints: deque[Print] = deque(maxlen=500)
        self.oracle_usd = self.mark_usd = self.last_usd = self.previous_day_usd = Decimal(0)
        self.volume_base = self.volume_usd = Decimal(0)
        self.open_interest = Decimal(0)
        self._random = random.Random(f"{seed}/market/{spec.symbol}")
        self._print_ids = self._random.randrange(10**13, 9 * 10**14)

    @property
    def mid_usd(self) -> Decimal | None:
        """The middle of the best prices, None when a side is empty."""
        bid, ask = self.book.best_bid, self.book.best_ask
        return (bid + ask) / 2 if bid is not None and ask is not None else None

    def step(self, now_ns: int, oracle_usd: Decimal, premium: Decimal) -> list[Trade]:
        """Requote around oracle * (1 + premium), print some trades; return every trade, users' included."""
        self.oracle_usd = oracle_usd.quantize(self.spec.mark_step)
        fair_usd = oracle_usd * (1 + premium)
        if not self.last_usd:
            self._begin(fair_usd)
        centre_usd = fair_usd * (1 + Decimal(f"{self._random.uniform(-0.1, 0.1):.4f}") * BPS)
        trades = self.book.set_house(self._quotes(centre_usd, is_buy=True), self._quotes(centre_usd, is_buy=False))
        if self._random.random() < self.spec.house.prints_per_step:
            trades += self._print()
        self.record(trades, now_ns)
        self.mark_usd = self._mark(fair_usd)
        return trades

    def record(self, trades: Iterable[Trade], now_ns: int) -> list[Print]:
        """Enter executions into the prints, candles and counters; return the prints."""
        time_ms = now_ns // 1_000_000
        new = [self._enter(trade, time_ms) for trade in trades]
        self.prints.extend(new)
        return new

    def impact_usd(self, is_buy: bool) -> Decimal | None:
        """Return the average price at which a taker trades the impact notional; None without depth."""
        left, size = self.spec.impact_usd, Decimal(0)
        for price, available, _ in self.book.levels(not is_buy, 100):
            part = min(left, price * available)
            left -= part
            size += part / price
            if left <= 0:
                return (self.spec.impact_usd / size).quantize(PRICE_DIGITS)
        return None

    def round_price(self, price: Decimal, up: bool) -> Decimal:
        """Return `price` on the tick grid, rounded up or down."""
        tick = self.spec.tick(price)
        floor = (price / tick).to_integral_value(ROUND_DOWN) * tick
        return floor + tick if up and floor < price else floor

    def _begin(self, fair_usd: Decimal) -> None:
        self.last_usd = self.round_price(fair_usd, up=False)
        self.previous_day_usd = self.last_usd
        self.open_interest = (self.spec.open_interest_usd / fair_usd).quantize(self.spec.size_step)

    def _quotes(self, centre_usd: Decimal, is_buy: bool) -> list[Order]:
        house, sign, orders = self.spec.house, -1 if is_buy else 1, []
        previous: Decimal | None = None
        for level in range(house.levels):
            offset_bps = Decimal(f"{house.spread_bps / 2 + level * house.step_bps:.4f}")
            price = self.round_price(centre_usd * (1 + sign * offset_bps * BPS), up=not is_buy)
            if previous is not None and sign * (price - previous) <= 0:
                price = previous + sign * self.spec.tick(previous)  # the grid is coarser than the step
            orders.append(self._house_order(is_buy, price, house.level_usd * (1 + level * house.growth)))
            previous = price
        return orders

    def _house_order(self, is_buy: bool, price: Decimal, usd: float) -> Order:
        base = Decimal(f"{usd * self._random.uniform(0.5, 1.5):.2f}") / price
        size = max(base.quantize(self.spec.size_step, ROUND_DOWN), self.spec.size_step)
        return Order("", None, is_buy, price, size, count=self._random.randint(1, 9))

    def _print(self) -> list[Trade]:
        """Let an anonymous taker trade a small size at the best price."""
        is_buy = self._random.random() < 0.5
        price = self.book.best_ask if is_buy else self.book.best_bid
        if price is None:
            return []
        order = self._house_order(is_buy, price, self.spec.house.level_usd * 0.15 * self._random.random() ** 3 + 15)
        self.open_interest += order.size if self._random.random() < 0.5 else -order.size
        return self.book.take(order).trades

    def _enter(self, trade: Trade, time_ms: int) -> Print:
        self._print_ids += self._random.randint(1, 1000)
        self.last_usd = trade.price
        self.volume_base += trade.size
        self.volume_usd += trade.size * trade.price
        self.candles.add(trade.price, trade.size, time_ms)
        buyer, seller = (trade.taker, trade.maker) if trade.taker.is_buy else (trade.maker, trade.taker)
        return Print(self._print_ids, trade.price, trade.size, trade.taker.is_buy, time_ms, buyer.owner, seller.owner)

    def _mark(self, fair_usd: Decimal) -> Decimal:
        """Return the median of the fair price, the middle, and the median of bid, ask and last."""
        bid, ask, mid = self.book.best_bid, self.book.best_ask, self.mid_usd
        if bid is None or ask is None or mid is None:
            return fair_usd.quantize(self.spec.mark_step, ROUND_HALF_EVEN)
        inner = sorted((bid, ask, self.last_usd))[1]
        return sorted((fair_usd, mid, inner))[1].quantize(self.spec.mark_step, ROUND_HALF_EVEN)
