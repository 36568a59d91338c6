"""Strategies simple enough to calculate by hand."""

from collections.abc import Callable
from decimal import Decimal

from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.config import StrategyConfig
from nautilus_trader.model.data import OrderBookDeltas
from nautilus_trader.model.enums import BookType, OrderSide, TimeInForce
from nautilus_trader.trading.strategy import Strategy

from backtests.dataset import Dataset
from backtests.instruments import HYPERLIQUID, PARADEX, instrument_id

OPPOSITE = {OrderSide.BUY: OrderSide.SELL, OrderSide.SELL: OrderSide.BUY}


class HoldPair(Strategy):
    """Buy on one venue and sell on the other at the first complete pair of books, close after a given time."""

    def __init__(self, asset: str, quantity: Decimal, close_after_ns: int | None, long_hyperliquid: bool = True) -> None:
        super().__init__(StrategyConfig(strategy_id="HOLD", order_id_tag="001"))
        sides = (OrderSide.BUY, OrderSide.SELL) if long_hyperliquid else (OrderSide.SELL, OrderSide.BUY)
        self.legs = dict(zip((instrument_id(asset, HYPERLIQUID), instrument_id(asset, PARADEX)), sides, strict=True))
        self.size, self.close_after_ns, self.opened_ns = quantity, close_after_ns, 0

    def on_start(self) -> None:
        for leg in self.legs:
            self.subscribe_order_book_deltas(leg, BookType.L2_MBP)
            self.subscribe_funding_rates(leg)

    def on_order_book_deltas(self, deltas: OrderBookDeltas) -> None:
        books = [self.cache.order_book(leg) for leg in self.legs]
        if any(book is None or book.best_bid_price() is None for book in books):
            return
        if not self.opened_ns:
            self.opened_ns = deltas.ts_event
            for leg, side in self.legs.items():
                self.send(leg, side)
        elif self.close_after_ns is not None and deltas.ts_event - self.opened_ns >= self.close_after_ns:
            self.close_after_ns = None
            for leg, side in self.legs.items():
                self.send(leg, OPPOSITE[side])

    def send(self, leg, side) -> None:
        instrument = self.cache.instrument(leg)
        book = self.cache.order_book(leg)
        price = book.best_ask_price() * 2 if side == OrderSide.BUY else book.best_bid_price() / 2
        order = self.order_factory.limit(
            leg, side, instrument.make_qty(self.size), instrument.make_price(price), time_in_force=TimeInForce.IOC
        )
        self.submit_order(order)


def hold(asset: str, quantity: str, close_after_ns: int | None = None, **other) -> Callable[[BacktestEngine, Dataset], None]:
    def add(engine: BacktestEngine, _dataset: Dataset) -> None:
        engine.add_strategy(HoldPair(asset, Decimal(quantity), close_after_ns, **other))

    return add
