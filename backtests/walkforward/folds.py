"""Windows that walk forward: parameters are chosen on one and judged on the next, which they have not seen."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from backtests.walkforward.moments import Moment
from backtests.walkforward.trading import Trade

TRAIN_HOURS = 24 * 90
TEST_HOURS = 24 * 30
HOURS_MIN = 24 * 7  # a window with fewer hours on record judges nothing


class Fold(msgspec.Struct, frozen=True):
    """The hours of a training window and of the test window after it, as ranges of boundaries."""

    train: range
    test: range


def folds(boundaries: range, train_hours: int = TRAIN_HOURS, test_hours: int = TEST_HOURS) -> Iterator[Fold]:
    """Yield the folds of a record: every test window begins where the one before ends, and none overlaps its training."""
    for begin in range(boundaries.start + train_hours, boundaries.stop, test_hours):
        yield Fold(range(begin - train_hours, begin), range(begin, min(begin + test_hours, boundaries.stop)))


def within(moments: Sequence[Moment], window: range) -> list[Moment]:
    """Return the moments that lie in a window."""
    return [moment for moment in moments if moment.boundary in window]


def choose[P](parameters: Iterable[P], trades: Callable[[P], Sequence[Trade]]) -> P:
    """Return the parameters with the best net over `trades`; the first of equals. Raises ValueError without any."""
    return max(parameters, key=lambda each: sum(trade.net for trade in trades(each)))
