"""What a Paradex frame goes through on its way: stream, parsing, books, orders and the account, without any I/O."""

from decimal import Decimal
from pathlib import Path
from typing import Any

from adapters.paradex import parsing
from adapters.paradex.account import AccountView
from adapters.paradex.book import BookKeeper, BookStep
from adapters.paradex.orders import OrderTracker, TrackedOrder
from adapters.paradex.schemas import (
    Account,
    BalanceEvent,
    Bbo,
    Book,
    Fill,
    FundingData,
    FundingPaymentRow,
    Market,
    MarketSummary,
    Order,
    Position,
    Trade,
)
from adapters.paradex.stream import Push, Stream
from tests.fuzz import paradex_corpus as corpus
from tests.fuzz.campaign import contents
from tests.fuzz.mutate import Frame

NOW_NS = 1_790_000_000_000_000_000
BTC = parsing.instrument(
    Market(symbol=corpus.MARKET, base_currency="BTC", order_size_increment=Decimal("0.00001"), price_tick_size=Decimal("0.1")), 0
)


def frames(shared: Path | None) -> list[Frame]:
    """Return the corpus."""
    return corpus.generated() + ([] if shared is None else corpus.recorded(shared / "raw/paradex"))


def closing_frames() -> list[Frame]:
    """Return good snapshots of everything."""
    return corpus.generated(seed=99, rounds=1)


class ParadexTarget:
    """One session's worth of state."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.stream, self.keeper, self.account = Stream(), BookKeeper(), AccountView()
        self.tracker = OrderTracker(lambda _client_id: None)
        self.order = TrackedOrder(corpus.CLIENT_ID, corpus.MARKET, "BUY", Decimal("0.5"), Decimal(61000), is_immediate=False)
        self.tracker.track(self.order)

    def feed(self, frame: bytes, is_text: bool) -> bool:
        """Take in a frame and return whether it meant anything; raises as the adapter does."""
        messages = self.stream.feed(frame, is_text)
        for message in messages:
            if isinstance(message, Push):
                self._take(message.data)
            else:
                self.told.append(message)
        return bool(messages)

    def state(self) -> Any:
        """Return all that a frame may have changed."""
        return [contents(part) for part in (self.keeper, self.account, self.order)]

    def _take(self, data: Any) -> None:
        for kind, handle in _HANDLERS:
            if isinstance(data, kind):
                handle(self, data)
        self.told.append(self.account.health(NOW_NS))
        self.told.extend(self.account.accruals(NOW_NS))

    def _on_book(self, book: Book) -> None:
        step = self.keeper.take(book)
        if step in (BookStep.SNAPSHOT, BookStep.DELTA):
            told = parsing.book_snapshot if step is BookStep.SNAPSHOT else parsing.book_changes
            self.told.append(told(book, BTC, NOW_NS))
            self.told.append(parsing.book_depth(self.keeper.best(10), book, BTC, NOW_NS))

    def _on_summary(self, summary: MarketSummary) -> None:
        self.told += [parsing.mark_price(summary, BTC, NOW_NS), parsing.index_price(summary, BTC, NOW_NS)]

    def _on_order(self, news: Order) -> None:
        order, events = self.tracker.on_order(news, "stream")
        self.told += [order.key, *events]

    def _on_fill(self, fill: Fill) -> None:
        order, events = self.tracker.on_fill(fill)
        self.told += [order.key, *events]


_HANDLERS: tuple[tuple[type, Any], ...] = (
    (Bbo, lambda target, data: target.told.append(parsing.quote(data, BTC, NOW_NS))),
    (Book, ParadexTarget._on_book),
    (Trade, lambda target, data: target.told.append(parsing.trade_tick(data, BTC, NOW_NS))),
    (MarketSummary, ParadexTarget._on_summary),
    (FundingData, lambda target, data: target.told.append(parsing.funding_rate(data, BTC, NOW_NS))),
    (Order, ParadexTarget._on_order),
    (Fill, ParadexTarget._on_fill),
    (Position, lambda target, data: target.told.append(target.account.on_position(data))),
    (Account, lambda target, data: target.told.append(target.account.on_account(data))),
    (BalanceEvent, lambda target, data: target.account.on_balance_event(data)),
    (FundingPaymentRow, lambda target, data: target.told.append(target.account.on_funding_payment(data))),
)
