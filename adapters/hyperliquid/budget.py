"""How much may still be asked of the venue: weight per address of the internet, actions per account; pure.

The venue counts twice. Every HTTP request has a weight, of which 1,200 a minute may be spent from
one IP address. Every action counts against its account, which has 10,000 of them and one more for
each USD it trades: a small account that quotes much runs out, and could then not even close.
"""

from typing import Final

WEIGHT_PER_MIN: Final = 1_200
WEIGHT_RESERVE: Final = 100  # for actions sent over HTTP while the socket is down

_DEFAULT_WEIGHT = 20
_WEIGHTS = {
    "l2Book": 2,
    "allMids": 2,
    "clearinghouseState": 2,
    "orderStatus": 2,
    "spotClearinghouseState": 2,
    "exchangeStatus": 2,
    "userRole": 60,
}
# How many rows of an answer cost one more.
_ROWS_PER_WEIGHT = {
    "recentTrades": 20,
    "historicalOrders": 20,
    "userFills": 20,
    "userFillsByTime": 20,
    "fundingHistory": 20,
    "userFunding": 20,
    "candleSnapshot": 60,
}


def request_weight(request_type: str) -> int:
    """Return what asking costs, whatever is answered."""
    return _WEIGHTS.get(request_type, _DEFAULT_WEIGHT)


def answer_weight(request_type: str, rows: int) -> int:
    """Return what an answer of `rows` rows costs on top."""
    per_weight = _ROWS_PER_WEIGHT.get(request_type)
    return 0 if per_weight is None else rows // per_weight


class WeightBucket:
    """The weight one IP address may spend, refilled evenly; times are seconds of a monotonic clock."""

    def __init__(self, per_min: int = WEIGHT_PER_MIN, reserve: int = WEIGHT_RESERVE) -> None:
        self._size, self._reserve = float(per_min), reserve
        self._level, self._at_secs = float(per_min), 0.0

    def wait_secs(self, weight: int, now_secs: float) -> float:
        """Return how long a read must wait so as to leave the reserve alone, 0 where it may go ahead."""
        self._refill(now_secs)
        missing = min(weight + self._reserve, self._size) - self._level
        return max(0.0, missing / self._size * 60.0)

    def spend(self, weight: int, now_secs: float) -> None:
        """Count what has been used; actions do not wait and may use the reserve, or owe."""
        self._refill(now_secs)
        self._level -= weight

    def drain(self, now_secs: float) -> None:
        """The venue says that too much was used: others share our address, so start from nothing."""
        self._refill(now_secs)
        self._level = min(self._level, 0.0)

    def _refill(self, now_secs: float) -> None:
        elapsed_secs = max(0.0, now_secs - self._at_secs)
        self._level = min(self._size, self._level + elapsed_secs * self._size / 60.0)
        self._at_secs = now_secs


class ActionBudget:
    """The actions an account has left, as last read and counted since; unknown means unlimited.

    Entries leave `reserve` actions for cancels and for orders that reduce a position.
    """

    def __init__(self, reserve: int) -> None:
        self._reserve = reserve
        self._left: int | None = None

    @property
    def left(self) -> int | None:
        """How many actions are left, None before the first reading."""
        return self._left

    @property
    def is_low(self) -> bool:
        """Whether entries have to stop."""
        return not self.allows(1)

    def read(self, *, used: int, cap: int, surplus: int) -> None:
        """Take in the venue's own count; `surplus` are actions bought and not used."""
        self._left = cap - used + surplus

    def spend(self, actions: int) -> None:
        """Count actions that are being sent."""
        if self._left is not None:
            self._left -= actions

    def exhaust(self) -> None:
        """The venue refused for want of actions: none are left until the next reading."""
        self._left = 0

    def allows(self, actions: int) -> bool:
        """Return whether entries of `actions` actions leave the reserve whole."""
        return self._left is None or self._left - actions >= self._reserve
