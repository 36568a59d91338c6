"""The order books a node has asked for: their channels, their gaps, and what Nautilus hears of them."""

from collections.abc import Callable
from enum import Enum
from typing import Any

from nautilus_trader.model.instruments import CryptoPerpetual

from adapters.paradex import parsing
from adapters.paradex.book import BookKeeper, BookStep
from adapters.paradex.feed import PublicFeed
from adapters.paradex.schemas import Book

DEPTH = 10


class BookWant(Enum):
    """In which form a subscriber wants a book; one channel serves both."""

    DELTAS = "deltas"
    DEPTH = "depth"


class BookDesk:
    """Keeps every wanted book whole: a book with a gap is cleared for its readers and asked for again.

    `channel` spells a market's book channel, `perpetual` finds its instrument, `emit` hands data to
    Nautilus.
    """

    def __init__(
        self,
        *,
        feed: PublicFeed,
        channel: Callable[[str], str],
        perpetual: Callable[[str], CryptoPerpetual | None],
        emit: Callable[[Any], None],
        now_ns: Callable[[], int],
        log: Callable[[str], None],
    ) -> None:
        self._feed, self._channel, self._perpetual, self._emit = feed, channel, perpetual, emit
        self._now_ns, self._log = now_ns, log
        self._keepers: dict[str, BookKeeper] = {}
        self._wants: dict[str, set[BookWant]] = {}
        self._quiet_ns: dict[str, int] = {}  # since when a market's channel has said nothing of use

    def want(self, market: str, form: BookWant) -> None:
        """Keep a market's book from now on."""
        wants = self._wants.setdefault(market, set())
        if not wants:
            self._keepers[market] = BookKeeper()
            self._quiet_ns[market] = self._now_ns()
            self._feed.subscribe(self._channel(market))
        elif form not in wants:
            self._ask_again(market)  # the newcomer needs a whole book to start from
        wants.add(form)

    def unwant(self, market: str, form: BookWant) -> None:
        """Stop telling of a book in one form; the last reader to go closes its channel."""
        wants = self._wants.get(market, set())
        wants.discard(form)
        if not wants and self._keepers.pop(market, None) is not None:
            self._quiet_ns.pop(market, None)
            self._feed.unsubscribe(self._channel(market))

    def on_book(self, book: Book) -> None:
        """Take a message of a book channel."""
        keeper, perpetual = self._keepers.get(book.market), self._perpetual(book.market)
        if keeper is None or perpetual is None:
            return
        step = keeper.take(book)
        if step is BookStep.GAP:
            self._log(f"{book.market}: the book has a gap before {book.seq_no}, asking for a new one")
            self._clear(book.market, book.last_updated_at)
            self._ask_again(book.market)
        elif step is not BookStep.WAITING:
            self._quiet_ns[book.market] = self._now_ns()
            self._tell(book, step, keeper, perpetual)

    def on_open(self) -> None:
        """Give every channel its time again: the connection is new."""
        self._quiet_ns = dict.fromkeys(self._quiet_ns, self._now_ns())

    def on_lost(self, reason: str) -> None:
        """Clear every book: nobody says what happens to it while the connection is away."""
        for market in self._keepers:
            self._give_up(market, reason)

    def overdue(self, limit_secs: float) -> list[str]:
        """Give up and ask again for the books not heard of for `limit_secs`, and return their markets.

        A book that does not move is numbered and told all the same, so silence is no sign of calm.
        """
        oldest_ns = self._now_ns() - round(limit_secs * 1e9)
        late = [market for market, quiet_ns in self._quiet_ns.items() if quiet_ns < oldest_ns]
        for market in late:
            self._give_up(market, "its channel is silent")
            self._ask_again(market)
        return late

    def _give_up(self, market: str, reason: str) -> None:
        if self._keepers[market].is_whole:
            self._log(f"{market}: the book is gone, {reason}")
            self._keepers[market].drop()
            self._clear(market, self._now_ns() // 1_000_000)

    def _ask_again(self, market: str) -> None:
        self._keepers[market].drop()
        self._quiet_ns[market] = self._now_ns()
        self._feed.resubscribe(self._channel(market))

    def _clear(self, market: str, at_ms: int) -> None:
        perpetual = self._perpetual(market)
        if perpetual is not None and BookWant.DELTAS in self._wants[market]:
            self._emit(parsing.book_clear(perpetual, at_ms, self._now_ns()))

    def _tell(self, book: Book, step: BookStep, keeper: BookKeeper, perpetual: CryptoPerpetual) -> None:
        wants, ts_init = self._wants[book.market], self._now_ns()
        if BookWant.DELTAS in wants:
            told = parsing.book_snapshot if step is BookStep.SNAPSHOT else parsing.book_changes
            self._emit(told(book, perpetual, ts_init))
        if BookWant.DEPTH in wants:
            self._emit(parsing.book_depth(keeper.best(DEPTH), book, perpetual, ts_init))
