"""What has been published of a book: the levels last told, their changes and the best prices."""

from decimal import Decimal

from simulators.paradex.records import Bbo, BookUpdate, Level

Levels = dict[Decimal, Decimal]


class PublishedBook:
    """One of a market's two books as its subscribers know it."""

    def __init__(self, symbol: str) -> None:
        self._symbol = symbol
        self._bids: Levels = {}
        self._asks: Levels = {}
        self._best: tuple[Level | None, Level | None] = (None, None)
        self._seq, self._time_ms = 0, 0

    def advance(self, bids: Levels, asks: Levels, seq: int, now_ms: int) -> tuple[BookUpdate, bool]:
        """Take in the book of the moment, best levels first; return its changes and whether a best price moved."""
        added = frozenset((bids.keys() - self._bids.keys()) | (asks.keys() - self._asks.keys()))
        bid_changes, ask_changes = _differences(self._bids, bids), _differences(self._asks, asks)
        self._bids, self._asks, self._seq, self._time_ms = bids, asks, seq, now_ms
        best = (next(iter(bids.items()), None), next(iter(asks.items()), None))
        moved, self._best = best != self._best, best
        return BookUpdate(self._symbol, seq, False, bid_changes, ask_changes, now_ms, added), moved

    def snapshot(self, depth: int) -> BookUpdate:
        """Return the published book as of the last change."""
        bids, asks = tuple(self._bids.items())[:depth], tuple(self._asks.items())[:depth]
        return BookUpdate(self._symbol, self._seq, True, bids, asks, self._time_ms)

    def bbo(self) -> Bbo:
        """Return the published best prices."""
        (bid, bid_size), (ask, ask_size) = (best or (None, None) for best in self._best)
        return Bbo(self._symbol, self._seq, bid, bid_size, ask, ask_size, self._time_ms)


def _differences(old: Levels, new: Levels) -> tuple[Level, ...]:
    changed = [(price, size) for price, size in new.items() if old.get(price) != size]
    return (*changed, *((price, Decimal(0)) for price in old if price not in new))
