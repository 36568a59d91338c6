"""One market's order book from snapshots and deltas: sequence check and depth; no clock and no I/O.

A book starts with a snapshot. A delta belongs to it only when its number follows the last one; any
other delta means that something was missed, and what is left of the book is not to be trusted.
"""

from enum import Enum, auto

from adapters.paradex.schemas import Book

type Level = tuple[float, float]
"""A price and its size."""


class BookStep(Enum):
    """What a message means for the book."""

    SNAPSHOT = auto()  # the book is this
    DELTA = auto()  # the book has changed by this
    WAITING = auto()  # a delta without a book: ignored until the next snapshot
    GAP = auto()  # something was missed: the book is void


class BookKeeper:
    """The levels of one market, as far as they are known for sure."""

    def __init__(self) -> None:
        self._last_seq: int | None = None
        self._bids: dict[float, float] = {}
        self._asks: dict[float, float] = {}

    @property
    def is_whole(self) -> bool:
        """Whether there is a book at all."""
        return self._last_seq is not None

    def take(self, book: Book) -> BookStep:
        """Apply a message and say what it was."""
        if book.is_snapshot:
            self._bids = {price: size for price, size in book.bids if size > 0}
            self._asks = {price: size for price, size in book.asks if size > 0}
            self._last_seq = book.seq_no
            return BookStep.SNAPSHOT
        if self._last_seq is None:
            return BookStep.WAITING
        if book.seq_no != self._last_seq + 1:
            self.drop()
            return BookStep.GAP
        self._last_seq = book.seq_no
        _apply(self._bids, book.bids)
        _apply(self._asks, book.asks)
        return BookStep.DELTA

    def drop(self) -> None:
        """Forget the book; the next snapshot starts another one."""
        self._last_seq = None
        self._bids, self._asks = {}, {}

    def best(self, depth: int) -> tuple[list[Level], list[Level]]:
        """Return the best `depth` bids and asks, best first."""
        bids = sorted(self._bids.items(), reverse=True)
        return bids[:depth], sorted(self._asks.items())[:depth]


def _apply(levels: dict[float, float], changes: list[Level]) -> None:
    for price, size in changes:
        if size > 0:
            levels[price] = size
        else:
            levels.pop(price, None)
